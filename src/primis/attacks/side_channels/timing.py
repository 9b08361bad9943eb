"""What the time to fail, to decode and to protect tells."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from primis.api import protect, reconstruct
from primis.attacks.record import LEVEL, AttackResult
from primis.attacks.side_channels.publication import (
    Publication,
    Victims,
    busy,
    lossless_sizes,
)
from primis.attacks.targets import image
from primis.errors import NoKeyError, PrimisError
from primis.keys import ImageKey
from primis.obfuscation import Level
from primis.obfuscation.keystream import KEY_LENGTH
from primis.study.renditions import throwaway_keyring
from primis.study.statistics import auc, bootstrap

if TYPE_CHECKING:
    from primis.attacks.attack import Report, Settings
    from primis.study.dataset import Dataset
    from primis.study.workspace import Workspace

Work = Callable[[], object]

_WATCHED = "documented to depend on the picture; seen only on the machine of a key holder or owner"
_KEYS = 400  # failing takes less than a millisecond, so that noise takes many trials to average
_FAILURES = 9  # repeats of each
_PER_BYTE = 1e-7  # seconds that the planted work takes for every byte of lossless content
_PAUSE = 20e-6  # seconds that the planted comparison takes for every byte that is right


def run(dataset: Dataset, _: Workspace, settings: Settings, report: Report) -> list[AttackResult]:
    """See `primis.attacks.attack.Attack`."""
    victims = Victims.of(dataset, settings)
    report("taking times")
    repeats = 3 if settings.images else 7
    return timing(victims.publish(), rate=settings.rate, repeats=repeats, seed=settings.seed)


def timing(
    publication: Publication, *, rate: float, repeats: int, seed: int = 0
) -> list[AttackResult]:
    """Tell busy images from plain ones, and half right keys from wrong ones, by the time it takes.

    Parameters
    ----------
    publication
        Images of one shape.
    rate
        Bits per pixel to protect at.
    repeats
        Measurements of decoding and protecting an image, made in random order; their median counts.
    """
    keyring = throwaway_keyring()
    pixels, files = publication.pixels, publication.files
    spins: list[Work] = [partial(_spin, _PER_BYTE * size) for size in lossless_sizes(pixels)]
    contents: list[tuple[str, str, list[Work], str]] = [
        ("time to fail", "keystream", [partial(_fails, f, _random_key()) for f in files], ""),
        (
            "time to decode",
            "documented: machine watched",
            [partial(reconstruct, f, publication.keyring, threads=1) for f in files],
            _WATCHED,
        ),
        (
            "time to protect",
            "documented: machine watched",
            [partial(protect, image(p), keyring, name="", rate=rate, threads=1) for p in pixels],
            _WATCHED,
        ),
        *(
            (f"time to {what}", "planted: time follows content", spins, "")
            for what in ("fail", "decode", "protect")
        ),
    ]
    truth = busy(pixels)
    results = [
        _result(
            attack,
            target,
            publication.patients,
            truth,
            measure(work, _FAILURES if attack == "time to fail" else repeats, seed),
            notes,
        )
        for attack, target, work, notes in contents
    ]
    return [*results, *_key_timing(publication, seed)]


def measure(work: Sequence[Work], repeats: int, seed: int) -> NDArray[np.float64]:
    """Return the median time of each piece of work in seconds.

    All are repeated in random order, so that a busy machine slows none of them in particular.
    """
    rng = np.random.default_rng(seed)
    times = np.empty((repeats, len(work)))
    for row in times:
        for index in rng.permutation(len(work)):
            began = time.perf_counter()
            work[index]()
            row[index] = time.perf_counter() - began
    return np.asarray(np.median(times, axis=0))


def _key_timing(publication: Publication, seed: int) -> list[AttackResult]:
    """Tell keys whose first half is right from random ones by the time they take to fail."""
    true = publication.keyring.image_key(publication.ids[0], Level.FULL).material
    assert isinstance(true, bytes)
    half_right = np.arange(_KEYS) % 2 == 1
    guesses = [
        (true[: KEY_LENGTH // 2] if right else b"") + secrets.token_bytes(KEY_LENGTH)
        for right in half_right
    ]
    keys = [guess[:KEY_LENGTH] for guess in guesses]
    checks: tuple[tuple[str, list[Work]], ...] = (
        ("keystream", [partial(_fails, publication.files[0], key) for key in keys]),
        ("planted: byte by byte", [partial(_compare_slowly, key, true) for key in keys]),
    )
    trials = [str(number) for number in range(len(keys))]
    return [
        _result(
            "time to refuse a key",
            target,
            trials,
            half_right,
            measure(work, _FAILURES, seed),
            "",
            metric="AUC, keys half right against random ones",
        )
        for target, work in checks
    ]


def _result(
    attack: str,
    target: str,
    units: Sequence[str],
    truth: NDArray[np.bool_],
    medians: NDArray[np.float64],
    notes: str,
    metric: str = "AUC, busy against plain images",
) -> AttackResult:
    measured = f"median {1e3 * float(np.median(medians)):.2g} ms"
    return AttackResult(
        attack=attack,
        kind="side channel",
        target=target,
        metric=metric,
        score=bootstrap(auc, units, truth, medians, level=LEVEL),
        floor=0.5,
        ceiling=1.0,
        knowledge="how long the program takes",
        pairs=None,
        notes="; ".join(filter(None, (measured, notes))),
        either_way=True,
    )


def _random_key() -> bytes:
    return secrets.token_bytes(KEY_LENGTH)


def _fails(file: bytes, key: bytes) -> PrimisError:
    try:
        reconstruct(file, ImageKey(Level.FULL, key))
    except NoKeyError as error:
        return error
    raise AssertionError("a wrong key opened a file")


def _compare_slowly(guess: bytes, true: bytes) -> None:
    """Compare two keys as one must not: stop at the first byte that differs."""
    for one, other in zip(guess, true, strict=True):
        if one != other:
            return
        _spin(_PAUSE)


def _spin(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass
