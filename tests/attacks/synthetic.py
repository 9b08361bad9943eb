"""A data set of synthetic radiographs: two images of each patient, half of the patients sick."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from primis.attacks.attack import Settings
from primis.files import write_atomically
from primis.images.raster import encode_png
from primis.study.dataset import Case, Dataset
from tests.pictures import textured

SIDE = 32
SETTINGS = Settings(
    side=SIDE, rate=5.0, full_rate=5.0, pairs=(), epochs=6, width=8, column="label",
    negative=("well",), positive=("sick",),
)  # fmt: skip


def make_dataset(folder: Path, train: int = 30, val: int = 10, test: int = 20) -> Dataset:
    """Write the images of so many patients for each split; the sick have a bright patch."""
    cases = []
    splits = ["train"] * train + ["val"] * val + ["test"] * test
    for number, split in enumerate(splits):
        rng = np.random.default_rng(number)
        body = textured((SIDE, SIDE), seed=number).astype(float) * rng.uniform(0.4, 0.7)
        body += rng.uniform(0, 60)
        label = "sick" if number % 2 else "well"
        for visit in (0, 1):
            pixels = body + rng.normal(0, 2, body.shape)
            if label == "sick":
                row, column = rng.integers(4, SIDE - 12, 2)
                pixels[row : row + 8, column : column + 8] += 70
            name = f"{number:03d}-{visit}.png"
            data = encode_png(np.rint(pixels).clip(0, 255).astype(np.uint8))
            write_atomically(folder / name, data)
            cases.append(Case(name, folder / name, f"{number:03d}", split, {"label": label}))
    return Dataset("synthetic", tuple(cases))
