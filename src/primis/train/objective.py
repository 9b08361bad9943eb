"""Rate and distortion of the auto-encoder, differentiable: what training minimises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from primis.train.context import bits_of_plane, by_place
from primis.train.entropy import EntropyNetworks
from primis.train.networks import PHASES, SCALES, AutoEncoder, quantised
from primis.train.precision import half_precision
from primis.train.structure import ms_ssim

# What one bit may cost in squared quantiser steps. Coding a coefficient just above its threshold
# saves about 0.75 squared steps and costs 5 to 7 bits.
BIT_PRICE = 0.13
FREE_COST = 0.005
PASSES = 5 * SCALES
TEACHING = 0.25  # share of the steps in which the context networks learn; it doubles their cost


def pass_through(hard: Tensor, soft: Tensor) -> Tensor:
    """Return the value of ``hard`` with the gradient of ``soft``."""
    return soft + (hard - soft).detach()


def dequantise(coefficients: Tensor, half_known: Tensor) -> Tensor:
    """Quantise with a dead zone and return the reconstruction, both in steps.

    Magnitudes are truncated to integers (to even integers where ``half_known`` is 1: one bit-plane
    is missing there) and put back in the middle of their cell; zero stays zero. The gradient is
    that of the mean over a dither of one step: 0 deep in the dead zone, where nothing that a
    network does to the coefficient changes the picture, 1.5 around the jump to 1.5, then 1.
    """
    width = 1 + half_known
    magnitude = coefficients.abs() / width
    dithered = 1.5 * magnitude.clamp(0.5, 1.5) + F.relu(magnitude - 1.5)
    return pass_through(quantised(magnitude), dithered) * width * coefficients.sign()


def half_known(codes: Sequence[Tensor], cut: Tensor) -> list[Tensor]:
    """Return masks, per scale, of the shape of ``codes``: 1 where the last bit-plane is not known.

    ``cut`` (n,) counts what the file still holds of that plane, up to all `PASSES`: where
    coefficients become non-zero, scale by scale from the coarsest and corner by corner, and then
    the next bit of the others, scale by scale.
    """
    masks = []
    for scale, code in enumerate(codes):
        before = SCALES - 1 - scale
        corners = torch.empty_like(code)
        for phase, (down, right) in enumerate(PHASES):
            missing = 4 * before + phase >= cut
            corners[:, :, down::2, right::2] = missing.to(code.dtype).view(-1, 1, 1, 1)
        unrefined = (4 * SCALES + before >= cut).to(code.dtype).view(-1, 1, 1, 1)
        masks.append(torch.where(code.abs() >= 2, unrefined, corners))
    return masks


class Cost(NamedTuple):
    """What coding images cost, each per image (n,).

    Mean squared error in squared steps, bits per pixel, and, unless ``structure`` is 0,
    1 - MS-SSIM of the picture.
    """

    distortion: Tensor
    bits: Tensor
    unlike: Tensor

    @property
    def lagrangian(self) -> Tensor:
        """Distortion and priced bits of each image (n,)."""
        return self.distortion + BIT_PRICE * self.bits

    @property
    def loss(self) -> Tensor:
        """Mean logarithm of the Lagrangian: a percent counts alike at every rate.

        A small constant keeps images that cost next to nothing from counting most.
        """
        return torch.log(self.lagrangian + FREE_COST).mean()


def blended(error: Tensor, unlike: Tensor, share: float) -> Tensor:
    """Return ``error`` (n,) with a gradient that is by ``share`` that of ``unlike`` (n,).

    A percent less of either then counts alike. At its least, a mean squared error hardly rises
    while 1 - MS-SSIM, which weighs errors in smooth regions more, falls at once.
    """
    other = unlike * (error / unlike).detach()
    return (1 - share) * error + share * other


class TrainedAutoEncoder(nn.Module):
    """An auto-encoder and the context and sign networks of its files under one objective.

    The rate is what coding takes: these networks see the quantised codes and nothing else, and
    learn what is likely among them. The auto-encoder sees, for each coefficient, what the next
    lower or higher magnitude would cost in its place.

    Parameters
    ----------
    context_width
        Units of the context networks.
    structure
        Share of MS-SSIM in the gradient of the distortion, 0 to 1; see `blended`.
    """

    def __init__(self, context_width: int = 24, structure: float = 0.0) -> None:
        super().__init__()
        self.codec = AutoEncoder()
        self.entropy = EntropyNetworks(context_width)
        self.structure = structure

    def forward(self, x: Tensor, step: Tensor, cut: Tensor, plain: bool = False) -> Cost:
        """Code ``x`` (n, 1, h, w), h and w multiples of 64, at quantiser ``step`` (n, 1, 1, 1).

        ``plain`` leaves out the sparsifier and the restorer.
        """
        codec = self.codec
        ll, bands = codec.analyse(x)
        if plain:
            codes = [band / step for band in bands]
        else:
            with half_precision(x.device):
                codes = codec.sparsify(bands, step)
        with torch.no_grad():
            masks = half_known(codes, cut)
        known = [dequantise(code, mask) for code, mask in zip(codes, masks, strict=True)]
        ll_known = pass_through((torch.floor(ll / step) + 0.5) * step, ll)
        linear = codec.synthesise(ll_known, [code * step for code in known])
        error = (x - linear) / step
        if not plain:
            with half_precision(x.device):
                correction = codec.restorer(
                    linear / step,
                    known[0],
                    known[1],
                    masks[0],
                    masks[1],
                )
            error = error - correction.float()
        distortion = error.square().mean((1, 2, 3))
        unlike = torch.zeros_like(distortion)
        if self.structure:
            unlike = (1 - ms_ssim(x, x - error * step)).clamp_min(1e-6)
            distortion = blended(distortion, unlike, self.structure)
        pixels = x.shape[2] * x.shape[3]
        return Cost(distortion, self._bits(codes, masks) / pixels, unlike)

    def bits_of_one(self, codes: Sequence[Tensor]) -> list[Tensor]:
        """Bits that each of ``codes`` would cost more as 1 than as 0, where it is one of these."""
        near = []
        for code in codes:
            magnitude = code.detach().abs()
            inside = torch.where(
                magnitude < 1, magnitude.clamp(0.6, 0.9), magnitude.clamp(max=1.4)
            )  # where the rate is a line from that of 0 to that of 1
            magnitude = torch.where(magnitude < 2, inside, magnitude)
            near.append(torch.where(code < 0, -magnitude, magnitude).requires_grad_())
        masks = [torch.zeros_like(code) for code in codes]
        slopes = torch.autograd.grad(self._bits(near, masks).sum(), near)
        return [slope * code.detach().sign() for slope, code in zip(slopes, near, strict=True)]

    def _bits(self, codes: Sequence[Tensor], masks: Sequence[Tensor]) -> Tensor:
        """Bits per image (n,) of all planes; where ``masks`` are 1, plane 0 is left out."""
        total = torch.zeros(len(codes[0]), device=codes[0].device)
        teach = torch.is_grad_enabled() and torch.rand(()).item() < TEACHING
        for scale, (code, mask) in enumerate(zip(codes, masks, strict=True)):
            odd = (0, code.shape[3] % 2, 0, code.shape[2] % 2)
            code = F.pad(code, odd)
            values = code.detach().abs().long()
            width = 1 + F.pad(mask, odd).long()
            coarser = scale + 1 < len(codes)
            parents = codes[scale + 1] if coarser else torch.zeros_like(code[..., ::2, ::2])
            parents = parents.detach()
            image, plane = _planes(values)
            with torch.set_grad_enabled(teach), half_precision(code.device):
                odds = self.entropy.context.odds(
                    scale, values[image] >> plane, parents.abs().long()[image] >> plane
                )
            odds = odds.float()
            signs = self.entropy.signs.bits(scale, code.detach(), parents, image, plane)
            soft = F.relu(code.abs() / width - 0.5)
            lower = torch.floor(soft.detach()).long()
            cost = bits_of_plane(by_place(values)[image], plane, odds, signs)
            low, high = (
                bits_of_plane(by_place(near * width)[image], plane, odds.detach(), signs.detach())
                for near in (lower, lower + 1)
            )
            between = low + by_place(soft - lower)[image] * (high - low)
            coded = (plane > 0) | (by_place(width)[image] == 1)
            bits = (coded * (cost + between - between.detach())).sum((1, 2, 3))
            total = total.index_add(0, image, bits)
        return total


def _planes(values: Tensor) -> tuple[Tensor, Tensor]:
    """List the planes that ``values`` (n, ...) have: image (m,) and number (m, 1, 1, 1) of each.

    Every image has plane 0.
    """
    largest = values.amax((1, 2, 3)).clamp_min(1).tolist()
    pairs = [(i, plane) for i, top in enumerate(largest) for plane in range(top.bit_length())]
    image, plane = torch.tensor(pairs, device=values.device).unbind(1)
    return image, plane.view(-1, 1, 1, 1)
