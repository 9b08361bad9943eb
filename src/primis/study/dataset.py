"""Images with their patients, splits and labels; no patient is ever in two splits."""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from primis.errors import InputError
from primis.files import read_bounded
from primis.images import MAX_FILE_BYTES, read_image
from primis.images.display import display

SPLITS = ("train", "val", "test")

_SHARES = {"train": 0.7, "val": 0.1, "test": 0.2}
_SUFFIXES = {".dcm", ".dicom", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp"}
_MAX_TABLE_BYTES = 1 << 28


@dataclass(frozen=True)
class Case:
    """One image of a data set.

    Parameters
    ----------
    name
        File name relative to the folder of the images.
    path
        Where the image is.
    patient
        Whom it shows; the name of the file where nobody knows.
    split
        ``train``, ``val`` or ``test``.
    labels
        All other columns of the table.
    mask
        An image of the same shape whose values are classes of pixels, if there is one.
    """

    name: str
    path: Path
    patient: str
    split: str
    labels: Mapping[str, str] = field(default_factory=dict)
    mask: Path | None = None


@dataclass(frozen=True)
class Dataset:
    """Cases split by patient.

    Raises
    ------
    InputError
        If a patient is in two splits, a split is not one of `SPLITS`, or there is no case.
    """

    name: str
    cases: tuple[Case, ...]

    def __post_init__(self) -> None:
        if not self.cases:
            raise InputError(f"{self.name} has no images of the kind asked for")
        split_of: dict[str, str] = {}
        for case in self.cases:
            if case.split not in SPLITS:
                raise InputError(
                    f"{case.name} is in a split called {case.split!r}",
                    hint=f"call it one of {', '.join(SPLITS)}",
                )
            if split_of.setdefault(case.patient, case.split) != case.split:
                raise InputError(
                    f"a patient of {case.name} is in the splits {split_of[case.patient]} and "
                    f"{case.split}",
                    hint="keep all images of a patient in one split, or leave the column out",
                )

    def __len__(self) -> int:
        return len(self.cases)

    def split(self, split: str) -> tuple[Case, ...]:
        """Return the cases of one split.

        Raises
        ------
        InputError
            If it is empty.
        """
        chosen = tuple(case for case in self.cases if case.split == split)
        if not chosen:
            raise InputError(
                f"{self.name} has no images in the split {split}",
                hint="give more patients, or a column `split` with train, val and test",
            )
        return chosen

    def where(self, **labels: str | Collection[str]) -> Dataset:
        """Return the cases whose labels have the given values, or one of them.

        Raises
        ------
        InputError
            If the data set has no such column, or no case is left.
        """
        wanted = {
            column: {values} if isinstance(values, str) else set(values)
            for column, values in labels.items()
        }
        for column in wanted:
            if not any(column in case.labels for case in self.cases):
                known = sorted({name for case in self.cases for name in case.labels})
                raise InputError(
                    f"{self.name} has no label column {column!r}",
                    hint=f"its columns are {', '.join(known) or 'none'}",
                )
        chosen = (
            case
            for case in self.cases
            if all(case.labels.get(column) in values for column, values in wanted.items())
        )
        return replace(self, cases=tuple(chosen))

    def subset(self, per_split: int, seed: int = 0) -> Dataset:
        """Return whole patients drawn at random, about ``per_split`` images in each split.

        The draw of a patient depends on his name and the seed alone.
        """
        count = dict.fromkeys(SPLITS, 0)
        images: dict[str, list[Case]] = {}
        for case in self.cases:
            images.setdefault(case.patient, []).append(case)
        chosen: set[str] = set()
        for patient in sorted(images, key=lambda patient: _draw(f"{seed} {patient}")):
            split = images[patient][0].split
            if count[split] < per_split:
                count[split] += len(images[patient])
                chosen.add(patient)
        return replace(self, cases=tuple(case for case in self.cases if case.patient in chosen))


def load_dataset(images: Path, labels: Path | None = None, masks: Path | None = None) -> Dataset:
    """Read a data set: a folder of images, a table, and perhaps a folder of masks.

    Parameters
    ----------
    images
        The folder. Without a table, all image files in it and below are taken, by their suffix.
    labels
        CSV with a header: ``file`` (relative to ``images``) and optionally ``patient``, ``split``,
        ``mask`` (relative to ``masks``, or to ``images`` without it) and any label columns.
        Default: ``index.csv`` in the folder of the images, if it exists.
    masks
        Folder with masks; without a column ``mask``, files with the image's name up to the suffix.

    Returns
    -------
    Dataset
        Without a column ``split``, a hash of the patient decides: 70 % train, 10 % val, 20 % test.

    Raises
    ------
    InputError
        If there is no image, the table is not such a table, a file is missing, an image occurs
        twice, or a patient is in two splits.
    """
    if not images.is_dir():
        raise InputError(f"{images} is not a folder", hint="give the folder of the images")
    if masks is not None and not masks.is_dir():
        raise InputError(f"{masks} is not a folder", hint="give the folder of the masks")
    if labels is None and (images / "index.csv").is_file():
        labels = images / "index.csv"
    rows = [{"file": name} for name in _image_names(images)] if labels is None else _rows(labels)
    if not rows:
        raise InputError(f"no image in {labels or images}")
    by_stem = _by_stem(masks) if masks else {}
    cases = tuple(_case(row, images, masks or images, by_stem) for row in rows)
    names = [case.name for case in cases]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"{twice} occurs twice in {labels}", hint="one line per image")
    return Dataset(images.resolve().name, cases)


def read_pixels(case: Case) -> NDArray[np.uint8]:
    """Read an image as a screen would show it: uint8 (rows, columns), 0 black and 255 white."""
    image = read_image(case.path)
    if image.bits == 8 and image.attributes.source == "raster":
        return np.asarray(image.pixels, np.uint8)
    return display(image)


def read_mask(case: Case) -> NDArray[np.uint8]:
    """Read a mask: uint8 (rows, columns), one class per pixel.

    Raises
    ------
    InputError
        If the case has none, or its shape is not that of the image.
    """
    if case.mask is None:
        raise InputError(f"{case.name} has no mask", hint="give a folder of masks")
    mask = read_image(case.mask).pixels
    if mask.dtype != np.uint8:
        raise InputError(f"the mask of {case.name} is not an 8-bit image")
    if mask.shape != (shape := read_image(case.path).pixels.shape):
        raise InputError(f"the mask of {case.name} has shape {mask.shape}, the image {shape}")
    return np.asarray(mask, np.uint8)


def content(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal, reading it again only if it changed.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    return _content(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=1 << 16)
def _content(path: Path, size: int, modified: int) -> str:  # noqa: ARG001  # when to read again
    return hashlib.sha256(read_bounded(path, MAX_FILE_BYTES)).hexdigest()


def _draw(text: str) -> float:
    """Uniform in [0, 1), decided by the text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64


def _split_of(patient: str) -> str:
    draw, total = _draw(patient), 0.0
    for split, share in _SHARES.items():
        total += share
        if draw < total:
            return split
    return "test"


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        text = read_bounded(path, _MAX_TABLE_BYTES).decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a CSV table in UTF-8") from error
    if "file" not in (reader.fieldnames or ()):
        raise InputError(
            f"{path} has no column `file`",
            hint="its first line names the columns: file, and perhaps patient, split, mask, labels",
        )
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise InputError(f"line {number} of {path} has not as many cells as the first")
    return rows


def _case(row: Mapping[str, str], images: Path, masks: Path, by_stem: Mapping[str, Path]) -> Case:
    name = row["file"]
    patient = row.get("patient") or name
    if row.get("mask"):
        mask: Path | None = masks / row["mask"]
    else:
        mask = by_stem.get(Path(name).stem)
    path = images / name
    for file in (path, mask):
        if file is not None and not file.is_file():
            raise InputError(f"{file} is in the table but does not exist")
    labels = {
        column: value
        for column, value in row.items()
        if column not in {"file", "patient", "split", "mask"}
    }
    split = row["split"] if "split" in row else _split_of(patient)
    return Case(name, path, patient, split, labels, mask)


def _image_names(folder: Path) -> Iterator[str]:
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if Path(name).suffix.lower() in _SUFFIXES and not name.startswith("."):
                yield Path(root, name).relative_to(folder).as_posix()


def _by_stem(folder: Path) -> dict[str, Path]:
    return {Path(name).stem: folder / name for name in _image_names(folder)}
