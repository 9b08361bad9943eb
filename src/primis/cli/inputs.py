"""From arguments to the files to work on: folders are searched, hidden files left alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from primis.errors import InputError, UsageError

PUBLIC_SUFFIX = ".primis"

_DICOM_DIRECTORY = b"1.2.840.10008.1.3.10\0"  # Media Storage Directory Storage
_MAGICS = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"RIFF": "WebP",
}


def find_images(inputs: Sequence[Path]) -> tuple[list[Path], int]:
    """Return the image files among the inputs, and how many other files the folders hold.

    A file that is named is returned whatever it is.

    Raises
    ------
    InputError
        If there is no image file.
    """
    return _find(inputs, lambda path: image_kind(path) is not None, "image file")


def find_public_files(inputs: Sequence[Path]) -> list[Path]:
    """Return the files that are named, and those in folders whose names end in ``.primis``.

    Raises
    ------
    InputError
        If there is none.
    """
    return _find(inputs, lambda path: path.suffix == PUBLIC_SUFFIX, "public file")[0]


def image_kind(path: Path) -> str | None:
    """Tell by its first bytes which kind of image file this is, if any.

    A file that cannot be read might be one.
    """
    try:
        with path.open("rb") as file:
            start = file.read(1024)
    except OSError:
        return "unreadable"
    if start[128:132] == b"DICM":
        return None if _DICOM_DIRECTORY in start else "DICOM"
    if start.startswith(b"RIFF") and start[8:12] != b"WEBP":
        return None
    return next((kind for magic, kind in _MAGICS.items() if start.startswith(magic)), None)


def refuse_folder_of(files: Sequence[Path], out: Path) -> None:
    """Keep outputs apart from inputs, lest someone publish both.

    Raises
    ------
    UsageError
        If one of `files` lies directly in the folder `out`.
    """
    folder = out.resolve()
    if any(path.resolve().parent == folder for path in files):
        raise UsageError(f"{out} holds the inputs", hint="choose another folder for the outputs")


def refuse_same(out: Path, *inputs: Path) -> None:
    """Raise UsageError if the output would replace an input."""
    if any(path.resolve() == out.resolve() for path in inputs):
        raise UsageError(f"{out} is both an input and the output", hint="choose another output")


def _find(
    inputs: Sequence[Path], wanted: Callable[[Path], bool], what: str
) -> tuple[list[Path], int]:
    found: dict[Path, Path] = {}
    skipped = 0
    for path in inputs:
        for file in _files(path) if path.is_dir() else (path,):
            if file is not path and not wanted(file):
                skipped += 1
            else:
                found.setdefault(file.resolve(), file)
    if not found:
        raise InputError(f"no {what} in {', '.join(map(str, inputs))}")
    return list(found.values()), skipped


def _files(folder: Path) -> Iterator[Path]:
    """Yield all files beneath a folder, in the order of their names."""

    def fail(error: OSError) -> None:
        raise InputError(f"{error.filename} cannot be read: {error.strerror}")

    for root, folders, names in os.walk(folder, onerror=fail):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield Path(root, name)
