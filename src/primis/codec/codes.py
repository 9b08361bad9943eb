"""Sparse codes: what lies between the networks and the file, integers only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from primis.codec.layout import Layout
from primis.codec.spans import DYADIC, Span

Integers: TypeAlias = NDArray[np.int32]
Mask: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class SparseCodes:
    """The quantised coefficients of an image as a sum of sparse ternary codes.

    Code ``p`` holds, for every coefficient, its sign where bit ``p`` of its word is set and 0
    elsewhere; words are magnitudes in quantiser steps, counted by `primis.codec.spans`: the sum of
    ``2**p`` times code ``p``, where the span is a power of two. Codes of high ``p`` are few and
    coarse. A reader who holds only a part of the file knows all codes above ``plane``, code
    ``plane`` where ``known`` says so, and none below. (Sparse ternary codes: Ferdowsi,
    Voloshynovskiy, Kostadinov, Holotyak, IEEE WIFS 2017.)

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
        What is not known of a word is 0.
    plane
        Lowest code of which anything is known, 0 or above.
    known
        Same shapes: True where code ``plane`` is known.
    sparsified
        Whether the codes are those of the learned transform, moved by the sparsifier, so that the
        restorer is due after synthesis. Otherwise they are plain: of the CDF 9/7 wavelet.
    dark_sides
        Sides whose rim was brightened before analysis, a bit each; see `primis.codec.rim`.
    span
        How words stand for magnitudes.
    """

    layout: Layout
    step: float
    offset: int
    values: tuple[Integers, ...]
    plane: int
    known: tuple[Mask, ...]
    sparsified: bool = True
    dark_sides: int = 0
    span: Span = DYADIC

    @property
    def planes(self) -> int:
        """Number of codes: the bit length of the largest word."""
        return max(int(np.abs(band).max(initial=0)).bit_length() for band in self.words())

    def words(self) -> tuple[Integers, ...]:
        """Return the words that ``values`` have, with their signs."""
        return tuple(self.span.words(band) for band in self.values)

    def code(self, plane: int) -> tuple[NDArray[np.int8], ...]:
        """Return the sparse ternary code ``plane``: -1, 0, 1 in the shapes of ``values``."""
        return tuple(
            (np.sign(band) * (np.abs(band) >> plane & 1)).astype(np.int8) for band in self.words()
        )

    def codes(self) -> Iterator[tuple[NDArray[np.int8], ...]]:
        """Yield all ternary codes, coarsest first."""
        return (self.code(plane) for plane in reversed(range(self.planes)))

    def coefficients(self) -> tuple[NDArray[np.float32], ...]:
        """Return coefficients in steps: non-zero ones in the middle of what is known of them."""
        result = []
        of_next, of_this = (np.int32(1 << plane) for plane in (self.plane + 1, self.plane))
        for band, known in zip(self.values, self.known, strict=True):
            found = np.flatnonzero(band)  # few are
            begin = band.reshape(-1)[found]
            unknown = np.where(known.reshape(-1)[found], of_this, of_next)
            end = self.span.values(self.span.words(np.abs(begin)) + unknown)
            middle = (np.abs(begin) + end) * np.float32(0.5)
            coefficients = np.zeros(band.shape, dtype=np.float32)
            coefficients.reshape(-1)[found] = np.where(begin < 0, -middle, middle)
            result.append(coefficients)
        return tuple(result)


def everything_known(layout: Layout) -> tuple[Mask, ...]:
    """Return ``known`` masks of codes from which nothing is missing."""
    return tuple(np.ones(shape, dtype=np.bool_) for shape in layout.shapes)
