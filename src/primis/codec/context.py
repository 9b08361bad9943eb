"""How likely a code symbol is, from what is already coded around it: exact integers throughout.

A small convolutional network looks at a 3x3 neighbourhood of 2x2 cells. Its weights, inputs and
intermediate values are integers below 2**24 held in float32, where sums are exact in any order, so
every machine computes the same probability (checked when a model is exported). A probability
computed from inexact floats would turn to garbage on another machine.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from primis.codec.codes import Integers
from primis.codec.layout import BANDS, PLACES

CHANNELS = len(PLACES) + BANDS
SCALE_CLASSES = 4
PROBABILITY_BITS = 16
EVEN_ODDS = 96
"""Index of probability one half in the table of 128 probabilities."""

# round(16 * log2(1 + x / 4)) for magnitudes M from 1 on, x = 4 * M + 2 where M is known to the
# current plane, x = 8 * M + 4 where only to the plane above; from 15 on all are alike.
_CURRENT = np.array(
    [0, 21, 29, 35, 39, 43, 47, 49, 52, 54, 56, 58, 60, 62, 63, 65], dtype=np.float32
)
_ABOVE = np.array([0, 32, 41, 48, 53, 57, 61, 64, 67, 69, 71, 73, 75, 77, 79, 80], dtype=np.float32)
# Share of non-zero coefficients in a band, in 1/4096: about 4 * log2(1 + share).
_SHARES = np.array(
    # smallest share with each value from 1 on: ceil(2 ** ((k - 0.5) / 4) - 1)
    [1, 1, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 10, 12, 14, 17, 20, 24, 29, 34, 41, 49, 58, 69, 82,
     98, 117, 139, 165, 197, 234, 279, 331, 394, 469, 558, 663, 789, 939, 1116, 1327, 1579, 1878,
     2233, 2655, 3158, 3756],
    dtype=np.int64,
)  # fmt: skip


def current_level(magnitude: Integers) -> NDArray[np.float32]:
    """Feature of magnitudes whose lowest known bit is that of the current plane."""
    return _CURRENT[np.minimum(magnitude, 15)]


def level_above(magnitude: Integers) -> NDArray[np.float32]:
    """Feature of magnitudes whose lowest known bit is that of the plane above."""
    return _ABOVE[np.minimum(magnitude, 15)]


def density(magnitude: Integers) -> NDArray[np.float32]:
    """Feature of how many coefficients of each band (bands, rows, columns) are non-zero."""
    count = np.count_nonzero(magnitude, axis=(1, 2)).astype(np.int64)
    share = (count << 12) // (magnitude.shape[1] * magnitude.shape[2])
    values: NDArray[np.float32] = np.searchsorted(_SHARES, share, side="right").astype(np.float32)
    return values


class ContextModel:
    """The context network and the table that turns its output into probabilities.

    Parameters
    ----------
    network
        ONNX file: inputs ``cells`` (1, 15, h, w) and ``densities`` (1, 6, 1, 1) of integers in
        float32 and ``place``, int64, 12 times the scale class plus the number of the place in the
        cell; output (2, h, w): indices 0 to 127 for significance, then for refinement.
    probabilities
        128 integers in 1..65535: the probability of a 1, in 1/65536.
    options
        Options of the onnxruntime session.
    """

    def __init__(
        self,
        network: Path,
        probabilities: NDArray[np.int64],
        options: onnxruntime.SessionOptions,
    ) -> None:
        self._session = onnxruntime.InferenceSession(
            str(network), options, providers=["CPUExecutionProvider"]
        )
        self.probabilities: NDArray[np.float64] = probabilities / 2**PROBABILITY_BITS

    def indices(
        self, cells: NDArray[np.float32], densities: NDArray[np.float32], scale: int, place: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return probability indices (h, w) of significance and of refinement symbols.

        Parameters
        ----------
        cells
            (15, h, w): features of the twelve places of a cell, then of the three bands of the
            coarser scale.
        densities
            (6,): of the three bands and of the three coarser ones.
        scale, place
            Which scale (0 the finest) and place in the cell, of `PLACES`, comes next.
        """
        number = min(scale, SCALE_CLASSES - 1) * len(PLACES) + place
        (output,) = self._session.run(
            None,
            {
                "cells": cells[None],
                "densities": densities.reshape(1, -1, 1, 1),
                "place": np.array(number, dtype=np.int64),
            },
        )
        significance, refinement = output.astype(np.uint8)
        return significance, refinement
