"""How many codes the bytes pay for: from the magnitudes of coefficients to a quantiser step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from primis.codec.networks import DISTINCT_SCALES
from primis.codec.tiling import Maps

Floats: TypeAlias = NDArray[np.float64]

COUNTS = DISTINCT_SCALES + 1
"""Numbers that say what codes at some step cost: see `Census.counts`."""

_BINS_PER_OCTAVE = 64
_LOWEST, _HIGHEST = -40, 24  # powers of two; magnitudes beyond count as these
_BINS = (_HIGHEST - _LOWEST) * _BINS_PER_OCTAVE
_NEAR = 3 * _BINS_PER_OCTAVE // 4  # bins: what is above 0.6 steps may be moved to one


@dataclass(frozen=True, eq=False)
class Census:
    """Logarithmic histogram of the magnitudes of the detail coefficients of an image.

    Parameters
    ----------
    above
        (4, bins): how many coefficients of the finest, the next two and all coarser scales lie in
        a bin or above it; bins are 1/64 octave wide.
    """

    above: NDArray[np.int64]

    @classmethod
    def of(cls, details: Sequence[Maps]) -> Census:
        """Count ``details``, the bands of each scale, finest first."""
        counts = np.zeros((DISTINCT_SCALES, _BINS), dtype=np.int64)
        for scale, bands in enumerate(details):
            with np.errstate(divide="ignore"):
                octaves = np.log2(np.abs(bands.ravel()))
            bins = np.floor((octaves - _LOWEST).clip(0, _HIGHEST - _LOWEST) * _BINS_PER_OCTAVE)
            found = np.bincount(bins.astype(np.int64).clip(0, _BINS - 1), minlength=_BINS)
            counts[min(scale, DISTINCT_SCALES - 1)] += found
        return cls(counts[:, ::-1].cumsum(axis=1)[:, ::-1])

    def counts(self) -> NDArray[np.int64]:
        """Return (5, bins): coefficients not below the step of a bin, by scale, and those near it.

        Near are those between 0.6 steps and one, which the sparsifier may move to one.
        """
        total = self.above.sum(axis=0)
        near = np.concatenate((np.full(_NEAR, total[0]), total[:-_NEAR])) - total
        return np.concatenate((self.above, near[None]))

    def step(self, bits: float, prices: Floats) -> float:
        """Return the smallest step at which codes cost no more than ``bits``.

        Parameters
        ----------
        bits
            What there is to spend.
        prices
            (5,): bits per coefficient of each count.
        """
        costs = prices @ self.counts()
        return self.step_of(int(np.argmax(costs <= bits)) if (costs <= bits).any() else _BINS - 1)

    @staticmethod
    def step_of(bin_: int) -> float:
        """Return the lowest magnitude of a bin."""
        return float(2.0 ** (_LOWEST + bin_ / _BINS_PER_OCTAVE))

    @staticmethod
    def bin_of(step: float) -> int:
        """Return the bin that a magnitude lies in."""
        octaves = float(np.log2(step)) - _LOWEST
        return int(np.clip(np.floor(octaves * _BINS_PER_OCTAVE + 1e-6), 0, _BINS - 1))
