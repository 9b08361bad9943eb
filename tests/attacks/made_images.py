"""Small synthetic images of many patients, some plain, some busy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from primis.study.dataset import Dataset, load_dataset
from tests.pictures import smooth, textured


def pictures(count: int, side: int = 64) -> list[np.ndarray]:
    return [
        (textured if number % 2 else smooth)((side, side), seed=number) for number in range(count)
    ]


def made_dataset(folder: Path, count: int = 12) -> Dataset:
    """One image of each patient, but two of the first three."""
    folder.mkdir()
    lines = ["file,patient,split,finding"]
    for number, pixels in enumerate(pictures(count)):
        Pillow.fromarray(pixels).save(folder / f"{number}.png")
        patient = number % (count - 3)
        split = ("train", "train", "val", "test")[patient % 4]
        lines.append(f"{number}.png,p{patient},{split},{'sick' if number % 2 else 'well'}")
    (folder / "index.csv").write_text("\n".join(lines) + "\n")
    return load_dataset(folder)
