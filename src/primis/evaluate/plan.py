"""Which parts of an evaluation a data set allows, and why the others are left out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from primis.batch import over_pool
from primis.errors import InputError, PrimisError, UsageError
from primis.evaluate.structures import CHEST, Structures
from primis.files import write_atomically
from primis.images.image import MIN_SIDE
from primis.images.raster import encode_png
from primis.study import packages
from primis.study.dataset import Case, Dataset, content, load_dataset, read_mask, read_pixels
from primis.study.workspace import make_folder

PARTS = ("fidelity", "codes", "classification", "segmentation", "texture")
_PACKAGES = ("torch", "scipy", "mirp", "matplotlib", "jinja2")


@dataclass(frozen=True)
class Task:
    """Two classes to tell apart: values of a label column, each class one or several of them."""

    column: str
    negative: tuple[str, ...]
    positive: tuple[str, ...]

    @property
    def title(self) -> str:
        """How a report names it."""
        return f"{' or '.join(self.negative)} against {' or '.join(self.positive)}"


@dataclass(frozen=True)
class Plan:
    """What to do with one data set.

    Parameters
    ----------
    dataset
        The images.
    parts
        The parts that it allows, of `PARTS`.
    tasks
        For classification.
    structures
        For segmentation and texture; None for what the masks hold.
    left_out
        Why a part is not among `parts`, where a user might expect it.
    """

    dataset: Dataset
    parts: tuple[str, ...]
    tasks: tuple[Task, ...] = ()
    structures: Structures | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)


_PNEUMONIA = ("pneumonia_bacterial", "pneumonia_viral")
_RESEARCH: Mapping[str, tuple[tuple[str, ...], tuple[Task, ...], Structures | None]] = {
    "cxr-adult": (
        ("fidelity", "codes", "classification"),
        (Task("label", ("no_finding",), ("pneumonia",)),),
        None,
    ),
    "cxr-pediatric": (
        ("classification",),
        (
            Task("label", ("normal",), _PNEUMONIA),
            Task("label", ("pneumonia_viral",), ("pneumonia_bacterial",)),
        ),
        None,
    ),
    "cxr-seg": (("segmentation", "texture"), (), CHEST),
}


def plan_research(folder: Path) -> list[Plan]:
    """Plan for the research data sets in a folder: cxr-adult, cxr-pediatric and cxr-seg.

    Raises
    ------
    InputError
        If the folder holds none of them, or one is not a data set.
    """
    found = [name for name in _RESEARCH if (folder / name).is_dir()]
    if not found:
        raise InputError(
            f"{folder} holds none of the data sets {', '.join(_RESEARCH)}",
            hint="to evaluate your own images, give their folder with --images",
        )
    return [
        Plan(load_dataset(folder / name), parts, tasks, structures)
        for name in found
        for parts, tasks, structures in [_RESEARCH[name]]
    ]


def plan_own(
    images: Path,
    labels: Path | None = None,
    masks: Path | None = None,
    *,
    tasks: Sequence[Task] = (),
    structures: Structures | None = None,
) -> Plan:
    """Plan for any folder of images; see `primis.study.dataset.load_dataset`.

    Without `tasks`, the classes are the two values of the only label column that has exactly two.

    Raises
    ------
    InputError
        If the folder and the table are not a data set, or no image is of a class of a task.
    """
    dataset = load_dataset(images, labels, masks)
    values = _label_values(dataset)
    for task in tasks:
        _check(task, values)
    found = [Task(name, (of[0],), (of[1],)) for name, of in values.items() if len(of) == 2]
    left_out = {}
    if not tasks and len(found) == 1:
        tasks = found
    if not tasks:
        left_out["classification"] = _why_no_task(values, found)
    if not any(case.mask for case in dataset.cases):
        left_out["segmentation"] = "there are no masks; give their folder with --masks"
    parts = tuple(part for part in PARTS if part not in left_out)
    return Plan(dataset, parts, tuple(tasks), structures, left_out)


def parse_task(text: str) -> Task:
    """Read a task as a command line has it: ``COLUMN:NEGATIVE[,...]:POSITIVE[,...]``.

    Raises
    ------
    UsageError
        If the text is not of that form.
    """
    column, *classes = text.split(":")
    values = [tuple(value for value in part.split(",") if value) for part in classes]
    if not column or len(values) != 2 or not all(values) or set(values[0]) & set(values[1]):
        raise UsageError(
            f"{text!r} is not a task",
            hint="write COLUMN:NEGATIVE:POSITIVE, such as finding:normal:pneumonia,tuberculosis",
        )
    return Task(column, values[0], values[1])


def require_packages() -> None:
    """See that what an evaluation needs beyond the core is installed.

    Raises
    ------
    UsageError
        If a package is missing.
    """
    packages.require(_PACKAGES, who="evaluation needs", extra="evaluate")


def reduce_images(dataset: Dataset, folder: Path, side: int, *, processes: int = 1) -> Dataset:
    """Return a data set whose longer images are replaced by reduced copies.

    Copies are named by what they are made of; those that are there already are not made again.

    Parameters
    ----------
    dataset
        The images, and their masks, if they have some.
    folder
        Where the copies go.
    side
        Rows and columns of a copy, at most.
    processes
        How many to use.

    Raises
    ------
    InputError
        If an image or a mask cannot be read.
    """
    make_folder(folder)
    reduced = partial(_reduced, folder=folder, side=side)
    cases = []
    for outcome in over_pool(reduced, dataset.cases, processes=min(processes, len(dataset))):
        if isinstance(outcome, PrimisError):
            raise outcome
        cases.append(outcome)
    return replace(dataset, cases=tuple(cases))


def _reduced(case: Case, folder: Path, side: int) -> Case:
    source = content(case.path)
    image = folder / f"{source}-{side}.png"
    mask = folder / f"{source}-{content(case.mask)}-{side}.png" if case.mask else None
    reduced = replace(case, path=image, mask=mask)
    if image.exists() and (mask is None or mask.exists()):
        return reduced
    pixels = read_pixels(case)
    if max(pixels.shape) <= side:
        return case
    shape = [max(MIN_SIDE, round(length * side / max(pixels.shape))) for length in pixels.shape]

    def copy(array: NDArray[np.uint8], path: Path, method: Pillow.Resampling) -> None:
        small = np.asarray(Pillow.fromarray(array).resize((shape[1], shape[0]), method))
        write_atomically(path, encode_png(small), overwrite=True)

    copy(pixels, image, Pillow.Resampling.BOX)
    if mask is not None:
        copy(read_mask(case), mask, Pillow.Resampling.NEAREST)
    return reduced


def _label_values(dataset: Dataset) -> dict[str, list[str]]:
    """Which values the images have, by label column."""
    values: dict[str, set[str]] = {}
    for case in dataset.cases:
        for column, value in case.labels.items():
            values.setdefault(column, set()).update({value} - {""})
    return {column: sorted(of) for column, of in values.items()}


def _check(task: Task, values: Mapping[str, Sequence[str]]) -> None:
    if task.column not in values:
        raise InputError(
            f"the images have no label column {task.column!r}",
            hint=f"the label columns are {_some(values)}" if values else "give a CSV with --labels",
        )
    for value in (*task.negative, *task.positive):
        if value not in values[task.column]:
            raise InputError(
                f"no image has {value!r} in the column {task.column!r}",
                hint=f"its values are {_some(values[task.column])}",
            )


def _why_no_task(values: Mapping[str, Sequence[str]], found: Sequence[Task]) -> str:
    if not values:
        return "there are no labels; give a CSV with the columns file, patient and a label"
    if not found:
        return "no column of the labels has exactly two values; choose the classes with --task"
    chosen = ":".join((found[0].column, *found[0].negative, *found[0].positive))
    return (
        f"the columns {_some([task.column for task in found])} have exactly two values each; "
        f"choose one with --task, such as --task {chosen}"
    )


def _some(names: Collection[str], most: int = 10) -> str:
    shown = ", ".join(list(names)[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown or "none"
