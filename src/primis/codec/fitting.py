"""Levels of an image: its codes made again where their planes end too far from where levels do.

How far, shows only when codes are written. A level whose bytes end before the plane that was meant
for it is up to a decibel or two behind a file coded for as many bytes alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from primis.codec import bitstream
from primis.codec.codec import MEASURED_RATE, SPARE_PLANES, Codec, Pixels
from primis.codec.codes import SparseCodes
from primis.codec.spans import Span

_TOO_FAR = 1.1
"""How many times the bits of a level its plane may take without harm."""

_ATTEMPTS = 3
"""How often an image is coded, at most, until the plane of the lowest level does no harm."""

_COARSER = 1.2  # by so much, at least, fewer bits make sure of another span

_BEHIND = 0.4
"""By so many decibels a level may be behind a file coded for it alone."""

_SPARED = (1 / 32, 1 / 16, 3 / 32, 1 / 8)
_LOWEST = (1.0, _COARSER, 1 / _COARSER)
"""What part of the bits is tried not to be spent, and how many times those of the lowest level its
plane may take, in turn, until no level is farther behind."""

_NO_ERROR = 1e-9  # squared grey levels


class _Coding(NamedTuple):
    """An image in levels.

    Planes meant for the lowest level and the second one take so many times what these have.
    """

    codes: SparseCodes
    bodies: list[bytes]
    of_lowest: float
    of_second: float


def encode_levels(
    codec: Codec,
    pixels: Pixels,
    lengths: Sequence[int],
    *,
    sparsified: bool | None = None,
    unsigned_scales: int = 0,
) -> tuple[SparseCodes, list[bytes]]:
    """Code an image into levels of exactly ``lengths`` bytes.

    Where the plane that should end about where the lowest level does takes far more bits, the image
    is coded once more. Where that of two steps does so in the second level, and the rate is not
    high, all levels are compared with files of their own, and larger steps tried until none is far
    behind.

    Parameters
    ----------
    codec
        What codes the image.
    pixels
        (rows, columns) uint8 or uint16.
    lengths
        Bytes of each level, lowest first.
    sparsified
        As in `Codec.encode`.
    unsigned_scales
        As in `primis.codec.bitstream.encode`.

    Returns
    -------
    SparseCodes
        All codes of the image, including what did not fit.
    list of bytes
        The levels.
    """
    image, asked = _Image(codec, pixels, lengths, sparsified, unsigned_scales), lengths[0]
    for _ in range(_ATTEMPTS):
        chosen = image.coded(asked)
        if chosen.of_lowest <= _TOO_FAR:
            break
        asked = int(asked / max(chosen.of_lowest, _COARSER))
    if chosen.of_second > _TOO_FAR and 8 * sum(lengths) < MEASURED_RATE * pixels.size:
        aims = [*map(image.error_alone, range(len(lengths) - 1)), image.error(chosen.bodies)]
        behind = image.behind(chosen, aims)
        for spared, times in product(_SPARED, _LOWEST):
            if behind <= _BEHIND:
                break
            other = image.coded(int(times * lengths[0]), spared)
            if (other_behind := image.behind(other, aims, behind)) < behind:
                chosen, behind = other, other_behind
    return chosen.codes, chosen.bodies


@dataclass(frozen=True)
class _Image:
    codec: Codec
    pixels: Pixels
    lengths: Sequence[int]
    sparsified: bool | None
    unsigned_scales: int

    def coded(self, lowest_level: int, spared: float = 0.0) -> _Coding:
        """Code it into levels, as `Codec.encode` does for so many bytes of the lowest level."""
        codes = self.codec.encode(
            self.pixels,
            sum(self.lengths),
            lowest_level=lowest_level,
            spared=spared,
            sparsified=self.sparsified,
        )
        bodies, bits = bitstream.encode(
            codes, self.lengths, self.codec.context, unsigned_scales=self.unsigned_scales
        )
        of_lowest = _taken(codes.span, bits, 8 * self.lengths[0])
        of_second = bits[SPARE_PLANES + 1 :].sum() / (8 * sum(self.lengths[:2]))
        return _Coding(codes, bodies, of_lowest, float(of_second))

    def behind(self, coding: _Coding, aims: Sequence[float], at_least: float = math.inf) -> float:
        """Return how far (dB) that level is behind its aim which is farthest.

        Once one is ``at_least`` so far behind, others are not looked at; the second comes first.
        """
        worst = -math.inf
        for level in sorted(range(len(aims)), key=lambda level: level != 1):
            worst = max(worst, self.error(coding.bodies[: level + 1]) - aims[level])
            if worst >= at_least:
                break
        return worst

    def error_alone(self, level: int) -> float:
        """Return the error (dB) of a file coded for the bytes up to a level alone."""
        length = bitstream.usable_length(0, sum(self.lengths[: level + 1]))
        codes = self.codec.encode(self.pixels, length, sparsified=self.sparsified)
        return self.error(self.codec.pack(codes, [length], unsigned_scales=self.unsigned_scales))

    def error(self, bodies: list[bytes]) -> float:
        """Return the mean squared error of the picture that levels hold, in dB."""
        codes = self.codec.unpack(self.pixels.shape, bodies, unsigned_scales=self.unsigned_scales)
        error = np.square(self.codec.decode_exactly(codes) - self.pixels).mean()
        return float(10 * np.log10(error + _NO_ERROR))


def _taken(span: Span, bits: NDArray[np.float64], room: float) -> float:
    """Return what of ``room`` the planes take, down to that which ends nearest to it."""
    ends = bits[::-1].cumsum()[: len(bits) - span.bits] / room
    ends = ends[ends > 0]
    return float(ends[np.abs(np.log(ends)).argmin()]) if len(ends) else 0.0
