"""Where bit-planes end: magnitudes as words whose planes suit the lowest level.

Planes of plain binary numbers know magnitudes to 1, 2, 4, 8, ... steps, and a picture is worse
where its bytes end between two of these. What the bytes of the lowest level pay for lies anywhere
between. So magnitudes are counted in spans, of as many steps as that level can know them to. A word
is the number of the span and, in the bits below, the place in it. Where a span is no power of two,
words behind its last place are left out, and a bit that can be nothing but 0 is not coded.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_Integers = NDArray[np.int32]

SPAN_CODES = 8
_SMALLEST, _GRAIN = 16, 4

_SHIFTS = {1: -16, 2: -11, 3: -8, 4: -5, 6: -2, 8: 0}
"""By how many eighths of the places of a 0 a 1 has: three octaves of the odds are 16 indices."""


class Halves(NamedTuple):
    """What a bit of a word divides, for each value of the bits of its place above it.

    ``coded`` tells whether there is anything to divide, ``shifts`` how far the probability index
    moves because the half of the 1 is the smaller one.
    """

    coded: NDArray[np.bool_]
    shifts: NDArray[np.int16]


@dataclass(frozen=True)
class Span:
    """Magnitudes, in finest steps, as words and back.

    Parameters
    ----------
    code
        0 to 7, as a file tells it: a span has 16 + 4 * ``code`` finest steps. 0 and 4 are powers of
        two: all words are the magnitudes themselves.
    """

    code: int = 0

    @property
    def steps(self) -> int:
        """Finest steps of a span: 16, 20, ... 44."""
        return _SMALLEST + _GRAIN * self.code

    @property
    def bits(self) -> int:
        """Bits of a word that tell the place in the span."""
        return (self.steps - 1).bit_length()

    @classmethod
    def ending_at(cls, step: float) -> tuple[Span, int]:
        """Return the span of which a plane ends at ``step`` or little above, and that plane.

        ``step`` is in finest steps, above 0.
        """
        if step <= _SMALLEST:
            return cls(), max(0, math.ceil(math.log2(step)))
        doubled = max(0, math.ceil(math.log2(step / cls(SPAN_CODES - 1).steps)))
        span = cls(math.ceil((step / 2**doubled - _SMALLEST) / _GRAIN))
        return span, span.bits + doubled

    def words(self, values: _Integers) -> _Integers:
        """Turn magnitudes with their signs into words with their signs."""
        left_out = (1 << self.bits) - self.steps
        if not left_out:
            return values
        words = values.copy()
        flat = words.reshape(-1)
        large = np.flatnonzero(np.abs(flat) >= self.steps)  # few are
        flat[large] += left_out * np.fix(flat[large] / self.steps).astype(np.int32)
        return words

    def values(self, words: _Integers) -> _Integers:
        """Undo `words`: the magnitudes at which words begin, with their signs.

        Words behind the last place of a span begin where the next span does.
        """
        if self.steps == 1 << self.bits:
            return words
        values = words.copy()
        flat = values.reshape(-1)
        large = np.flatnonzero(np.abs(flat) >= self.steps)
        spans, places = np.divmod(np.abs(flat[large]), 1 << self.bits)
        magnitudes = spans * self.steps + np.minimum(places, self.steps)
        flat[large] = np.where(flat[large] < 0, -magnitudes, magnitudes)
        return values

    def width(self, plane: int) -> float:
        """Finest steps that all words with the same bits from ``plane`` on have, mostly."""
        return 2.0**plane * (self.steps / 2**self.bits if plane >= self.bits else 1)

    def halves(self, plane: int) -> Halves | None:
        """Tell what bit ``plane`` divides; None: everything in equal halves."""
        return _halves(self.steps, self.bits, plane)


@cache
def _halves(steps: int, bits: int, plane: int) -> Halves | None:
    if plane >= bits:
        return None
    half = 1 << plane
    first = np.arange(0, 1 << bits, 2 * half)
    ones = np.clip(steps - first - half, 0, half)
    reached = first < steps
    if (ones[reached] == half).all():
        return None
    shifts = [_SHIFTS[8 * count // half] if count else 0 for count in ones.tolist()]
    return Halves(ones > 0, np.array(shifts, dtype=np.int16))


DYADIC = Span()
"""Planes of plain binary numbers."""
