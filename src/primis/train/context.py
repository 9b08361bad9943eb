"""Context networks in floats: how likely bits are, and what they cost."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from primis.codec import context as integer
from primis.codec.layout import BANDS, PLACES, steps

INPUT_UNIT = 16.0  # integer features per unit of a float network


class ContextNetwork(nn.Module):
    """Log-odds of significance and refinement bits, for the twelve places of one scale class."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        places = len(PLACES)
        self.near = nn.Conv2d(
            places * integer.CHANNELS, places * width, 3, padding=1, groups=places
        )
        self.overall = nn.Linear(2 * BANDS, places * width, bias=False)
        self.middle = nn.Conv2d(places * width, places * width, 1, groups=places)
        self.out = nn.Conv2d(places * width, places * 2, 1, groups=places)
        with torch.no_grad():
            assert self.out.bias is not None
            self.out.bias.view(places, 2)[:, 0] = -4.0

    def forward(self, cells: Tensor, densities: Tensor) -> Tensor:
        """Map (n, 12 * 15, h, w) and (n, 6) integer features to (n, 12, 2, h, w) log-odds."""
        hidden = self.near(cells / INPUT_UNIT)
        hidden = hidden + self.overall(densities / INPUT_UNIT)[:, :, None, None]
        hidden = F.relu(self.middle(F.relu(hidden)))
        return self.out(hidden).unflatten(1, (len(PLACES), 2))


class ParentNetwork(nn.Module):
    """Log-odds of significance bits given the coarser scale alone, for one scale class."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.near = nn.Conv2d(BANDS, width, 3, padding=1)
        self.overall = nn.Linear(2 * BANDS, width, bias=False)
        self.middle = nn.Conv2d(width, width, 1)
        self.out = nn.Conv2d(width, len(PLACES), 1)
        with torch.no_grad():
            assert self.out.bias is not None
            self.out.bias.fill_(-4.0)

    def forward(self, parents: Tensor, densities: Tensor) -> Tensor:
        """Map (n, 3, h, w) and (n, 6) integer features to (n, 12, h, w) log-odds."""
        hidden = self.near(parents / INPUT_UNIT)
        hidden = hidden + self.overall(densities / INPUT_UNIT)[:, :, None, None]
        odds: Tensor = self.out(F.relu(self.middle(F.relu(hidden))))
        return odds


class ContextNetworks(nn.Module):
    """Two networks per scale class: one that sees all, one for where only parents are known."""

    def __init__(self, width: int = 24, parent_width: int = 96) -> None:
        super().__init__()
        self.classes = nn.ModuleList(ContextNetwork(width) for _ in range(integer.SCALE_CLASSES))
        self.parents = nn.ModuleList(
            ParentNetwork(parent_width) for _ in range(integer.SCALE_CLASSES)
        )
        self.shares = nn.Buffer(torch.from_numpy(integer._SHARES), persistent=False)
        self.levels = nn.Buffer(torch.from_numpy(integer.LEVELS).float(), persistent=False)

    def odds(self, scale: int, values: Tensor, parents: Tensor) -> Tensor:
        """Log-odds of a 1 in plane 0: of significance bits, then of refinement bits.

        Parameters
        ----------
        scale
            0 the finest.
        values
            (n, 3, h, w) magnitudes, int64, h and w even.
        parents
            Those of the coarser scale (n, 3, h/2 or more, w/2 or more); zeros if there is none.

        Returns
        -------
        Tensor
            (n, 12, 2, h/2, w/2), by place.
        """
        now = by_place(values)
        parents = parents[:, :, : now.shape[2], : now.shape[3]]
        before, found, coarse = (
            level(self.levels, values) for values in (now >> 1 << 1, now, parents)
        )
        seen = [
            torch.cat((found[:, : places.start], before[:, places.start :], coarse), 1)
            for places in steps(scale)
        ]
        each = len(PLACES) // len(seen)
        densities = torch.cat((self._density(values >> 1), self._density(parents)), 1)
        number = min(scale, integer.SCALE_CLASSES - 1)
        odds: Tensor = self.classes[number](
            torch.cat([cells for cells in seen for _ in range(each)], 1), densities
        )
        nothing_near = torch.cat(
            [_nothing_near(cells).expand(-1, each, -1, -1) for cells in seen], 1
        )
        expected = self.parents[number](coarse, densities)
        significance, refinement = odds.unbind(2)
        return torch.stack((torch.where(nothing_near, expected, significance), refinement), 2)

    def _density(self, values: Tensor) -> Tensor:
        """Feature of the share of non-zeros, as `primis.codec.context.density`."""
        share = ((values != 0).sum((2, 3)) << 12) // (values.shape[2] * values.shape[3])
        return torch.bucketize(share, self.shares, right=True).float()


def _nothing_near(cells: Tensor) -> Tensor:
    """Tell (n, 1, h, w) where the scale's own features of cells (n, 15, h, w) are 0 all around."""
    known = (cells[:, : len(PLACES)] != 0).any(1, keepdim=True)
    return F.max_pool2d(known.float(), 3, stride=1, padding=1) == 0


def level(levels: Tensor, magnitudes: Tensor) -> Tensor:
    """Return features of magnitudes, int64, from the table ``levels``."""
    return levels[magnitudes.clamp(max=len(levels) - 1)]


def by_place(values: Tensor) -> Tensor:
    """Rearrange bands (n, 3, h, w) into the twelve places (n, 12, h/2, w/2) of their cells."""
    return torch.stack([values[:, band, r::2, c::2] for band, r, c in PLACES], 1)


def bits_of_plane(magnitudes: Tensor, plane: Tensor | int, odds: Tensor, signs: Tensor) -> Tensor:
    """Bits that one plane of magnitudes costs.

    Parameters
    ----------
    magnitudes
        (n, 12, h, w), int64, by place.
    plane
        Number of the plane, broadcast against the magnitudes.
    odds
        (n, 12, 2, h, w), from `ContextNetworks.odds`.
    signs
        Bits of each sign, shape of the magnitudes, due in the plane that makes one non-zero.

    Returns
    -------
    Tensor
        Shape of the magnitudes.
    """
    bit = (magnitudes >> plane & 1).float()
    fresh = magnitudes >> plane + 1 == 0
    chosen = torch.where(fresh, odds[:, :, 0], odds[:, :, 1])
    nats = F.binary_cross_entropy_with_logits(chosen, bit, reduction="none")
    return nats / math.log(2) + signs * bit * fresh
