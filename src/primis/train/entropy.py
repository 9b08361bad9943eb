"""Training of the networks that files are coded with, on the codes of a finished auto-encoder."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from primis.train.context import ContextNetworks, bits_of_plane, by_place
from primis.train.data import Picture, random_crops
from primis.train.networks import AutoEncoder, Transform
from primis.train.signs import SignNetworks


class EntropyNetworks(nn.Module):
    """Context and sign networks, and the bits that they spend together."""

    def __init__(self, width: int, sign_width: int = 32) -> None:
        super().__init__()
        self.width = width
        self.context = ContextNetworks(width)
        self.signs = SignNetworks(sign_width)

    def forward(self, codes: Sequence[Tensor]) -> Tensor:
        """Bits of plane 0 of int64 codes (n, 3, h, w), h and w even, finest scale first."""
        image = torch.arange(len(codes[0]))
        plane = torch.zeros_like(image).view(-1, 1, 1, 1)
        total = torch.zeros(())
        for scale, values in enumerate(codes):
            coarser = scale + 1 < len(codes)
            parents = codes[scale + 1] if coarser else torch.zeros_like(values[..., ::2, ::2])
            magnitudes = values.abs()
            odds = self.context.odds(scale, magnitudes, parents.abs())
            signs = self.signs.bits(scale, values, parents, image, plane)
            total = total + bits_of_plane(by_place(magnitudes), 0, odds, signs).sum()
        return total


@torch.no_grad()
def coded(
    codec: AutoEncoder, images: Tensor, step: Tensor, plane: int, plain: bool
) -> list[Tensor]:
    """Codes of the detail bands of ``images`` (n, 1, h, w), signed, their lowest bit ``plane``.

    Plane 0 is where the sparsifier sees the step; planes below are negative. ``plain`` codes are
    those of the CDF 9/7 wavelet.
    """
    _, bands = (Transform(width=0) if plain else codec).analyse(images)
    codes = [band / step for band in bands] if plain else codec.sparsify(bands, step)
    return [torch.trunc(code * 2.0**-plane).long() for code in codes]


def train_entropy(
    codec: AutoEncoder,
    pictures: Sequence[Picture],
    *,
    steps: int,
    width: int,
    learning_rate: float = 3e-3,
    start: EntropyNetworks | None = None,
    seed: int = 1,
    report: Callable[[str], None] = lambda _: None,
) -> EntropyNetworks:
    """Fit networks of a width to the codes of a trained auto-encoder, dense planes included.

    They go on from ``start``, if that is given and as wide.
    Crops are larger than those of the auto-encoder's training, so that coarse scales are seen, and
    a quarter of the codes are plain and fine, as they are at high rates.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    draw = np.random.default_rng(seed)
    networks = EntropyNetworks(width)
    if start is not None and start.width == width:
        networks.load_state_dict(start.state_dict())
    optimiser = torch.optim.Adam(networks.parameters())
    average = 0.0
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate * 0.5 * (1 + math.cos(math.pi * step / steps))
        images = random_crops(pictures, 3, 256, generator)
        plain = bool(draw.random() < 0.25)
        low, high = (-1.6, 2.0) if plain else (0.4, 4.0)
        quantiser = torch.exp(torch.from_numpy(draw.uniform(low, high, (3, 1, 1, 1)))).float()
        plane = int(draw.choice([0, 0, 0, 0, 1, 1, 2, 3, -1]))
        bits = networks(coded(codec, images, quantiser, plane, plain)) / images.numel()
        optimiser.zero_grad()
        (5 * bits).backward()
        optimiser.step()
        average = 0.98 * average + 0.02 * float(bits.detach())
        if (step + 1) % 200 == 0:
            report(f"step {step + 1} of {steps}: {average:.4f} bits per pixel and plane")
    return networks
