"""Training images: a folder of pictures in memory, random crops of them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image as PillowImage
from torch import Tensor

Picture = NDArray[np.uint8]


def load_split(folder: Path, split: str) -> list[Picture]:
    """Read the grey images that ``folder/index.csv`` (columns file, split) puts in ``split``."""
    with (folder / "index.csv").open(newline="") as table:
        files = [row["file"] for row in csv.DictReader(table) if row["split"] == split]
    return [np.asarray(PillowImage.open(folder / name).convert("L")) for name in files]


def random_crops(
    pictures: Sequence[Picture], count: int, size: int, generator: torch.Generator
) -> Tensor:
    """Draw ``count`` augmented crops (count, 1, size, size) with values around 0 to 255."""
    return torch.stack([_random_crop(pictures, size, generator) for _ in range(count)])


def _random_crop(pictures: Sequence[Picture], size: int, generator: torch.Generator) -> Tensor:
    def uniform(low: float, high: float) -> float:
        return low + (high - low) * torch.rand((), generator=generator).item()

    def integer(stop: int) -> int:
        return int(torch.randint(stop, (), generator=generator))

    picture = pictures[integer(len(pictures))]
    shrink = uniform(0.5, 1.0) if uniform(0, 1) < 0.3 else 1.0
    window = min(round(size / shrink), *picture.shape)
    top, left = (integer(extent - window + 1) for extent in picture.shape)
    crop = torch.from_numpy(picture[top : top + window, left : left + window].copy()).float()
    if window != size:
        crop = F.interpolate(
            crop[None, None], (size, size), mode="bilinear", antialias=True, align_corners=False
        )[0, 0]
    if uniform(0, 1) < 0.5:
        crop = crop.flip(1)
    if uniform(0, 1) < 0.3:
        crop = crop.flip(0)
    if uniform(0, 1) < 0.3:
        crop = crop.t()
    if uniform(0, 1) < 0.3:
        crop = crop * uniform(0.4, 1.6)
    return crop[None]
