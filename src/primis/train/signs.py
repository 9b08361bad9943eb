"""Sign networks in floats: how likely a coefficient is negative, and what its sign costs."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from primis.codec import context as integer
from primis.codec.integers import SIDE, SLOTS
from primis.codec.layout import PLACES, steps
from primis.train.context import INPUT_UNIT, by_place, level

INPUTS = SIDE**2 * SLOTS


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
        self.levels = nn.Buffer(torch.from_numpy(integer.LEVELS).float(), persistent=False)

    def forward(self, neighbourhoods: Tensor, place: int) -> Tensor:
        """Map integer features with signs (n, 144) to log-odds (n,).

        ``place`` is 12 times the scale class plus the number of the place in the cell.
        """
        sums = neighbourhoods / INPUT_UNIT @ self.near[place]
        hidden = F.relu(sums + self.bias[place]) - F.relu(self.bias[place] - sums)
        return hidden @ self.out[place]

    def bits(
        self, scale: int, codes: Tensor, parents: Tensor, image: Tensor, plane: Tensor
    ) -> Tensor:
        """Bits that signs cost in planes of images.

        Parameters
        ----------
        scale
            0 the finest.
        codes
            (n, 3, h, w), in steps, h and w even. They need not be integers; see below.
        parents
            Those of the coarser scale (n, 3, h/2 or more, w/2 or more); zeros if there is none.
        image, plane
            (m,) and (m, 1, 1, 1): image and number of each plane.

        Returns
        -------
        Tensor
            (m, 12, h/2, w/2), by place, where a coefficient becomes non-zero in that plane or
            nearly does, from half of it on. Elsewhere 1.
        """
        with torch.no_grad():
            values = by_place(codes)[image] / 2.0**plane
            parents = parents[image, :, : values.shape[2], : values.shape[3]] / 2.0**plane
            size, above = values.abs(), parents.abs()
            known = level(self.levels, size.long()) * values.sign()
            open_ = level(self.levels, size.long() >> 1 << 1) * values.sign()
            coarse = level(self.levels, above.long()) * parents.sign()
            spare = torch.zeros_like(coarse[:, :1])
            chosen = (size >= 0.5) & (size < 2)
            offsets = torch.arange(SIDE, device=size.device)
        bits = torch.ones_like(size)
        first = min(scale, integer.SCALE_CLASSES - 1) * len(PLACES)
        for places in steps(scale):
            cells = torch.cat(
                (known[:, : places.start], open_[:, places.start :], coarse, spare), 1
            )
            cells = F.pad(cells, (1, 1, 1, 1)).permute(0, 2, 3, 1)
            for place in range(places.start, places.stop):
                which, row, column = chosen[:, place].nonzero(as_tuple=True)
                if not len(which):
                    continue
                rows = row[:, None, None] + offsets[:, None]
                columns = column[:, None, None] + offsets
                around = cells[which[:, None, None], rows, columns].flatten(1)
                odds = self(around, first + place)
                minus = (values[which, place, row, column] < 0).float()
                nats = F.binary_cross_entropy_with_logits(odds, minus, reduction="none")
                found = (which, torch.full_like(which, place), row, column)
                bits = bits.index_put(found, nats / math.log(2))
        return bits
