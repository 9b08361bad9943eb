"""The structures that the values of a mask stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from primis.errors import InputError, UsageError
from primis.study.dataset import Case, read_mask

Structures: TypeAlias = Mapping[str, tuple[int, ...]]
"""Mask values by the name of a structure; structures may share values."""

CHEST: Structures = {"lungs": (1, 2, 4), "heart and mediastinum": (3,), "opacity": (4,)}
"""Of the data set `cxr-seg`, where an opacity hides the part of a lung that it lies in."""

_MOST = 16


def parse_structures(text: str) -> Structures:
    """Read names and values as a command line has them: ``lungs=1,2,4;heart=3``.

    Raises
    ------
    UsageError
        If the text is not such a list of values between 1 and 255.
    """
    structures = {}
    for part in text.split(";"):
        name, _, numbers = part.partition("=")
        values = tuple(
            int(n) for n in numbers.split(",") if n.strip().isascii() and n.strip().isdigit()
        )
        if not name.strip() or len(values) != numbers.count(",") + 1:
            raise UsageError(f"{part!r} names no structure", hint="write lungs=1,2,4;heart=3")
        if not all(1 <= value <= 255 for value in values):
            raise UsageError(f"{part!r}: the values of a structure are between 1 and 255")
        structures[name.strip()] = values
    return structures


def find_structures(cases: Sequence[Case]) -> Structures:
    """Take every value but 0 that occurs in the masks for a structure of its own.

    Raises
    ------
    InputError
        If there are none, or more than 16: then the masks are probably pictures.
    """
    values = sorted({int(value) for case in cases for value in np.unique(read_mask(case))} - {0})
    if not values:
        raise InputError("all masks are empty", hint="mark structures by values from 1")
    if len(values) > _MOST:
        raise InputError(
            f"the masks have {len(values)} different values",
            hint=f"one value per structure, {_MOST} at most, in a lossless format",
        )
    return {f"label {value}": (value,) for value in values}


def read_structures(case: Case, structures: Structures) -> NDArray[np.bool_]:
    """Read the masks of the structures of a case: boolean (structures, rows, columns)."""
    mask = read_mask(case)
    return np.stack([np.isin(mask, values) for values in structures.values()])
