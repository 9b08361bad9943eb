"""Sparse codes: what lies between the networks and the file, integers only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from primis.codec.layout import Layout

Integers: TypeAlias = NDArray[np.int32]
Mask: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class SparseCodes:
    """The quantised coefficients of an image as a sum of sparse ternary codes.

    Code ``p`` holds, for every coefficient, its sign where bit ``p`` of its magnitude is set and 0
    elsewhere; a coefficient is the sum of ``2**p`` times its code ``p``, times the quantiser step.
    Codes of high ``p`` are few and coarse. A reader who holds only a part of the file knows all
    codes above ``plane``, code ``plane`` where ``known`` says so, and none below. (Sparse ternary
    codes: Ferdowsi, Voloshynovskiy, Kostadinov, Holotyak, IEEE WIFS 2017.)

    Parameters
    ----------
    layout
        Shapes of the bands.
    step
        Quantiser step, in grey levels.
    offset
        Rounded mean of the pixels, 0 to 65535, subtracted before analysis.
    values
        Signed coefficients, int32 (bands, rows, columns): detail bands finest first, then smooth.
    plane
        Lowest code of which anything is known, 0 or above.
    known
        Same shapes: True where code ``plane`` is known.
    sparsified
        Whether the codes are those of the learned transform, moved by the sparsifier, so that the
        restorer is due after synthesis. Otherwise they are plain: of the CDF 9/7 wavelet.
    dark_sides
        Sides whose rim was brightened before analysis, a bit each; see `primis.codec.rim`.
    """

    layout: Layout
    step: float
    offset: int
    values: tuple[Integers, ...]
    plane: int
    known: tuple[Mask, ...]
    sparsified: bool = True
    dark_sides: int = 0

    @property
    def planes(self) -> int:
        """Number of codes: the bit length of the largest magnitude."""
        return max(int(np.abs(band).max(initial=0)).bit_length() for band in self.values)

    def code(self, plane: int) -> tuple[NDArray[np.int8], ...]:
        """Return the sparse ternary code ``plane``: -1, 0, 1 in the shapes of ``values``."""
        return tuple(
            (np.sign(band) * (np.abs(band) >> plane & 1)).astype(np.int8) for band in self.values
        )

    def codes(self) -> Iterator[tuple[NDArray[np.int8], ...]]:
        """Yield all ternary codes, coarsest first."""
        return (self.code(plane) for plane in reversed(range(self.planes)))

    def coefficients(self) -> tuple[NDArray[np.float32], ...]:
        """Return coefficients in steps: non-zero ones in the middle of what is known of them."""
        result = []
        for band, known in zip(self.values, self.known, strict=True):
            middle = np.where(known, np.float32(2**self.plane / 2), np.float32(2**self.plane))
            result.append(band.astype(np.float32) + np.sign(band).astype(np.float32) * middle)
        return tuple(result)


def everything_known(layout: Layout) -> tuple[Mask, ...]:
    """Return ``known`` masks of codes from which nothing is missing."""
    return tuple(np.ones(shape, dtype=np.bool_) for shape in layout.shapes)
