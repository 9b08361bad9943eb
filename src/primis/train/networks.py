"""The auto-encoder: a learned wavelet, a sparsifier before the quantiser, a restorer behind it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from primis.train.eight_bit import EightBitConv2d, Rounding
from primis.train.lifting import Scale

SCALES = 6
DISTINCT_SCALES = 4  # coarser scales share the weights of the last of these
SHRINKAGE = 0.9  # of the sparsifier's shifts, which training lets grow too long; docs/dev/codec.md
PHASES = ((0, 0), (1, 1), (0, 1), (1, 0))  # order in which a plane visits a 2x2 cell


def compress(x: Tensor) -> Tensor:
    """Squash large values softly (identity near zero), so that no input can blow a network up."""
    return x / (1 + x.abs() / 16)


def upsample(x: Tensor) -> Tensor:
    """Repeat each sample in a 2x2 block."""
    return F.interpolate(x, scale_factor=2, mode="nearest")


def _zero(layer: nn.Conv2d) -> None:
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)


class Sparsifier(nn.Module):
    """Moves each coefficient by less than one step towards what is cheap to code.

    The projection that makes the feature maps sparse: it sees a coefficient's neighbourhood, its
    sibling bands and the coarser scale, in units of the quantiser step, and returns a shift in
    (-1, 1) steps. It exists in the encoder only and vanishes with the step.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        last = nn.Conv2d(width, 3, 3, padding=1)
        _zero(last)
        self.layers = nn.Sequential(
            nn.Conv2d(6, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            last,
        )

    def forward(self, bands: Tensor, parents: Tensor) -> Tensor:
        """Shift (n, 3, h, w), in steps, for ``bands`` and ``parents`` (n, 3, h, w), in steps."""
        x = torch.cat((compress(bands), compress(parents)), dim=1)
        return SHRINKAGE * torch.tanh(self.layers(x))


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions of eight-bit integers beside an identity in floats."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.seen = Rounding(signed=True)
        self.first = EightBitConv2d(channels, channels, 3, padding=1)
        self.between = Rounding(signed=False)
        self.second = EightBitConv2d(channels, channels, 3, padding=1)
        self.added = Rounding(signed=True)
        _zero(self.second)
        nn.init.normal_(self.second.weight, std=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, c, h, w) to the same shape."""
        hidden = self.between(self.first(self.seen(x)))
        return x + self.added(self.second(hidden))


class Restorer(nn.Module):
    """Non-linear synthesis: what the linear synthesis of the quantised codes is missing.

    Sees the picture and the codes of the two finest scales on a grid of 4x4 cells, in units of
    the quantiser step, and which codes are still known at half precision. Its correction is
    bounded by ``LIMIT`` steps, so it vanishes with the step and can never blow up.
    """

    INPUTS = 16 + 1 + 3 + 12 + 3 + 12
    LIMIT = 2.0

    def __init__(self, width: int = 96, deep_width: int = 128) -> None:
        super().__init__()
        self.entry = nn.Conv2d(self.INPUTS, width, 3, padding=1)
        self.before = nn.Sequential(ResidualBlock(width), ResidualBlock(width))
        self.down = nn.Conv2d(width, deep_width, 2, stride=2)
        self.deep = nn.Sequential(*(ResidualBlock(deep_width) for _ in range(3)))
        self.up = nn.Conv2d(deep_width, 4 * width, 1)
        nn.init.normal_(self.up.weight, std=1e-3)
        self.after = nn.Sequential(ResidualBlock(width), ResidualBlock(width))
        self.exit = nn.Conv2d(width, 16, 3, padding=1)
        _zero(self.exit)

    def forward(
        self, picture: Tensor, fine: Tensor, coarse: Tensor, fine_half: Tensor, coarse_half: Tensor
    ) -> Tensor:
        """Correction in steps.

        Parameters
        ----------
        picture
            (n, 1, h, w), h and w multiples of 8, linear synthesis in steps.
        fine, coarse
            (n, 3, h/2, w/2) and (n, 3, h/4, w/4): codes of the two finest scales, in steps.
        fine_half, coarse_half
            Same shapes: 1 where a code is known to double the step only, else 0.
        """
        cells = F.pixel_unshuffle(picture, 4)
        means = cells.mean(1, keepdim=True)
        context = F.avg_pool2d(F.pad(means, (2, 2, 2, 2), mode="replicate"), 5, stride=1)
        x = torch.cat(
            (
                compress(cells - means),
                compress(means - context),
                compress(coarse),
                compress(F.pixel_unshuffle(fine, 2)),
                coarse_half,
                F.pixel_unshuffle(fine_half, 2),
            ),
            dim=1,
        )
        x = self.before(self.entry(x))
        deep = self.deep(self.down(x))
        x = self.after(x + F.pixel_shuffle(self.up(deep), 2))
        correction = self.LIMIT * torch.tanh(self.exit(x) / self.LIMIT)
        return F.pixel_shuffle(correction, 4)


class Transform(nn.Module):
    """Image to coefficients and back: the CDF 9/7 wavelet, until it is trained.

    ``width`` is that of the networks that predict details; 0: there are none.
    """

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.scales = nn.ModuleList(Scale(width) for _ in range(DISTINCT_SCALES))

    def scale(self, index: int) -> Scale:
        """Return the transform of scale ``index``, 0 the finest."""
        module = self.scales[min(index, DISTINCT_SCALES - 1)]
        assert isinstance(module, Scale)
        return module

    def analyse(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Split ``x`` (n, 1, h, w) into ``LL`` and detail bands, finest scale first."""
        bands = []
        for index in range(SCALES):
            x, detail = self.scale(index).analyse(x)
            bands.append(detail)
        return x, bands

    def synthesise(self, ll: Tensor, bands: Sequence[Tensor]) -> Tensor:
        """Undo :meth:`analyse`."""
        for index in reversed(range(len(bands))):
            ll = self.scale(index).synthesise(ll, bands[index])
        return ll


class AutoEncoder(Transform):
    """A transform with networks around the quantiser."""

    def __init__(self) -> None:
        super().__init__()
        self.sparsifiers = nn.ModuleList(Sparsifier() for _ in range(DISTINCT_SCALES))
        self.restorer = Restorer()

    def sparsify(self, bands: Sequence[Tensor], step: Tensor) -> list[Tensor]:
        """Return coefficients in steps, shifted by the sparsifier; ``step`` is (n, 1, 1, 1)."""
        scaled = [band / step for band in bands]
        result = []
        for index, band in enumerate(scaled):
            coarser = index + 1 < len(scaled)
            parents = upsample(scaled[index + 1]) if coarser else torch.zeros_like(band)
            net = self.sparsifiers[min(index, DISTINCT_SCALES - 1)]
            result.append(band + net(band, parents).float())
        return result
