"""A second runtime for the networks of the context model, from docs/format.md, slow and exact.

Sums are int64, and shifts are shifts.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np


class ExactNetwork:
    """Evaluates one of the networks; ``largest`` is the largest sum of magnitudes met so far."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as arrays:
            self._weights = {name: arrays[name].astype(np.int64) for name in arrays}
        self.largest = 0

    def __call__(
        self, cells: np.ndarray, number: int, densities: np.ndarray | None = None
    ) -> np.ndarray:
        """Map cells (channels, h, w), and densities (6,) for bits, to indices (outputs, h, w).

        ``number`` is that of the network along the first axis of the weights.
        """
        weights = {name: array[number] for name, array in self._weights.items()}
        around = _neighbourhoods(cells)
        if densities is None:
            indices = self._sign_indices(around, weights)
        else:
            indices = self._bit_indices(np.abs(around), densities, weights)
        return indices.T.reshape(-1, *cells.shape[1:])

    def _bit_indices(self, around, densities, weights) -> np.ndarray:
        first = self._sum(
            (around, weights["near"]), (densities, weights["overall"]), weights["near_bias"]
        )
        first = np.clip(first >> 7, 0, 1023)
        second = self._sum((first, weights["middle"]), weights["middle_bias"])
        second = np.clip(second >> 8, 0, 1023)
        last = self._sum((second, weights["out"]), weights["out_bias"])
        return np.clip((last >> 10) + 96, 0, 127)

    def _sign_indices(self, around, weights) -> np.ndarray:
        one, other = (
            np.clip(self._sum((turned, weights["near"]), weights["near_bias"]) >> 7, 0, 1023)
            for turned in (around, -around)
        )
        last = self._sum((one - other, weights["out"]), np.int64(512))
        return np.clip((last >> 10) + 64, 0, 127)

    def _sum(self, *terms: np.ndarray | tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """Add products of matrices and biases."""
        total = reach = 0
        for term in terms:
            left, right = term if isinstance(term, tuple) else (term, None)
            total = total + (left if right is None else left @ right)
            reach = reach + (np.abs(left) if right is None else np.abs(left) @ np.abs(right))
        self.largest = max(self.largest, int(np.max(reach)))
        return total


def _neighbourhoods(cells: np.ndarray) -> np.ndarray:
    """Rows of nine cells, from top left to bottom right, each of its channels and a 0."""
    channels, rows, columns = cells.shape
    around = np.zeros((rows + 2, columns + 2, channels + 1), dtype=np.int64)
    around[1:-1, 1:-1, :-1] = np.moveaxis(cells, 0, -1)
    return np.array(
        [around[r : r + 3, c : c + 3].ravel() for r in range(rows) for c in range(columns)]
    )
