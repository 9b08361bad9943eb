"""Sign networks in floats: how likely a coefficient is negative, from signs around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from primis.codec import context as integer
from primis.codec.layout import PLACES
from primis.train.context import INPUT_UNIT, by_place

INPUTS = integer.SIDE**2 * integer.SLOTS


class SignNetworks(nn.Module):
    """Log-odds of a minus, for every place of every scale class.

    Odd by construction: turning all signs around turns the odds around, so the networks know no
    preference for either sign.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        places = integer.SCALE_CLASSES * len(PLACES)
        self.near = nn.Parameter(torch.randn(places, INPUTS, width) * 0.025)
        self.bias = nn.Parameter(torch.zeros(places, width))
        self.out = nn.Parameter(torch.randn(places, width) * 0.1)

    def forward(self, neighbourhoods: Tensor, place: int) -> Tensor:
        """Map integer features with signs (n, 144) to log-odds (n,).

        ``place`` is 12 times the scale class plus the number of the place in the cell.
        """
        sums = neighbourhoods / INPUT_UNIT @ self.near[place]
        hidden = F.relu(sums + self.bias[place]) - F.relu(self.bias[place] - sums)
        return hidden @ self.out[place]


class SignSamples(NamedTuple):
    """Coefficients of one place that plane 0 makes non-zero."""

    place: int
    neighbourhoods: Tensor
    """(n, 144), as in `primis.codec.context.neighbourhoods`."""
    minus: Tensor
    """(n,) float, 1 for minus."""


def sign_samples(codes: Sequence[Tensor]) -> Iterator[SignSamples]:
    """Yield what plane 0 of codes teaches: int64 (n, 3, h, w), h and w even, finest scale first."""
    current, above = (
        torch.from_numpy(table.astype("int64")) for table in (integer._CURRENT, integer._ABOVE)
    )

    def feature(values: Tensor, table: Tensor, shift: int = 0) -> Tensor:
        return table[(values.abs() >> shift).clamp(max=15)] * values.sign()

    for scale, values in enumerate(codes):
        coarser = codes[scale + 1] if scale + 1 < len(codes) else values[..., ::2, ::2] * 0
        now = by_place(values)
        known, open_ = feature(now, current), feature(now, above, 1)
        coarse = feature(coarser[:, :, : now.shape[2], : now.shape[3]], current)
        for place in range(len(PLACES)):
            cells = torch.cat((known[:, :place], open_[:, place:], coarse), 1)
            cells = F.pad(cells, (1, 1, 1, 1, 0, integer.SLOTS - cells.shape[1]))
            image, row, column = torch.nonzero(now[:, place].abs() == 1, as_tuple=True)
            around = [
                cells[image, :, row + down, column + right]
                for down in range(integer.SIDE)
                for right in range(integer.SIDE)
            ]
            yield SignSamples(
                min(scale, integer.SCALE_CLASSES - 1) * len(PLACES) + place,
                torch.cat(around, 1).float(),
                (now[image, place, row, column] < 0).float(),
            )
