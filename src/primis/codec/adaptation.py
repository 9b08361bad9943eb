"""Probabilities that follow the image: the trained table, corrected by what was coded so far.

How often symbols of similar probability turned out to be 1, against how often the table expected
it, scales the odds of those that follow (secondary estimation, as in the coders of the PAQ family).
Integers throughout, so encoder and decoder agree everywhere.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PROBABILITY_BITS = 16

_GROUP = 16  # neighbouring indices that are corrected alike
_FADING = 4  # what was seen before a group of symbols counts 15/16 of it afterwards
_PRIOR = 4 << PROBABILITY_BITS  # ones that were expected and seen before the first symbol
_RATIO_BITS = 12
_LEAST_RATIO, _LARGEST_RATIO = 1 << _RATIO_BITS - 4, 1 << _RATIO_BITS + 4

Table = NDArray[np.int64]


class AdaptiveTable:
    """A probability table for symbols of one kind.

    Nothing is changed in place, so a shallow copy of a fresh table is another one.

    Parameters
    ----------
    trained
        128 integers in 1..65535: the probability of a 1 at each index, in 1/65536.
    """

    def __init__(self, trained: Table) -> None:
        self._trained = trained.reshape(-1, _GROUP)
        self._against = ((1 << PROBABILITY_BITS) - self._trained) << _RATIO_BITS
        self._sums = _sums(self._trained)
        self._seen_and_expected = np.zeros(2 * len(self._trained), dtype=np.int64)
        self.probabilities: NDArray[np.float64] = trained / 2**PROBABILITY_BITS

    def learn(self, counts: NDArray[np.int64]) -> None:
        """Take note of a group of symbols: how many are 0 and 1 at each index (2, 128)."""
        kinds = counts.ravel()
        faded = self._seen_and_expected - (self._seen_and_expected >> _FADING)
        self._seen_and_expected = faded + (kinds @ self._sums).astype(np.int64)
        seen, expected = (self._seen_and_expected + _PRIOR).reshape(2, -1)
        ratios = np.maximum((seen << _RATIO_BITS) // expected, _LEAST_RATIO)
        pro = self._trained * np.minimum(ratios, _LARGEST_RATIO)[:, None]
        corrected = (pro << PROBABILITY_BITS) // (pro + self._against)
        self.probabilities = np.maximum(corrected, 1).ravel() / 2**PROBABILITY_BITS


def _sums(trained: Table) -> NDArray[np.float64]:
    """Return what a 0 and a 1 at each index add: to ones seen, then to ones expected, by group.

    Floats, whose products of matrices are fast and which hold sums of integers to 2**53 exactly.
    """
    groups = np.repeat(np.eye(len(trained)), _GROUP, axis=0)
    expected = groups * trained.reshape(-1, 1)
    seen = groups * 2.0**PROBABILITY_BITS
    return np.block([[np.zeros_like(seen), expected], [seen, expected]])
