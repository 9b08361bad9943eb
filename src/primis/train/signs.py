"""Sign networks in floats: how likely a coefficient is negative, from signs around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
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
    for scale, values in enumerate(codes):
        now = by_place(values).numpy()
        coarser = codes[scale + 1] if scale + 1 < len(codes) else values[..., ::2, ::2] * 0
        parents = coarser.numpy()[:, :, : now.shape[2], : now.shape[3]]
        known = integer.signed(integer.current_level(np.abs(now)), now < 0)
        open_ = integer.signed(integer.level_above(np.abs(now) >> 1), now < 0)
        coarse = integer.signed(integer.current_level(np.abs(parents)), parents < 0)
        for place in range(len(PLACES)):
            cells = np.concatenate((known[:, :place], open_[:, place:], coarse), axis=1)
            found = [np.flatnonzero(np.abs(image[place]) == 1) for image in now]
            around = [
                integer.neighbourhoods(integer.bordered(image), positions)
                for image, positions in zip(cells, found, strict=True)
            ]
            minus = [
                image[place].reshape(-1)[positions] < 0
                for image, positions in zip(now, found, strict=True)
            ]
            yield SignSamples(
                min(scale, integer.SCALE_CLASSES - 1) * len(PLACES) + place,
                torch.from_numpy(np.concatenate(around)).float(),
                torch.from_numpy(np.concatenate(minus)).float(),
            )
