"""Guided search: for the key by the tag, for true values by how plausible the picture becomes."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from primis.attacks.record import LEVEL, AttackResult
from primis.attacks.supervised.scoring import above_floor
from primis.attacks.targets import Grey, Published
from primis.attacks.unsupervised.files import Files, against_targets, cleaned, decode
from primis.codec.codes import Integers
from primis.errors import NoKeyError
from primis.obfuscation import keystream
from primis.study.statistics import auc, bootstrap

if TYPE_CHECKING:
    from primis.attacks.attack import Report, Settings
    from primis.study.dataset import Dataset
    from primis.study.workspace import Workspace

CANDIDATES = 12
"""Positions looked at in each image: half of them true, half empty."""

SCALE = 1
PLANTED = "planted: all else known"
UNKNOWN_KEY_BITS = 12

_IMAGES = {True: 8, False: 24}  # quick or not
_WORST = -1e9
Positions = NDArray[np.intp]


def run(dataset: Dataset, _: Workspace, settings: Settings, report: Report) -> list[AttackResult]:
    """See `primis.attacks.attack.Attack`."""
    count = _IMAGES[settings.images is not None]

    def attack(files: Files) -> Iterator[AttackResult]:
        few = Files(files.target, files.cases[:count], files.published[:count], files.seed)
        yield from support_search(few)
        if files.target == "codes":
            more = slice(3 * count)
            noisy = [
                _with_unknowns(p, settings.seed + n) for n, p in enumerate(files.published[more])
            ]
            yield from support_search(Files(PLANTED, files.cases[more], tuple(noisy), files.seed))
        if files.target == "keystream":
            yield from key_search(few)

    return against_targets(attack, dataset, settings, report)


def support_search(files: Files) -> Iterator[AttackResult]:
    """Tell true values from noise by what the decoder's picture becomes without them.

    Coordinate descent: a candidate is dropped for good if the picture is more plausible without it,
    most promising first. Plausible is what has few and sharp edges: the sum of the square roots of
    all differences of neighbours (hyper-Laplacian prior: Krishnan and Fergus, NIPS 2009). What is
    empty in the public file is not true. In the planted weakness only the candidates are unknown,
    and the noise among them is large.
    """
    own, without = [], []
    for index, published in enumerate(files.published):
        positions, truth = _candidates(published, files.seed + index)
        own.append(auc(truth, _climb(published, positions)))
        other = None if files.target == PLANTED else next(files.others(index, 1), None)
        without.append(
            0.5 if other is None else auc(truth, _climb(files.published[other], positions))
        )
    score, floor = above_floor(files.patients, np.array(own), np.array(without), files.seed)
    yield AttackResult(
        attack="support search",
        kind="unsupervised",
        target=files.target,
        metric="AUC, true values against noise",
        score=score,
        floor=floor,
        ceiling=1.0,
        knowledge="the public file and the program"
        + (f", and all codes but {CANDIDATES}" if files.target == PLANTED else ""),
        pairs=None,
        notes=f"{CANDIDATES} candidates in each of {len(files.cases)} images, half of them true",
    )


def key_search(files: Files) -> Iterator[AttackResult]:
    """Try keys until the tag fits: random ones and, planted, all of a key known but for 12 bits."""
    tries = 2**UNKNOWN_KEY_BITS
    for target, unknown in (
        (files.target, 8 * keystream.KEY_LENGTH),
        (f"planted: {UNKNOWN_KEY_BITS} unknown key bits", UNKNOWN_KEY_BITS),
    ):
        found = []
        for published in files.published:
            key = secrets.token_bytes(keystream.KEY_LENGTH)
            sealed = keystream.seal([published.data], [key], b"")
            found.append(float(any(_opens(sealed, guess) for guess in _keys(key, unknown, tries))))
        yield AttackResult(
            attack="key search",
            kind="unsupervised",
            target=target,
            metric="share of keys found",
            score=bootstrap(np.mean, files.patients, np.array(found), level=LEVEL),
            floor=0.0,
            ceiling=1.0,
            knowledge=f"the public file, and the key but for {unknown} bits",
            pairs=None,
            notes=f"{tries} keys tried for each of {len(found)} files",
        )


def plausibility(picture: Grey) -> float:
    """Return minus the sum of the square roots of all differences of neighbouring pixels."""
    values = picture.astype(np.float64)
    return -float(sum(np.sqrt(np.abs(np.diff(values, axis=axis))).sum() for axis in (0, 1)))


def _climb(published: Published, positions: Positions) -> list[float]:
    """For each position: how much less plausible the picture would be without its value."""
    bands = list(cleaned(published))
    losses = [
        _loss(published, bands, place, plausibility(decode(published, tuple(bands))))
        for place in positions
    ]
    for index in np.argsort(losses):
        before = plausibility(decode(published, tuple(bands)))
        loss = _loss(published, bands, positions[index], before)
        losses[index] = loss
        if _WORST < loss < 0:
            bands[SCALE] = _without(bands[SCALE], positions[index])
    return losses


def _loss(
    published: Published, bands: Sequence[Integers], place: Positions, before: float
) -> float:
    if not bands[SCALE][tuple(place)]:
        return _WORST
    changed = list(bands)
    changed[SCALE] = _without(bands[SCALE], place)
    return before - plausibility(decode(published, tuple(changed)))


def _without(band: Integers, place: Positions) -> Integers:
    changed = band.copy()
    changed[tuple(place)] = 0
    return changed


def _candidates(published: Published, seed: int) -> tuple[Positions, NDArray[np.bool_]]:
    """Draw positions (n, 3) of a scale, half of them true."""
    rng = np.random.default_rng(seed)
    support = published.support[SCALE]
    halves = [np.argwhere(support), np.argwhere(~support)]
    half = min(CANDIDATES // 2, *(len(places) for places in halves))
    drawn = [rng.permutation(places)[:half] for places in halves]
    return np.concatenate(drawn), np.arange(2 * half) < half


def _with_unknowns(published: Published, seed: int) -> Published:
    """Put noise as large as the largest true value on the candidates that are empty."""
    rng = np.random.default_rng(seed)
    positions, truth = _candidates(published, seed)
    noisy = published.bands[SCALE].copy()
    top = max(1, int(np.abs(noisy).max()))
    for place in positions[~truth]:
        noisy[tuple(place)] = top * rng.choice((-1, 1))
    bands = list(published.bands)
    bands[SCALE] = noisy
    return replace(published, bands=tuple(bands))


def _keys(key: bytes, unknown: int, tries: int) -> Iterator[bytes]:
    known = int.from_bytes(key, "big") >> unknown << unknown
    for guess in range(tries):
        rest = guess if 2**unknown <= tries else secrets.randbits(unknown)
        yield (known | rest).to_bytes(keystream.KEY_LENGTH, "big")


def _opens(sealed: Sequence[bytes], guess: bytes) -> bool:
    try:
        keystream.open_levels(sealed, 0, guess, b"")
    except NoKeyError:
        return False
    return True
