"""Pictures that attackers see and recover; those for the report lie beside the results."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Raster

from primis.files import write_atomically
from primis.images.raster import encode_png
from primis.study.workspace import Workspace, make_folder

FOLDER = "pictures"
ORIGINAL = "original"
GIVEN = "as given"
"""Ends the name of pictures that an attack started from."""

_BEST = "best"


def keep(
    workspace: Workspace,
    attack: str,
    name: str,
    pictures: Sequence[NDArray[np.uint8]] | NDArray[np.uint8],
) -> None:
    """Write pictures (rows, columns) of an attack; ``name`` is a target, or `ORIGINAL`."""
    folder = workspace.folder / FOLDER
    make_folder(folder)
    for number, pixels in enumerate(pictures):
        path = folder / file_name(attack, name, number)
        write_atomically(path, encode_png(np.ascontiguousarray(pixels)), overwrite=True)


def find(folder: Path, attack: str, name: str) -> list[Path]:
    """Return the pictures of an attack that are in the results folder, in order."""
    paths: list[Path] = []
    while (path := folder / FOLDER / file_name(attack, name, len(paths))).exists():
        paths.append(path)
    return paths


def keep_best(
    workspace: Workspace,
    attack: str,
    target: str,
    original: NDArray[np.uint8],
    recovered: NDArray[np.uint8],
) -> None:
    """Write what an attack recovered best from a target, and its original."""
    keep(workspace, attack, f"{target} {_BEST}", [original, recovered])


def find_best(folder: Path, attack: str, target: str) -> tuple[Path, Path] | None:
    """Return the pictures of `keep_best`: the original and the recovered one."""
    paths = find(folder, attack, f"{target} {_BEST}")
    return (paths[0], paths[1]) if len(paths) > 1 else None


def file_name(attack: str, name: str, number: int) -> str:
    """Name a picture's file."""
    return f"{slug(attack)}-{slug(name)}-{number}.png"


def slug(text: str) -> str:
    """Turn a name into letters, digits and hyphens, for a file name."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")


def small(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Cut the central square out of an image and average it down to ``side`` x ``side``."""
    rows, columns = pixels.shape
    edge = min(rows, columns)
    top, left = (rows - edge) // 2, (columns - edge) // 2
    square = Raster.fromarray(np.ascontiguousarray(pixels[top : top + edge, left : left + edge]))
    return np.asarray(square.resize((side, side), Raster.Resampling.BOX))
