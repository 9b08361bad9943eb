"""Rate and distortion of the auto-encoder, differentiable: what training minimises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from primis.train.networks import (
    DISTINCT_SCALES,
    PHASES,
    SCALES,
    AutoEncoder,
    compress,
    upsample,
)

# What one bit may cost in squared quantiser steps. Coding a coefficient just above its threshold
# saves about 0.75 squared steps and costs 5 to 7 bits.
BIT_PRICE = 0.13
FREE_COST = 0.005


def pass_through(hard: Tensor, soft: Tensor) -> Tensor:
    """Return the value of ``hard`` with the gradient of ``soft``."""
    return soft + (hard - soft).detach()


def dequantise(coefficients: Tensor, half_known: Tensor) -> Tensor:
    """Quantise with a dead zone and return the reconstruction, both in steps.

    Magnitudes are truncated to integers (to even integers where ``half_known`` is 1: one bit-plane
    is missing there) and put back in the middle of their cell; zero stays zero.
    """
    width = 1 + half_known
    index = torch.floor(coefficients.abs() / width)
    middle = torch.where(index > 0, (index + 0.5) * width, torch.zeros_like(index))
    return pass_through(middle * coefficients.sign(), coefficients)


class RateModel(nn.Module):
    """Bits of the quantised coefficients of one scale under Laplace laws of predicted width.

    The width follows from neighbours and from the coarser scale. It stands in for the integer
    context model of the file during training and is thrown away afterwards.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.first = nn.Conv2d(6, width, 5, padding=2)
        self.rest = nn.Sequential(
            nn.ReLU(), nn.Conv2d(width, width, 1), nn.ReLU(), nn.Conv2d(width, 3, 1)
        )
        last = self.rest[-1]
        assert isinstance(last, nn.Conv2d)
        assert last.bias is not None
        nn.init.constant_(last.bias, -2.0)
        mask = torch.ones(1, 6, 5, 5)
        mask[:, :3, 2, 2] = 0
        self.register_buffer("mask", mask)
        self.mask: Tensor

    def forward(self, values: Tensor, parents: Tensor) -> Tensor:
        """Return bits (n, 3, h, w) for ``values``, coefficients in steps, noise added."""
        x = compress(torch.cat((values, parents), dim=1).abs())
        x = self.rest(F.conv2d(x, self.first.weight * self.mask, self.first.bias, padding=2))
        scale = F.softplus(x.float()) + 0.02
        magnitude = values.abs()
        upper = laplace_cdf((0.5 - magnitude) / scale)
        lower = laplace_cdf((-0.5 - magnitude) / scale)
        return -torch.log2((upper - lower).clamp_min(1e-9))


def laplace_cdf(x: Tensor) -> Tensor:
    """Cumulative distribution of the standard Laplace law."""
    tail = 0.5 * torch.exp(-x.abs())
    return torch.where(x < 0, tail, 1 - tail)


def cut_masks(cut: Tensor, shape: tuple[int, int]) -> list[Tensor]:
    """Return masks (n, 1, h, w), per scale: 1 where the last bit-plane does not reach.

    ``cut`` (n,) counts the (scale, phase) passes that the file still holds of its last plane,
    coarse to fine: ``4 * SCALES`` is all of it.
    """
    rows, columns = shape
    masks = []
    for index in range(SCALES):
        rows, columns = rows // 2, columns // 2
        mask = torch.zeros(len(cut), 1, rows, columns, device=cut.device)
        for phase, (down, right) in enumerate(PHASES):
            position = 4 * (SCALES - 1 - index) + phase
            missing = (position >= cut).float().view(-1, 1, 1, 1)
            mask[:, :, down::2, right::2] = missing
        masks.append(mask)
    return masks


class Cost(NamedTuple):
    """Mean squared error in squared steps and bits per pixel, each per image (n,)."""

    distortion: Tensor
    bits: Tensor

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


class TrainedAutoEncoder(nn.Module):
    """An auto-encoder and its rate model under one rate-distortion objective."""

    def __init__(self) -> None:
        super().__init__()
        self.codec = AutoEncoder()
        self.rate = nn.ModuleList(RateModel() for _ in range(DISTINCT_SCALES))

    def forward(self, x: Tensor, step: Tensor, cut: Tensor, plain: bool = False) -> Cost:
        """Code ``x`` (n, 1, h, w), h and w multiples of 64, at quantiser ``step`` (n, 1, 1, 1).

        ``plain`` leaves out the sparsifier and the restorer.
        """
        codec = self.codec
        ll, bands = codec.analyse(x)
        if plain:
            codes = [band / step for band in bands]
        else:
            with torch.autocast(x.device.type, torch.bfloat16):
                codes = codec.sparsify(bands, step)
        masks = cut_masks(cut, (x.shape[2], x.shape[3]))
        known = [
            dequantise(code, mask.expand_as(code)) for code, mask in zip(codes, masks, strict=True)
        ]
        ll_known = pass_through((torch.floor(ll / step) + 0.5) * step, ll)
        linear = codec.synthesise(ll_known, [code * step for code in known])
        error = (x - linear) / step
        if not plain:
            with torch.autocast(x.device.type, torch.bfloat16):
                correction = codec.restorer(
                    linear / step,
                    known[0],
                    known[1],
                    masks[0].expand_as(known[0]),
                    masks[1].expand_as(known[1]),
                )
            error = error - correction.float()
        pixels = x.shape[2] * x.shape[3]
        return Cost(error.square().mean((1, 2, 3)), self._bits(codes, masks) / pixels)

    def _bits(self, codes: Sequence[Tensor], masks: Sequence[Tensor]) -> Tensor:
        noisy = []
        for code, mask in zip(codes, masks, strict=True):
            soft = code.sign() * F.relu(code.abs() / (1 + mask) - 0.5)
            noisy.append(soft + torch.rand_like(soft) - 0.5)
        total = torch.zeros(len(codes[0]), device=codes[0].device)
        for index, values in enumerate(noisy):
            coarser = index + 1 < len(noisy)
            parents = upsample(noisy[index + 1]) if coarser else torch.zeros_like(values)
            net = self.rate[min(index, DISTINCT_SCALES - 1)]
            with torch.autocast(values.device.type, torch.bfloat16):
                bits = net(values, parents)
            total = total + bits.float().sum((1, 2, 3))
        return total
