from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from primis.study.dataset import Dataset, load_dataset
from tests.pictures import textured

SPLITS = ("train", "train", "val", "test", "test", "test")


@pytest.fixture
def picture():
    """Blobs with soft edges and some grain, 8 bits, 96x112."""
    rows, columns = np.mgrid[:96, :112] / 100
    grain = np.random.default_rng(3).normal(0, 3, rows.shape)
    blobs = np.sin(9 * rows + 3 * columns) * np.cos(7 * columns) + np.hypot(rows, columns)
    return np.clip(110 + 60 * blobs + grain, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six images of five patients with labels, and their table."""
    images = tmp_path_factory.mktemp("data") / "chests"
    images.mkdir()
    lines = ["file,patient,split,finding"]
    for number, split in enumerate(SPLITS):
        Pillow.fromarray(textured((64, 80), seed=number)).save(images / f"{number}.png")
        patient = min(number, 4)
        lines.append(f"{number}.png,p{patient},{split},{'sick' if number % 2 else 'well'}")
    (images / "index.csv").write_text("\n".join(lines) + "\n")
    return images


@pytest.fixture(scope="session")
def dataset(folder: Path) -> Dataset:
    return load_dataset(folder)
