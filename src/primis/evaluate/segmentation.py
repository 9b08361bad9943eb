"""What segmentation loses by reconstruction: a U-Net on the originals and on every rendition.

Every image is outlined by networks trained on other patients. Where the test split is small, the
patients are parted into folds and each fold is tested on networks trained on the others. Networks
follow a schedule fixed beforehand; no image, tested or not, decides when to stop.

Absent structures: an image whose reference mask lacks a structure has no Dice for it and is left
out of the means; ``absent`` counts how often the structure was found there all the same. A present
structure that is not found at all has Dice 0 and Hausdorff distance 100 % of the diagonal.

The result (`evaluate_segmentation`) is a dict:

- ``dataset``, ``images``, ``patients`` (both of those tested), ``rate`` (bits per pixel);
- ``structures``: mask values by name; ``training``: settings of the networks; ``seeds``;
- ``protocol``: ``folds`` (0: the splits of the data set), ``reason``, one sentence;
- ``scores``: a list of records, one per training, test, structure and measure:

  - ``trained_on``: a rendition, or "mean mask", the floor (then ``tested_on`` is "nothing");
  - ``tested_on``: a rendition; ``structure``;
  - ``measure``: "dice" (0 to 1), "hausdorff" or "hausdorff95" (its 95th percentile), both in
    percent of the image's diagonal;
  - ``mean``: interval over patients, of the means over the seeds; ``images``; ``seeds``: a mean
    for each;
  - ``difference``: interval of the same minus networks of the same seeds trained and tested on
    originals; ``held_out``: the same in the images of the test split alone, which no codec was
    fitted to; both None for the originals themselves;

- ``floor``: for each score on the public file its Dice minus that of the mean mask: ``trained_on``,
  ``structure``, ``difference`` (interval), ``beats`` (the whole interval is above 0);
- ``control``: the same for networks trained and tested on originals, which must beat the mean mask
  if the floor is to say anything;
- ``absent``: ``trained_on``, ``tested_on``, ``structure``, ``images`` without it, and ``found``, in
  how many of them it was marked (mean over the seeds); of structures that are absent somewhere;
- ``values``: by structure, the Dice of each image for networks trained on originals and tested on
  each rendition, in one order (null: absent): for agreement plots;
- ``examples``: images at the 10th, 50th and 90th percentile of the mean Dice on originals:
  ``name``, ``dice`` (by rendition and structure), ``reference`` and, by rendition, ``pictures`` and
  ``outlines``: PNG files relative to the workspace. The value of a pixel in an outline is the sum
  of 1 for the first structure, 2 for the second, 4 for the third ...

An interval is a dict of ``value``, ``low`` and ``high``.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from primis.batch import over_pool
from primis.errors import InputError, PrimisError, UsageError
from primis.evaluate.masks import dice, hausdorff
from primis.evaluate.segmentation_scores import MEAN_MASK, MEASURES, NOTHING, Row, summarise
from primis.evaluate.segmenter import (
    USUAL,
    Floats,
    Masks,
    Training,
    mean_mask,
    network,
    outlined,
    to_input,
    to_masks,
    to_target,
)
from primis.evaluate.structures import Structures, find_structures, read_structures
from primis.files import write_atomically
from primis.images.raster import encode_png
from primis.study.dataset import Case, Dataset, content, read_mask
from primis.study.renditions import (
    DIAGNOSTIC,
    FULL,
    ORIGINAL,
    PREVIEW,
    PUBLIC,
    RENDITIONS,
    Renditions,
)
from primis.study.workspace import Workspace, make_folder

FOLDS = 5
ENOUGH_PATIENTS = 50
"""With fewer in the test split, all images are tested, fold by fold."""

_EXAMPLES = (0.1, 0.5, 0.9)
_MOST_STRUCTURES = 8  # bits of a pixel in the outlines of an example


@dataclass(frozen=True)
class Fold:
    """Cases to learn from and cases to test on, of different patients."""

    train: tuple[Case, ...]
    test: tuple[Case, ...]

    def __post_init__(self) -> None:
        if {case.patient for case in self.train} & {case.patient for case in self.test}:
            raise UsageError("a patient is both learnt from and tested")


def evaluate_segmentation(
    dataset: Dataset,
    renditions: Renditions,
    workspace: Workspace,
    *,
    structures: Structures | None = None,
    training: Training = USUAL,
    folds: int | None = None,
    seeds: Sequence[int] = (0, 1),
    retrain: Sequence[str] = (FULL, DIAGNOSTIC, PREVIEW, PUBLIC),
    processes: int = 1,
    report: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Outline structures in every rendition of a data set and compare with its masks.

    Parameters
    ----------
    dataset
        Images without a mask are left out.
    renditions
        What is compared.
    workspace
        Keeps networks and scores, and takes the pictures of the examples.
    structures
        What to outline; default: every mask value but 0.
    training
        Settings of the networks.
    folds
        Number of folds, 0 for the splits of the data set; default: what its size suggests.
    seeds
        One network is trained on the originals of each fold for each.
    retrain
        Renditions that networks are also trained on, with the first seed.
    processes
        How many networks to train at once.
    report
        Told about progress.

    Raises
    ------
    InputError
        If there are too few images with masks, or no structures in them.
    UsageError
        If there is no seed, or a negative number of folds or a single one.
    """
    if not seeds or (folds is not None and (folds < 0 or folds == 1)):
        raise UsageError(
            "segmentation needs a seed, and folds of the patients: none, or two or more"
        )
    cases = tuple(case for case in dataset.cases if case.mask)
    if not cases:
        raise InputError(f"{dataset.name} has no masks", hint="give a folder of masks")
    structures = find_structures(cases) if structures is None else structures
    if len(structures) > _MOST_STRUCTURES:
        raise InputError(
            f"{len(structures)} structures are too many",
            hint=f"name {_MOST_STRUCTURES} of them at most, as in lungs=1,2,4;heart=3",
        )
    count, reason = choose_folds(cases) if folds is None else (folds, "as asked for")
    parts = part(cases, count)
    work = _Work(renditions, workspace.folder, dict(structures), training)
    runs = [
        _Run(fold, trained_on, seed)
        for trained_on, own_seeds in {
            MEAN_MASK: seeds[:1],
            ORIGINAL: seeds,
            **dict.fromkeys(retrain, seeds[:1]),
        }.items()
        for seed in own_seeds
        for fold in parts
    ]
    rows: list[Row] = []
    outcomes = over_pool(work, runs, processes=min(processes, len(runs)))
    for done, outcome in enumerate(outcomes, 1):
        if isinstance(outcome, PrimisError):
            raise outcome
        rows += outcome
        report(f"segmentation: {done} of {len(runs)} networks")
    tested = [case for fold in parts for case in fold.test]
    return {
        "dataset": dataset.name,
        "images": len(tested),
        "patients": len({case.patient for case in tested}),
        "rate": renditions.rate,
        "structures": {name: list(values) for name, values in structures.items()},
        "training": asdict(training),
        "seeds": list(seeds),
        "protocol": {"folds": count, "reason": reason},
        **summarise(rows, tested, list(structures)),
        "examples": _examples(work, parts, rows, seeds[0]),
    }


def choose_folds(cases: Sequence[Case]) -> tuple[int, str]:
    """Decide between the splits of a data set and folds; return the number of folds and why."""
    tested = {case.patient for case in cases if case.split == "test"}
    if len(tested) >= ENOUGH_PATIENTS:
        return 0, f"the test split has {len(tested)} patients"
    everybody = len({case.patient for case in cases})
    return min(FOLDS, everybody), (
        f"the test split has only {len(tested)} patients: all {everybody} are tested, each on "
        "networks trained on other patients"
    )


def part(cases: Sequence[Case], folds: int) -> list[Fold]:
    """Part cases into folds of about equally many images, all of a patient in one.

    Parameters
    ----------
    cases
        Cases with masks.
    folds
        2 or more; or 0, for a single fold: test split against all others.

    Raises
    ------
    InputError
        If a fold would have nothing to learn from or to test.
    """
    if folds:
        images: dict[str, list[Case]] = {}
        for case in cases:
            images.setdefault(case.patient, []).append(case)
        tests: list[list[Case]] = [[] for _ in range(folds)]
        for patient in sorted(images, key=lambda name: hashlib.sha256(name.encode()).digest()):
            min(tests, key=len).extend(images[patient])
    else:
        tests = [[case for case in cases if case.split == "test"]]
    parts = []
    for test in tests:
        patients = {case.patient for case in test}
        parts.append(
            Fold(tuple(case for case in cases if case.patient not in patients), tuple(test))
        )
    if not all(fold.train and fold.test for fold in parts):
        raise InputError(
            "too few patients with masks to learn from some and test on others",
            hint="give masks of two patients or more, or name splits in the table",
        )
    return parts


@dataclass(frozen=True)
class _Run:
    """One network to be trained and tested."""

    fold: Fold
    trained_on: str
    seed: int


@dataclass(frozen=True)
class _Work:
    """Trains the network of a run and scores the images of its fold."""

    renditions: Renditions
    folder: Path
    structures: dict[str, tuple[int, ...]]
    training: Training

    def __call__(self, run: _Run) -> list[Row]:
        test = {"test": _digest(run.fold.test), **self.renditions.settings}
        settings = {**self._settings(run), **test}
        score = self._floor if run.trained_on == MEAN_MASK else self._score
        rows: list[Row]
        rows = Workspace(self.folder).result("segmentation", settings, partial(score, run))
        return rows

    def outliner(self, run: _Run) -> Callable[[Case, str], Masks]:
        """Return what maps a case and a rendition to masks (structures, rows, columns)."""
        model = network(
            Workspace(self.folder).cache,
            self._settings(run),
            self.training,
            run.seed,
            len(self.structures),
            partial(self._learnt_from, run),
        )
        half = np.full(len(self.structures), 0.5, np.float32)

        def outline(case: Case, rendition: str) -> Masks:
            pixels = self.renditions.pixels(case, rendition)
            (maps,) = outlined(model, to_input(pixels, self.training.size)[None])
            return to_masks(maps, pixels.shape, half)

        return outline

    def _learnt_from(self, run: _Run) -> tuple[Floats, Masks]:
        cases, size = run.fold.train, self.training.size
        pixels = (self.renditions.pixels(case, run.trained_on) for case in cases)
        return np.stack([to_input(image, size) for image in pixels]), self._targets(cases)

    def _targets(self, cases: Sequence[Case]) -> Masks:
        size = self.training.size
        return np.stack([to_target(read_structures(case, self.structures), size) for case in cases])

    def _settings(self, run: _Run) -> dict[str, Any]:
        """Collect what decides a network; one that saw originals serves all rates and codecs."""
        seen = {} if run.trained_on == ORIGINAL else self.renditions.settings
        return {
            "train": _digest(run.fold.train),
            "trained_on": run.trained_on,
            "seed": run.seed,
            "structures": self.structures,
            **asdict(self.training),
            **seen,
        }

    def _score(self, run: _Run) -> list[Row]:
        from primis.study.learning import one_thread

        tested_on = RENDITIONS if run.trained_on == ORIGINAL else (run.trained_on,)
        with one_thread():
            outline = self.outliner(run)
            return [
                self._row(run, rendition, case, outline(case, rendition))
                for rendition in tested_on
                for case in run.fold.test
            ]

    def _floor(self, run: _Run) -> list[Row]:
        maps, thresholds = mean_mask(self._targets(run.fold.train))
        return [
            self._row(run, NOTHING, case, to_masks(maps, read_mask(case).shape, thresholds))
            for case in run.fold.test
        ]

    def _row(self, run: _Run, tested_on: str, case: Case, masks: Masks) -> Row:
        reference = read_structures(case, self.structures)
        return {
            "name": case.name,
            "trained_on": run.trained_on,
            "tested_on": tested_on,
            "seed": run.seed,
            "scores": {
                name: _scores(*pair)
                for name, pair in zip(
                    self.structures, zip(reference, masks, strict=True), strict=True
                )
            },
        }


def _scores(reference: Masks, mask: Masks) -> dict[str, Any]:
    found = bool(mask.any())
    if not reference.any():
        return {**dict.fromkeys(MEASURES), "found": found}
    percent = 100 / math.hypot(*mask.shape)
    return {
        "dice": dice(reference, mask),
        "hausdorff": percent * hausdorff(reference, mask),
        "hausdorff95": percent * hausdorff(reference, mask, 95),
        "found": found,
    }


def _examples(
    work: _Work, parts: Sequence[Fold], rows: Sequence[Row], seed: int
) -> list[dict[str, Any]]:
    """Write the pictures and outlines of a few images that are neither the best nor the worst."""
    by_case: dict[str, dict[str, dict[str, float | None]]] = {}
    for row in rows:
        if row["trained_on"] == ORIGINAL and row["seed"] == seed:
            found = {name: score["dice"] for name, score in row["scores"].items()}
            by_case.setdefault(row["name"], {})[row["tested_on"]] = found

    def quality(name: str) -> float:
        known = [value for value in by_case[name][ORIGINAL].values() if value is not None]
        return float(np.mean(known)) if known else 0.0

    ranked = sorted(by_case, key=quality)
    names = {ranked[round(place * (len(ranked) - 1))] for place in _EXAMPLES}
    examples = []
    for fold in parts:
        for case in (case for case in fold.test if case.name in names):
            outline = work.outliner(_Run(fold, ORIGINAL, seed))
            folder = Path("segmentation", _digest([case])[:12])
            make_folder(work.folder / folder)
            write = partial(_write_png, work.folder, folder)
            examples.append(
                {
                    "name": case.name,
                    "dice": by_case[case.name],
                    "reference": write("reference", _bits(read_structures(case, work.structures))),
                    "pictures": {
                        name: write(name, work.renditions.pixels(case, name)) for name in RENDITIONS
                    },
                    "outlines": {
                        name: write(f"{name}-outlines", _bits(outline(case, name)))
                        for name in RENDITIONS
                    },
                }
            )
    return sorted(examples, key=lambda example: quality(example["name"]))


def _bits(masks: Masks) -> NDArray[np.uint8]:
    """Join masks (structures, rows, columns) to one array, a bit for each structure."""
    weights = 2 ** np.arange(len(masks))[:, None, None]
    return np.asarray((masks * weights).sum(0), np.uint8)


def _write_png(root: Path, folder: Path, name: str, pixels: NDArray[np.uint8]) -> str:
    path = folder / f"{name}.png"
    write_atomically(root / path, encode_png(pixels), overwrite=True)
    return path.as_posix()


def _digest(cases: Sequence[Case]) -> str:
    """Stand for the images and masks of cases, by content."""
    total = hashlib.sha256()
    for case in cases:
        for path in (case.path, case.mask):
            total.update(bytes.fromhex(content(path)) if path else hashlib.sha256().digest())
    return total.hexdigest()
