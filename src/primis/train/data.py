"""Training images: any folder of pictures in memory, random crops of them."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from primis.codec.rim import brighten, dark_sides
from primis.errors import InputError, PrimisError
from primis.images import read_image

Picture: TypeAlias = NDArray[np.unsignedinteger[Any]]

WHITE = 255.0
"""Pixels are scaled so that the brightest of each picture has this value."""

_SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}


def load_split(folder: Path, split: str) -> list[Picture]:
    """Read the grey images of one split of a folder.

    With an ``index.csv`` (columns file and split) that decides; make it so that no patient is in
    two splits. Without one every readable image below the folder is taken, and the folder that
    holds it (a patient or study, usually) decides the split by its name.

    Raises
    ------
    InputError
        If the split is empty.
    """
    if (folder / "index.csv").exists():
        with (folder / "index.csv").open(newline="") as table:
            files = [folder / row["file"] for row in csv.DictReader(table) if row["split"] == split]
        pictures = [read_image(path).pixels for path in files]
    else:
        pictures = []
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            if _split_of(path.parent.relative_to(folder)) == split:
                try:
                    pictures.append(read_image(path).pixels)
                except PrimisError:
                    continue
    if not pictures:
        raise InputError(
            f"{folder} has no images in the split {split}",
            hint="add an index.csv with columns file and split (train, val, test)",
        )
    return pictures


def without_rim(pictures: Sequence[Picture], gains: Sequence[float]) -> list[Picture]:
    """Brighten dark rims, as the codec does before analysis, rounded to whole grey levels."""
    return [_without_rim(picture, gains) for picture in pictures]


def _without_rim(picture: Picture, gains: Sequence[float]) -> Picture:
    image = picture.astype(np.float32)
    image = brighten(image, gains, dark_sides(image, gains))
    even: Picture = np.rint(image).clip(0, np.iinfo(picture.dtype).max).astype(picture.dtype)
    return even


def _split_of(parent: Path) -> str:
    digest = hashlib.sha256(str(parent).encode()).digest()
    draw, total = int.from_bytes(digest[:4], "big") / 2**32, 0.0
    for split, share in _SHARES.items():
        total += share
        if draw < total:
            return split
    return "train"


def random_crops(
    pictures: Sequence[Picture], count: int, size: int, generator: torch.Generator
) -> Tensor:
    """Draw ``count`` augmented crops (count, 1, size, size) with values around 0 to 255.

    Most are parts of the pictures, turned or resized at random; some are smoothed or cut off at a
    random black and white level, as the flat background of CT or ultrasound is; a few are drawings
    of discs and bars with hard edges.
    """
    chance = _Chance(generator)
    return torch.stack([_random_crop(pictures, size, chance) for _ in range(count)])


class _Chance:
    """Random decisions from one generator."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def uniform(self, low: float, high: float) -> float:
        return low + (high - low) * torch.rand((), generator=self.generator).item()

    def integer(self, stop: int) -> int:
        return int(torch.randint(stop, (), generator=self.generator))

    def happens(self, probability: float) -> bool:
        return self.uniform(0, 1) < probability


def _random_crop(pictures: Sequence[Picture], size: int, chance: _Chance) -> Tensor:
    if chance.happens(0.06):
        crop = _drawing(size, chance)
    else:
        crop = _part(pictures[chance.integer(len(pictures))], size, chance)
    if chance.happens(0.1):
        crop = F.avg_pool2d(F.pad(crop[None, None], (1, 1, 1, 1), mode="replicate"), 3, 1)[0, 0]
    if chance.happens(0.15):
        crop = _windowed(crop, chance)
    if chance.happens(0.5):
        crop = crop.flip(1)
    if chance.happens(0.3):
        crop = crop.flip(0)
    if chance.happens(0.3):
        crop = crop.t()
    if chance.happens(0.3):
        crop = crop * chance.uniform(0.4, 1.6)
    return crop[None]


def _part(picture: Picture, size: int, chance: _Chance) -> Tensor:
    """Cut a window out of ``picture``, sometimes a larger one that is made smaller."""
    shrink = chance.uniform(0.3, 1.0) if chance.happens(0.3) else 1.0
    window = min(round(size / shrink), *picture.shape)
    top, left = (chance.integer(extent - window + 1) for extent in picture.shape)
    part = picture[top : top + window, left : left + window].astype(np.float32)
    crop = torch.from_numpy(part * np.float32(WHITE / max(1, picture.max())))
    if window != size:
        crop = F.interpolate(
            crop[None, None], (size, size), mode="bilinear", antialias=True, align_corners=False
        )[0, 0]
    return crop


def _windowed(crop: Tensor, chance: _Chance) -> Tensor:
    """Stretch a part of the grey levels to the whole range; what lies outside becomes flat."""
    black = torch.quantile(crop, chance.uniform(0, 0.6))
    white = torch.quantile(crop, chance.uniform(0.8, 1))
    return ((crop - black) / (white - black).clamp_min(8.0)).clamp(0, 1) * WHITE


def _drawing(size: int, chance: _Chance) -> Tensor:
    """Draw discs and bars of one grey level each, sometimes with noise."""
    y, x = torch.meshgrid(torch.arange(float(size)), torch.arange(float(size)), indexing="ij")
    crop = chance.uniform(0, WHITE) + chance.uniform(-0.4, 0.4) * x + chance.uniform(-0.4, 0.4) * y
    for _ in range(3 + chance.integer(12)):
        across, down = x - chance.uniform(0, size), y - chance.uniform(0, size)
        width, height = (chance.uniform(1, size / 3) ** chance.uniform(0.3, 1) for _ in range(2))
        if chance.happens(0.5):
            inside = (across / width).square() + (down / height).square() < 1
        else:
            inside = (across.abs() < width) & (down.abs() < height)
        crop = torch.where(inside, chance.uniform(0, WHITE), crop)
    if chance.happens(0.5):
        crop = crop + chance.uniform(0, 6) * torch.randn(size, size, generator=chance.generator)
    return crop.clamp(0, WHITE)
