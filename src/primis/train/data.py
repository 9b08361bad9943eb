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
    part = picture[top : top + window, left : left + window].astype(np.float32)
    crop = torch.from_numpy(part * np.float32(WHITE / max(1, picture.max())))
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
