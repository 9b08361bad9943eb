"""The images that the benchmarks run on."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from primis.errors import InputError, UsageError

Pixels = NDArray[Any]


@dataclass(frozen=True)
class Sample:
    """One 8-bit grey-scale image of a data set."""

    path: Path
    patient: str
    trim: int = 0

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the file and, if lines are left out, of their number, in hexadecimal."""
        trim = f"trim {self.trim}".encode() if self.trim else b""
        return hashlib.sha256(self.path.read_bytes() + trim).hexdigest()

    @cached_property
    def pixels(self) -> Pixels:
        """Array (rows, columns) of uint8, without ``trim`` lines at every side."""
        with Image.open(self.path) as image:
            box = (self.trim, self.trim, image.width - self.trim, image.height - self.trim)
            return np.asarray(image.convert("L").crop(box))


def read_split(folder: Path, split: str, limit: int | None = None, trim: int = 0) -> list[Sample]:
    """List the images of one split.

    Parameters
    ----------
    folder
        Holds `index.csv` with the columns file, patient and split, and the files.
    split
        Value of the column `split` to select.
    limit
        Keep at most this many, spread evenly over the split.
    trim
        Lines to leave out at every side of each image.

    Raises
    ------
    InputError
        If the index is absent or no image is in the split.
    UsageError
        If the limit is below 1 or the trim below 0.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"the limit must be at least 1, got {limit}")
    if trim < 0:
        raise UsageError(f"the trim must be at least 0, got {trim}")
    index = folder / "index.csv"
    if not index.is_file():
        raise InputError(
            f"no benchmark images: {index} does not exist",
            hint="point --data at a folder with an index.csv (columns file, patient, split)",
        )
    with index.open(newline="") as file:
        samples = [
            Sample(folder / row["file"], row["patient"] or row["file"], trim)
            for row in csv.DictReader(file)
            if row["split"] == split
        ]
    if not samples:
        raise InputError(f"no image of split {split!r} in {index}")
    if limit is None or limit >= len(samples):
        return samples
    return [samples[i * len(samples) // limit] for i in range(limit)]


def radiograph() -> tuple[Pixels, int]:
    """Read the clinical chest radiograph of the package pydicom-data.

    Returns
    -------
    pixels, bits
        Array (1955, 1841) of uint16 and its 15 stored bits.

    Raises
    ------
    InputError
        If the package is not installed.
    """
    import pydicom

    dataset = pydicom.dcmread(sample_folder() / "RG1_UNCR.dcm")
    return dataset.pixel_array.astype(np.uint16), dataset.BitsStored


def sample_folder() -> Path:
    """Return the folder of DICOM files of the package pydicom-data.

    Raises
    ------
    InputError
        If the package is not installed.
    """
    try:
        import data_store
    except ImportError as error:
        raise InputError(
            "no benchmark images: the package pydicom-data is not installed",
            hint="pip install pydicom-data",
        ) from error
    return Path(data_store.__file__).parent / "data"


def thumbnail(pixels: Pixels, bits: int) -> Pixels:
    """Reduce a radiograph to its 512x512 middle at a third of the size, 8 bits."""
    rows, columns = (side // 3 for side in pixels.shape)
    means: Pixels = pixels[: rows * 3, : columns * 3].reshape(rows, 3, columns, 3).mean((1, 3))
    top, left = (rows - 512) // 2, (columns - 512) // 2
    middle: Pixels = means[top : top + 512, left : left + 512] / 2 ** (bits - 8)
    return middle.astype(np.uint8)
