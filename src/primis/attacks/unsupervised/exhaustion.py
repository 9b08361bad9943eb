"""What it costs to try all keys, or all supports."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from primis.attacks.record import LEVEL, AttackResult
from primis.attacks.targets import Published, RawCodes
from primis.attacks.unsupervised.files import Files, against_targets
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
_PER_YEAR = 1e18 * 3.15e7  # guesses a year at a billion billion a second


def exhaustion(files: Files) -> Iterator[AttackResult]:
    """Give the chance that 2**80 guesses find what is hidden of an image.

    Under ambiguation and separable noise that is the support of the two finest scales; all supports
    count as equally likely, which flatters the scheme. A key of 40 bits is the planted weakness.
    """
    bits = [unknown_bits(files.target, published) for published in files.published]
    yield _result(files.target, bits, files)
    if files.target == "keystream":
        yield _result(f"planted: key of {_PLANTED_BITS} bits", [_PLANTED_BITS] * len(bits), files)


def unknown_bits(target: str, published: Published) -> float:
    """Return log2 of the number of candidates."""
    if target == RawCodes().name:
        return 0.0
    if target.startswith("keystream"):
        return 8.0 * KEY_LENGTH
    return sum(
        _log2_choices(support.size, int(support.sum()))
        for support in published.support[:AMBIGUATED_SCALES]
    )


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
        knowledge="the public file and the program",
        pairs=None,
        notes=in_words(min(bits)),
    )


def _log2_choices(n: int, k: int) -> float:
    return (math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)) / math.log(2)
