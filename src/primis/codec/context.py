"""How likely a code symbol is, from what is already coded around it: exact integers throughout.

Small networks look at a 3x3 neighbourhood of 2x2 cells; see `primis.codec.integers`. In most
neighbourhoods nothing is known of the scale itself. There a network of its own tells all places of
a cell at once from the coarser scale, if that has anything, and one neighbourhood stands for all
where it has not.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from primis.codec.adaptation import PROBABILITY_BITS
from primis.codec.codes import Integers, Mask
from primis.codec.integers import (
    PARENT_SLOTS,
    PORTION,
    SIDE,
    SLOTS,
    BitNetwork,
    Numbers,
    SignNetwork,
    read_weights,
)
from primis.codec.layout import BANDS, PLACES, steps

CHANNELS = len(PLACES) + BANDS
SCALE_CLASSES = 4
NETWORK, PARENT_NETWORK, SIGN_NETWORK = "context.npz", "parents.npz", "signs.npz"

# round(16 * log2(1 + x / 4)), x = 6 for a magnitude of 1, which this plane has made non-zero, and
# x = 4 * M + 4 for even magnitudes M, whose last bit this plane has still to refine.
_REFINABLE = [32, 41, 48, 53, 57, 61, 64, 67, 69, 71, 73, 75, 77, 79, 80]
LEVELS = np.array([0, 21, *np.repeat(_REFINABLE, 2)], dtype=np.int8)
# Share of non-zero coefficients in a band, in 1/4096: about 4 * log2(1 + share).
_SHARES = np.array(
    # smallest share with each value from 1 on: ceil(2 ** ((k - 0.5) / 4) - 1)
    [1, 1, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 10, 12, 14, 17, 20, 24, 29, 34, 41, 49, 58, 69, 82,
     98, 117, 139, 165, 197, 234, 279, 331, 394, 469, 558, 663, 789, 939, 1116, 1327, 1579, 1878,
     2233, 2655, 3158, 3756],
    dtype=np.int64,
)  # fmt: skip

Features: TypeAlias = NDArray[np.int8]
Indices: TypeAlias = NDArray[np.uint8]
Positions: TypeAlias = NDArray[np.intp]

_STEPS = [places for scale in range(SCALE_CLASSES) for places in steps(scale)]


def feature(magnitude: Integers, negative: Mask) -> Features:
    """Feature, with its sign, of magnitudes in units of the current plane."""
    features = np.zeros(magnitude.size, dtype=np.int8)
    found = np.flatnonzero(magnitude)  # few are
    levels = LEVELS[np.minimum(magnitude.reshape(-1)[found], len(LEVELS) - 1)]
    features[found] = np.where(negative.reshape(-1)[found], -levels, levels)
    return features.reshape(magnitude.shape)


def density(magnitude: Integers) -> NDArray[np.float32]:
    """Feature of how many coefficients of each band (bands, rows, columns) are non-zero."""
    count = np.count_nonzero(magnitude, axis=(1, 2)).astype(np.int64)
    share = (count << 12) // (magnitude.shape[1] * magnitude.shape[2])
    values: NDArray[np.float32] = np.searchsorted(_SHARES, share, side="right").astype(np.float32)
    return values


def bordered(features: Features) -> Features:
    """Arrange features (15, rows, columns) as cells (rows + 2, columns + 2, 16), zeros around."""
    channels, rows, columns = features.shape
    cells = np.zeros((rows + 2, columns + 2, SLOTS), dtype=np.int8)
    cells[1:-1, 1:-1, :channels] = features.transpose(1, 2, 0)
    return cells


def busy(channels: Features) -> Mask:
    """Tell which cells, flat and without the border, have anything but 0 in their neighbourhood.

    ``channels`` (rows + 2, columns + 2, n): what counts of each cell, n a multiple of 4.
    """
    words = np.moveaxis(channels.view(np.uint32), 2, 0)
    found: Mask = reduce(np.bitwise_or, words) != 0
    found = found[:, :-2] | found[:, 1:-1] | found[:, 2:]
    found = found[:-2] | found[1:-1] | found[2:]
    return found.ravel()


def neighbourhoods(cells: Features, positions: Positions) -> Features:
    """Return the neighbourhoods (n, 9 * slots) of n cells, flat positions without the border.

    ``cells`` are (rows + 2, columns + 2, slots).
    """
    _, width, slots = cells.shape
    corners = positions // (width - 2) * width + positions % (width - 2)
    offsets = np.arange(SIDE)[:, None] * width + np.arange(SIDE)
    whole_cells = cells.reshape(-1).view(f"V{slots}")
    found: Features = whole_cells[corners[:, None] + offsets.ravel()].view(np.int8)
    return found.reshape(len(positions), offsets.size * slots)


class ContextModel:
    """The networks that look around a symbol, and the tables that make probabilities of it.

    Parameters
    ----------
    folder
        Holds ``context.npz``, ``parents.npz`` and ``signs.npz``, the weights of the networks for
        bits, for bits where only the coarser scale is known, and for signs.
    probabilities
        128 integers in 1..65535: the probability of a 1, in 1/65536.
    sign_probabilities
        The same for a minus.
    """

    def __init__(
        self,
        folder: Path,
        probabilities: NDArray[np.int64],
        sign_probabilities: NDArray[np.int64],
    ) -> None:
        by_step = [places.stop - places.start for places in _STEPS]
        self._bits = BitNetwork(read_weights(folder / NETWORK), by_step)
        self._parents = BitNetwork(read_weights(folder / PARENT_NETWORK), [1] * SCALE_CLASSES)
        self._signs = SignNetwork(read_weights(folder / SIGN_NETWORK), by_step)
        self.probabilities = probabilities
        self.sign_probabilities: NDArray[np.float64] = sign_probabilities / 2**PROBABILITY_BITS

    def expected(self, cells: Features, densities: Numbers, scale: int) -> Indices:
        """Return indices (12, h, w) of significance, given the coarser scale alone.

        Parameters
        ----------
        cells
            (h + 2, w + 2, 16): features of the twelve places of a cell, then of the three bands of
            the coarser scale, as `bordered` arranges them. Signs do not matter.
        densities
            (6,): of the three bands and of the three coarser ones.
        scale
            0 the finest.
        """
        parents = np.abs(cells[..., -PARENT_SLOTS:])
        near = busy(parents)
        positions = np.flatnonzero(near)
        if len(positions) < len(near):  # one that has nothing nearby stands for all of them
            positions = np.append(positions, near.argmin())
        network = partial(self._parents, densities=densities, group=min(scale, SCALE_CLASSES - 1))
        found = _in_portions(network, parents, positions)[:, 0]
        rows, columns = cells.shape[0] - 2, cells.shape[1] - 2
        indices = np.repeat(found[:, -1:], rows * columns, axis=1)
        indices[:, positions] = found
        return indices.reshape(len(PLACES), rows, columns)

    def indices(
        self, cells: Features, densities: Numbers, scale: int, step: int, expected: Indices
    ) -> tuple[Indices, Indices]:
        """Return probability indices (places, h, w) of significance and of refinement symbols.

        Parameters
        ----------
        cells, densities, scale
            As in `expected`.
        step
            Which places of the scale, of its `steps`, come next.
        expected
            (12, h, w): what holds where nothing nearby is known of the scale. Nothing is refined
            there, and the indices of refinement are 0.
        """
        positions = np.flatnonzero(busy(cells[..., : len(PLACES)]))
        network = partial(self._bits, densities=densities, group=_group(scale, step))
        found = _in_portions(network, np.abs(cells), positions)
        significance = expected[steps(scale)[step]].copy()
        refinement = np.zeros_like(significance)
        for indices, near in zip((significance, refinement), found, strict=True):
            indices.reshape(len(indices), -1)[:, positions] = near
        return significance, refinement

    def sign_indices(self, cells: Features, positions: Positions, scale: int, step: int) -> Indices:
        """Return indices (n,) of the signs of coefficients at n positions of a step.

        Parameters
        ----------
        cells
            As in `indices`, features with signs.
        positions
            Flat in all places of the scale (12, h, w).
        scale, step
            As in `indices`.
        """
        place, inside = np.divmod(positions, (cells.shape[0] - 2) * (cells.shape[1] - 2))
        which = place - steps(scale)[step].start
        network = partial(self._signs, group=_group(scale, step))
        found: Indices = _in_portions(network, cells, inside)[0, which, np.arange(len(which))]
        return found


def _group(scale: int, step: int) -> int:
    """Return which of the groups of networks is for a step of a scale."""
    return sum(len(steps(finer)) for finer in range(min(scale, SCALE_CLASSES - 1))) + step


def _in_portions(
    network: Callable[[Numbers], Numbers], cells: Features, positions: Positions
) -> Indices:
    """Run networks on the neighbourhoods of n positions; return (outputs, networks, n)."""
    parts = [
        network(neighbourhoods(cells, positions[start : start + PORTION]).astype(np.float32))
        for start in range(0, max(1, len(positions)), PORTION)
    ]
    indices: Indices = np.concatenate(parts, axis=1).transpose(2, 0, 1).astype(np.uint8)
    return indices
