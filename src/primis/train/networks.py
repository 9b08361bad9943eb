"""The auto-encoder: a learned wavelet, a sparsifier before the quantiser, a restorer behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from primis.codec.networks import FIRST_SELECTED
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


def _layers(inputs: int, width: int, last: nn.Conv2d) -> nn.Sequential:
    """Two 3x3 convolutions of ``width`` channels and a last one, which gives zeros at first."""
    _zero(last)
    return nn.Sequential(
        nn.Conv2d(inputs, width, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=1),
        nn.ReLU(),
        last,
    )


def quantised(codes: Tensor) -> Tensor:
    """Return what is known of coefficients in steps: the middle of their cell, or zero."""
    whole = torch.floor(codes.abs())
    middle = torch.where(whole > 0, whole + 0.5, torch.zeros_like(whole))
    return torch.where(codes < 0, -middle, middle)


class Coded(NamedTuple):
    """Coefficients (n, 3, h, w) in steps: as analysis gives them, and as the sparsifier does."""

    exact: Tensor
    shifted: Tensor

    def known(self) -> Tensor:
        """Return what remains of ``shifted`` once it is quantised, before selection."""
        return quantised(self.shifted)

    def left_out(self) -> Tensor:
        """Return what that leaves out of ``exact``, limited to four steps."""
        return (self.exact - self.known()).clamp(-4.0, 4.0)

    def in_reach(self) -> Tensor:
        """Where selection may change what is coded."""
        low, high = Selector.REACH
        magnitude = self.shifted.abs()
        return (magnitude > low) & (magnitude < high)

    def at_half_resolution(self) -> Coded:
        """Repeat each coefficient in a 2x2 block, to be seen from the next finer scale."""
        return Coded(upsample(self.exact), upsample(self.shifted))


class Sparsifier(nn.Module):
    """Moves each coefficient by less than one step towards what is cheap to code.

    The projection that makes the feature maps sparse: it sees a coefficient's neighbourhood, its
    sibling bands and the coarser scale, in units of the quantiser step, and returns a shift in
    (-1, 1) steps. It exists in the encoder only and vanishes with the step.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.layers = _layers(6, width, nn.Conv2d(width, 3, 3, padding=1))

    def forward(self, bands: Tensor, parents: Tensor) -> Tensor:
        """Shift (n, 3, h, w), in steps, for ``bands`` and ``parents`` (n, 3, h, w), in steps."""
        x = torch.cat((compress(bands), compress(parents)), dim=1)
        return SHRINKAGE * torch.tanh(self.layers(x))


class Selector(nn.Module):
    """Decides which coefficients close to one step become non-zero.

    What a coefficient is worth depends on how its neighbours are coded: their basis functions
    overlap, and what one leaves out another may make up for. So a selector sees what the
    sparsifier made of them, in the finer and the coarser scale as well, and what quantising leaves
    out, of which a linear filter tells most. It learns from `primis.train.selection` what a 1
    costs more than a 0, and overrules the sparsifier where that is clear. It exists in the encoder
    only.
    """

    REACH = (0.45, 1.8)  # magnitudes, in steps, that may be lifted to 1, and lowered to below 1
    BELOW_ONE = 0.999
    MARGIN = 0.05  # squared steps that it must expect to gain
    ALONE = ((-1.5,), (-1.0,), (2.2,))  # of its own magnitude, shifted and exact, and a constant

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.filter = nn.Conv2d(18, 3, 5, padding=2, bias=False)
        _zero(self.filter)
        self.layers = _layers(30, width, nn.Conv2d(width, 6, 1))
        self.alone = nn.Parameter(torch.tensor(self.ALONE).repeat(1, 3))

    def price(self, own: Coded, coarser: Coded, finer: Coded) -> Tensor:
        """Tell what a 1 costs more than a 0, of the sign that the coefficient has.

        Parameters
        ----------
        own, coarser, finer
            Coefficients of this scale; of the next coarser one, repeated to the same shape; and of
            the next finer one (n, 3, 2 h, 2 w).

        Returns
        -------
        tensor
            (n, 3, h, w) in squared steps: more of the squared error of the picture, and priced
            bits.
        """
        of_finer = F.pixel_unshuffle(finer.left_out(), 2)
        left_out = torch.cat((own.left_out(), coarser.left_out(), of_finer), dim=1)
        busy = 4 * compress(F.avg_pool2d(finer.known().abs(), 2))
        values = (compress(v) for v in (own.shifted, own.known(), coarser.known()))
        with_sign, alike = self.layers(torch.cat((left_out, *values, busy), dim=1)).chunk(2, dim=1)
        of_shifted, of_exact, constant = self.alone.view(3, 1, 3, 1, 1)
        odd = self.filter(left_out) + with_sign
        odd = odd + of_exact * own.exact.clamp(-4.0, 4.0)
        even: Tensor = alike + of_shifted * own.shifted.abs() + constant
        return torch.where(own.shifted < 0, -odd, odd) + even

    def forward(self, own: Coded, coarser: Coded, finer: Coded) -> Tensor:
        """Return ``own.shifted`` with magnitudes moved to the side of 1 where they belong."""
        price = self.price(own, coarser, finer)
        magnitude = own.shifted.abs()
        lifted = torch.where(price < -self.MARGIN, magnitude.clamp_min(1.0), magnitude)
        moved = torch.where(price > self.MARGIN, magnitude.clamp_max(self.BELOW_ONE), lifted)
        moved = torch.where(own.in_reach(), moved, magnitude)
        return torch.where(own.shifted < 0, -moved, moved)


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
        module = self.scales[scale_class(index)]
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
    """A transform with networks around the quantiser.

    There are no selectors until they are trained, which is after all the rest.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sparsifiers = nn.ModuleList(Sparsifier() for _ in range(DISTINCT_SCALES))
        self.selectors: nn.ModuleList | None = None
        self.restorer = Restorer()

    def sparsify(self, bands: Sequence[Tensor], step: Tensor) -> list[Tensor]:
        """Return coefficients in steps, shifted and selected; ``step`` is (n, 1, 1, 1)."""
        return self.selected(self.shifted(bands, step))

    def shifted(self, bands: Sequence[Tensor], step: Tensor) -> list[Coded]:
        """Return coefficients in steps, with the sparsifier's shifts and without."""
        scaled = [band / step for band in bands]
        result = []
        for index, band in enumerate(scaled):
            coarser = index + 1 < len(scaled)
            parents = upsample(scaled[index + 1]) if coarser else torch.zeros_like(band)
            net = self.sparsifiers[scale_class(index)]
            result.append(Coded(band, band + net(band, parents).float()))
        return result

    def selected(self, scales: Sequence[Coded]) -> list[Tensor]:
        """Return coefficients on the side of one step where the selectors want them."""
        if self.selectors is None:
            return [codes.shifted for codes in scales]
        unselected = [codes.shifted for codes in scales[:FIRST_SELECTED]]
        return unselected + [
            self.selectors[selector_class(scale)](*neighbours(scales, scale))
            for scale in range(FIRST_SELECTED, len(scales))
        ]


def scale_class(index: int) -> int:
    """Return which networks scale ``index``, 0 the finest, has."""
    return min(index, DISTINCT_SCALES - 1)


def selector_class(index: int) -> int:
    """Return which selector scale ``index``, 0 the finest, has."""
    return scale_class(index) - FIRST_SELECTED


def untrained_selectors() -> nn.ModuleList:
    """Return selectors that know only what a coefficient alone is worth."""
    return nn.ModuleList(Selector() for _ in range(FIRST_SELECTED, DISTINCT_SCALES))


def neighbours(scales: Sequence[Coded], index: int) -> tuple[Coded, Coded, Coded]:
    """Return what the selector of a scale sees: its own, coarser and finer coefficients."""
    own = scales[index]
    if index + 1 < len(scales):
        coarser = scales[index + 1].at_half_resolution()
    else:
        coarser = Coded(torch.zeros_like(own.exact), torch.zeros_like(own.exact))
    return own, coarser, scales[index - 1]
