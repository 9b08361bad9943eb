"""The rim of an image: its outermost lines, where resampling has mixed in black from outside.

A resampler that takes the outside of an image for black leaves a dark frame of one pixel and, if
its filter has negative lobes, a bright line inside it; two thirds of the NIH images have one. It
carries no information, but a wavelet, whose details are the differences of neighbours, spends up to
a fifth of a file on it. So a model knows the gain of each of these lines, fitted to its training
images; the encoder divides by them at the sides where that makes the lines alike, says in four bits
which sides those are, and the decoder multiplies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

DEPTH = 3
"""Lines of a rim, from the outermost one on."""

TURNS = 4
"""Sides are numbered by the quarter turns that bring them to the top: top, right, bottom, left."""

_DARK = 0.9
_RARE = 0.05
_ROUNDS = 10

Gray: TypeAlias = NDArray[np.float32]
Number = TypeVar("Number", bound=np.generic)


def dark_sides(image: Gray, gains: Sequence[float]) -> int:
    """Return at which sides of ``image`` (rows, columns) the gains explain the rim: a bit each."""
    return sum(
        1 << side
        for side in range(TURNS)
        if _unevenness(_lines(image, side) / _column(gains)) < _unevenness(_lines(image, side))
    )


def brighten(image: Gray, gains: Sequence[float], sides: int) -> Gray:
    """Divide the lines of the rim by their gains at ``sides``; the argument is left as it is."""
    return _multiply(image, np.float32(1) / _column(gains), sides)


def darken(image: Gray, gains: Sequence[float], sides: int) -> Gray:
    """Undo `brighten`."""
    return _multiply(image, _column(gains), sides)


def fit_gains(images: Sequence[NDArray[np.generic]]) -> tuple[float, ...]:
    """Find the gains of the rims of images (rows, columns); ones if few have a dark rim.

    Takes the sides that are dark, each of their gains the median of least-squares fits, then the
    sides that these gains explain, and so on.
    """
    rims = [_lines(image, side).astype(np.float32) for image in images for side in range(TURNS)]
    rims = [rim for rim in rims if rim[DEPTH].any()]
    chosen = [rim for rim in rims if rim[0].sum() < _DARK * rim[DEPTH].sum()]
    gains = (1.0,) * DEPTH
    for _ in range(_ROUNDS):
        if len(chosen) < _RARE * len(rims) or not chosen:
            return (1.0,) * DEPTH
        fits = [rim[:DEPTH] @ rim[DEPTH] / (rim[DEPTH] @ rim[DEPTH]) for rim in chosen]
        gains = tuple(round(float(gain), 4) for gain in np.median(fits, axis=0))
        chosen = [rim for rim in rims if _unevenness(rim / _column(gains)) < _unevenness(rim)]
    return gains


def _column(gains: Sequence[float]) -> Gray:
    return np.array([*gains, 1.0], dtype=np.float32)[:, None]


def _lines(image: NDArray[Number], side: int) -> NDArray[Number]:
    """Return a view of the rim of one side and the line behind it (4, n)."""
    return np.rot90(image, side)[: DEPTH + 1]


def _unevenness(lines: Gray) -> float:
    return float(np.abs(lines[:DEPTH] - lines[DEPTH]).sum())


def _multiply(image: Gray, factors: Gray, sides: int) -> Gray:
    result = image.copy()
    for side in range(TURNS):
        if sides >> side & 1:
            lines = _lines(result, side)
            lines *= factors
    return result
