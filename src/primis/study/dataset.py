"""Images with their patients, splits and labels; no patient is ever in two splits."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import warnings
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from primis.errors import InputError
from primis.files import read_bounded
from primis.images import MAX_FILE_BYTES, read_image
from primis.images.dicom import DEFLATED
from primis.images.display import display

SPLITS = ("train", "val", "test")

_SHARES = {"train": 0.7, "val": 0.1, "test": 0.2}
_SUFFIXES = (".dcm", ".dicom", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp")
_COLUMNS = ("file", "patient", "split", "mask")  # all others are labels
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
        Whom it shows: as the table says, else a hash of the Patient ID of a DICOM file, else the
        name of the file.
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
                    hint="keep all images of a patient in one split, or leave the column out; if "
                    "they show several patients, name them in a column `patient`",
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
                hint="give more patients, or tell them apart in a column `patient`, or give a "
                "column `split` with train, val and test",
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
        The folder. Without a table, all image files in it and below are taken, by their suffix,
        except those in `masks`.
    labels
        CSV with a header: ``file`` (relative to ``images``) and optionally ``patient``, ``split``,
        ``mask`` (relative to ``images``) and any label columns. Blanks around cells do not count.
        Default: ``index.csv`` in the folder of the images, if it exists.
    masks
        Folder with masks. Of a path in the column ``mask``, the longest tail that exists here
        counts; without the column, files with the image's path up to the suffix, else its name.

    Returns
    -------
    Dataset
        Without a column ``split``, a hash of the patient decides: 70 % train, 10 % val, 20 % test.
        Without a column ``patient``, DICOM files of equal Patient ID show one patient.

    Raises
    ------
    InputError
        If there is no image, the table is not such a table, a patient's cell is empty, a file is
        missing, an image occurs twice, it is not clear which mask is whose, none of `masks` is, or
        a patient is in two splits.
    """
    if not images.is_dir():
        raise InputError(f"{images} is not a folder", hint="give the folder of the images")
    if masks is not None and not masks.is_dir():
        raise InputError(f"{masks} is not a folder", hint="give the folder of the masks")
    if labels is None and (images / "index.csv").is_file():
        labels = images / "index.csv"
    if labels is None:
        rows = [{"file": name} for name in _image_names(images, without=masks)]
        hint = f"taken are files named {', '.join(_SUFFIXES)}; name any others in a table"
    else:
        rows, hint = _rows(labels), "give one line per image"
    if not rows:
        raise InputError(f"no image in {labels or images}", hint=hint)
    names = [row["file"] for row in rows]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"{twice} occurs twice in {labels}", hint="one line per image")
    if any(row.get("mask") for row in rows):
        mask_of = _masks_of_table(rows, images, masks)
    else:
        mask_of = _masks_by_name(names, images, masks) if masks else {}
    cases = tuple(_case(row, images, mask_of.get(row["file"])) for row in rows)
    return Dataset(images.resolve().name, cases)


def read_pixels(case: Case) -> NDArray[np.uint8]:
    """Read an image as a screen would show it: uint8 (rows, columns), 0 black and 255 white."""
    image = read_image(case.path)
    if image.bits == 8 and image.attributes.source == "raster":
        return np.asarray(image.pixels, np.uint8)
    return display(image)


def read_mask(case: Case) -> NDArray[np.uint8]:
    """Read a mask: uint8 (rows, columns), one class per pixel: values, or indices of a palette.

    Raises
    ------
    InputError
        If the case has none, or its shape is not that of the image.
    """
    if case.mask is None:
        raise InputError(f"{case.name} has no mask", hint="give a folder of masks")
    mask = read_image(case.mask, indices=True).pixels
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
        reader.fieldnames = columns = [_column(name) for name in reader.fieldnames or ()]
        rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a CSV table in UTF-8") from error
    if "file" not in columns:
        raise InputError(
            f"{path} has no column `file`",
            hint="its first line names the columns: file, and perhaps patient, split, mask, labels",
        )
    for column in _COLUMNS:
        if columns.count(column) > 1:
            raise InputError(f"{path} has two columns `{column}`")
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise InputError(f"line {number} of {path} has not as many cells as the first")
        row.update({column: value.strip() for column, value in row.items()})
        if row.get("patient") == "":
            raise InputError(
                f"line {number} of {path} names no patient",
                hint="fill in the column `patient`; give each unknown patient a name of its own",
            )
    return rows


def _column(name: str) -> str:
    name = name.strip()
    return name.lower() if name.lower() in _COLUMNS else name


def _case(row: Mapping[str, str], images: Path, mask: Path | None) -> Case:
    name = row["file"]
    path = images / name
    if not path.is_file():
        raise InputError(f"{path} is in the table but does not exist")
    patient = row["patient"] if "patient" in row else _dicom_patient(path) or name
    split = row["split"] if "split" in row else _split_of(patient)
    labels = {column: value for column, value in row.items() if column not in _COLUMNS}
    return Case(name, path, patient, split, labels, mask)


def _dicom_patient(path: Path) -> str | None:
    """Hash of the Patient ID of a DICOM file that has one."""
    try:
        with path.open("rb") as file, warnings.catch_warnings(action="ignore"):
            start = file.read(4096)
            if start[128:132] != b"DICM" or DEFLATED in start:
                return None
            from pydicom import dcmread

            file.seek(0)
            header = dcmread(file, stop_before_pixels=True, specific_tags=["PatientID"])
            patient = str(header.get("PatientID") or "").strip()
            return hashlib.sha256(patient.encode()).hexdigest()[:16] if patient else None
    except Exception:  # `read_image` will say what is wrong with the file
        return None


def _masks_of_table(
    rows: Sequence[Mapping[str, str]], images: Path, folder: Path | None
) -> dict[str, Path]:
    """Masks by image, as the column says."""
    found: dict[str, Path] = {}
    written: dict[Path, Path] = {}
    for row in rows:
        if not row["mask"]:
            continue
        path = Path(row["mask"])
        parts = [part for part in path.parts if part not in (path.anchor, "..")]
        tails = [folder.joinpath(*parts[n:]) for n in range(len(parts))] if folder else []
        mask = next((file for file in tails or [images / path] if file.is_file()), None)
        if mask is None or written.setdefault(mask, path) != path:
            raise InputError(
                f"{row['mask']}, the mask of {row['file']}, is not in {folder or images}",
                hint="write it relative to the folder given with --masks, or without that to the "
                "folder of the images",
            )
        found[row["file"]] = mask
    return found


def _masks_by_name(names: Sequence[str], images: Path, folder: Path) -> dict[str, Path]:
    """Masks by image: of equal path up to the suffix, and of those left, of equal name."""
    pictures = {(images / name).resolve() for name in names}
    masks = [name for name in _image_names(folder) if (folder / name).resolve() not in pictures]
    found: dict[str, str] = {}
    for only_name in (False, True):
        groups: dict[str, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
        for image in (name for name in names if name not in found):
            groups[_stem(image, only_name=only_name)][0].append(image)
        taken = set(found.values())
        for mask in (name for name in masks if name not in taken):
            groups[_stem(mask, only_name=only_name)][1].append(mask)
        for stem, (wanting, offered) in groups.items():
            if wanting and offered and len(wanting) + len(offered) > 2:
                raise InputError(
                    f"it is not clear which mask belongs to {wanting[0]}: more than one image or "
                    f"mask is called {stem}",
                    hint="name the masks in a column `mask` of the table",
                )
            found.update(zip(wanting, offered, strict=False))
    if not found:
        raise InputError(
            f"no file in {folder} has the name of an image up to the suffix",
            hint=f"the mask of {names[0]} would be {_stem(names[0])}.png, for example; or name the "
            "masks in a column `mask` of the table",
        )
    return {image: folder / mask for image, mask in found.items()}


def _stem(name: str, *, only_name: bool = False) -> str:
    """Leave out the suffix of an image, and perhaps its folders."""
    path = Path(Path(name).name if only_name else name)
    return str(path.with_suffix("") if path.suffix.lower() in _SUFFIXES else path)


def _image_names(folder: Path, without: Path | None = None) -> Iterator[str]:
    """Image files in and below a folder, but not those in and below another one inside it."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not (name.startswith(".") or (without and Path(root, name).samefile(without)))
        )
        for name in sorted(names):
            if Path(name).suffix.lower() in _SUFFIXES and not name.startswith("."):
                yield Path(root, name).relative_to(folder).as_posix()
