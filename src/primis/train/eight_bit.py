"""Convolutions that a decoder computes in integers of eight bits, as training sees them.

Values and weights are rounded in training as they will be in the file, with the gradient passed
through the rounding and the limits learned (Esser et al., "Learned step size quantization", ICLR
2020). So the weights learn to live with it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

WEIGHT_LEVELS = 63
"""Weights are -63 to 63 times their unit.

With seven bits instead of eight, pairs of products fit into 16 bits, where processors without
instructions for eight-bit products (x86-64 before VNNI) add them up.
"""

UNTRAINED_UNIT = 1 / 32
TAIL = 1e-4  # share of the first values seen that lie above the first limit


class Rounding(nn.Module):
    """Rounds values to 256 levels between learned limits and clips what lies beyond.

    The first values seen in training set the limits.

    Parameters
    ----------
    signed
        Limits are -l and about l; else 0 and l, which includes a ReLU.
    """

    def __init__(self, *, signed: bool) -> None:
        super().__init__()
        self.lowest, self.highest = (-128, 127) if signed else (0, 255)
        self.log_unit = nn.Parameter(torch.tensor(torch.nan))

    def unit(self) -> Tensor:
        """Return the distance of two levels, a scalar."""
        return self.log_unit.exp().nan_to_num(UNTRAINED_UNIT)

    def forward(self, x: Tensor) -> Tensor:
        """Map values of any shape to rounded ones."""
        if self.training and self.log_unit.isnan():
            self._begin(x.detach())
        rounded: Tensor = _Round.apply(x.float(), self.unit(), self.lowest, self.highest)
        return rounded

    @torch.no_grad()
    def _begin(self, x: Tensor) -> None:
        sizes = (x.abs() if self.lowest else x.clamp_min(0)).flatten().float()
        limit = sizes.topk(1 + int(TAIL * len(sizes))).values[-1].clamp_min(1e-2)
        self.log_unit.copy_((limit / self.highest).log())


class EightBitConv2d(nn.Conv2d):
    """A convolution whose weights have seven bits and a unit by output channel."""

    def unit(self) -> Tensor:
        """Return the unit of the weights of each output channel (c, 1, 1, 1)."""
        return self.weight.abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-6) / WEIGHT_LEVELS

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (its name in torch)
        """Convolve (n, c, h, w), usually rounded."""
        unit = self.unit().detach()
        whole = (self.weight / unit).round()
        weight = self.weight + (whole * unit - self.weight).detach()
        return self._conv_forward(input, weight, self.bias)


class _Round(torch.autograd.Function):
    """Rounding to whole units within limits.

    Values within them keep their gradient, others have none; that of the unit is what rounding and
    clipping do.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, unit: Tensor, lowest: int, highest: int) -> Tensor:
        scaled = x / unit
        clipped = scaled.clamp(lowest, highest)
        within = scaled == clipped
        whole = clipped.round_()
        ctx.save_for_backward(within, whole - scaled * within)
        return whole * unit

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        within, slope = ctx.saved_tensors
        (gradient,) = gradients
        return gradient * within, (gradient * slope).sum(), None, None
