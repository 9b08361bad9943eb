"""A small data set made of numbers, and renditions of it without a codec."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from primis.study.dataset import Case, Dataset, load_dataset, read_pixels

DISC, BAR = 1, 2


def discs_and_bars(
    folder: Path, images: int = 24, side: int = 48, *, absent: int = 0, masks: bool = True
) -> Dataset:
    """Bright discs (mask value 1) and dark bars (2) on grain, a patient for every two images.

    The first ``absent`` images have no bar. Every fourth patient is in the test split.
    """
    rows = ["file,patient,split" + ",mask" * masks]
    for number in range(images):
        pixels, mask = _image(np.random.default_rng(number), side, bar=number >= absent)
        name, patient = f"{number}.png", number // 2
        Image.fromarray(pixels).save(folder / name)
        Image.fromarray(mask).save(folder / f"mask-{name}")
        split = "test" if patient % 4 == 3 else "train"
        rows.append(f"{name},p{patient},{split}" + f",mask-{name}" * masks)
    (folder / "index.csv").write_text("\n".join(rows) + "\n")
    return load_dataset(folder)


def _image(
    rng: np.random.Generator, side: int, *, bar: bool
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    rows, columns = np.mgrid[:side, :side] / side
    row, column, radius, left = rng.uniform([0.25, 0.3, 0.14, 0.1], [0.45, 0.7, 0.22, 0.5])
    mask = np.zeros((side, side), np.uint8)
    mask[(rows - row) ** 2 + (columns - column) ** 2 < radius**2] = DISC
    if bar:
        mask[(abs(rows - 0.8) < 0.08) & (columns > left) & (columns < left + 0.4)] = BAR
    level = np.choose(mask, [110, 190, 40]) + 20 * np.sin(rng.uniform(8, 20) * rows)
    return (level + rng.normal(0, 6, mask.shape)).clip(0, 255).astype(np.uint8), mask


@dataclass(frozen=True)
class MadeRenditions:
    """Coarser grey levels from level to level; the public file shows noise."""

    rate: float = 0.25

    @property
    def settings(self) -> dict[str, float]:
        return {"rate": self.rate}

    def pixels(self, case: Case, rendition: str) -> NDArray[np.uint8]:
        pixels = read_pixels(case)
        if rendition == "public":
            rng = np.random.default_rng(len(case.name) + int(pixels.sum()))
            return rng.integers(0, 256, pixels.shape, np.uint8)
        step = {"original": 1, "full": 2, "diagnostic": 8, "preview": 64}[rendition]
        return pixels // step * step
