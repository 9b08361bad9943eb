"""What it costs to try all keys, or all supports."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from primis.attacks.record import LEVEL, AttackResult
from primis.attacks.targets import RawCodes, planted_targets
from primis.attacks.unsupervised.files import Files, against_targets, cleaned
from primis.attacks.verdicts import DEFAULT
from primis.obfuscation.ambiguation import AMBIGUATED_SCALES
from primis.obfuscation.keystream import KEY_LENGTH
from primis.study.statistics import Interval, bootstrap

if TYPE_CHECKING:
    from primis.attacks.attack import Report, Settings
    from primis.study.dataset import Dataset
    from primis.study.workspace import Workspace


def run(dataset: Dataset, _: Workspace, settings: Settings, report: Report) -> list[AttackResult]:
    """See `primis.attacks.attack.Attack`."""
    return against_targets(exhaustion, dataset, settings, report)


GUESSES = 80
"""Two to this power: guesses that an attacker can pay for; beyond what any has been known to do."""

_PLANTED_BITS = 40
_UNSURE = 2.0**-24  # chance that what seems certain about a position is wrong
_PER_YEAR = 1e18 * 3.15e7  # guesses a year at a billion billion a second


def exhaustion(files: Files) -> Iterator[AttackResult]:
    """Give the chance that 2**80 guesses find what is hidden of an image.

    Under ambiguation and separable noise that is the support of the two finest scales, guessed in
    the order of likelihood; under the keystream the key. One of 40 bits is the planted weakness.
    Keystreams with other weaknesses are nothing to exhaust.
    """
    if files.target in planted_targets():
        return
    if files.target == RawCodes().name:
        bits = [0.0] * len(files.cases)
    elif files.target == DEFAULT:
        bits = [8.0 * KEY_LENGTH] * len(files.cases)
    else:
        bits = [surprisal(files, index) for index in range(len(files.cases))]
    yield _result(files.target, bits, files)
    if files.target == DEFAULT:
        yield _result(f"planted: key of {_PLANTED_BITS} bits", [_PLANTED_BITS] * len(bits), files)


def surprisal(files: Files, index: int) -> float:
    """Return how unlikely the true support of a file is to those who know others, in bits.

    They know how often each position is true in the other patients' images, that none is that is
    empty in the public file, and how many of the others have noise. Noise that sticks out they take
    out. A support of b bits is among the 2**b likeliest.
    """
    published = files.published[index]
    patient = files.cases[index].patient
    others = [
        other.support
        for case, other in zip(files.cases, files.published, strict=True)
        if case.patient != patient
    ]
    bits = 0.0
    for scale, band in enumerate(cleaned(published)[:AMBIGUATED_SCALES]):
        known = np.stack([support[scale] for support in others])
        often = ((known.sum(axis=0) + known.mean()) / (len(known) + 1)).clip(_UNSURE, 1)
        usual, there = np.mean(often), np.mean(band != 0)
        stuck_out = not np.array_equal(band, published.bands[scale])
        noisy = 0.0 if stuck_out else np.clip((there - usual) / (1 - usual), 0, 1)
        likely = np.where(band != 0, often / (often + (1 - often) * noisy), 0)
        likely = likely.clip(_UNSURE, 1 - _UNSURE)
        bits -= np.log2(np.where(published.support[scale], likely, 1 - likely)).sum()
    return float(bits)


def in_words(bits: float) -> str:
    """Say how long 2**bits guesses take."""
    exponent = bits * math.log10(2) - math.log10(_PER_YEAR)
    if exponent < -6:
        return f"2^{bits:.0f} guesses, less than a minute at a billion billion a second"
    return f"2^{bits:.0f} guesses, 10^{exponent:.0f} years at a billion billion a second"


def _result(target: str, bits: list[float], files: Files) -> AttackResult:
    chances = np.array([2.0 ** min(0.0, GUESSES - b) for b in bits])
    score: Interval = bootstrap(np.mean, files.patients, chances, seed=files.seed, level=LEVEL)
    negligible = score.high < 2.0**-GUESSES
    return AttackResult(
        attack="exhaustion",
        kind="unsupervised",
        target=target,
        metric=f"chance that 2^{GUESSES} guesses suffice",
        score=Interval(0.0, 0.0, 0.0) if negligible else score,
        floor=0.0,
        ceiling=1.0,
        knowledge="the public file, the program, and other patients' images",
        pairs=None,
        notes=in_words(min(bits)),
    )
