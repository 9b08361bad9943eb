"""Scores of outlined images, averaged by test, structure and measure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from primis.study.dataset import Case
from primis.study.renditions import ORIGINAL, PUBLIC
from primis.study.statistics import Interval, bootstrap_each
from primis.study.workspace import to_json

MEAN_MASK, NOTHING = "mean mask", "nothing"
MEASURES = ("dice", "hausdorff", "hausdorff95")

Values = NDArray[np.float64]
Record = dict[str, Any]

Row = dict[str, Any]
"""Scores of one image: ``name``, ``trained_on``, ``tested_on``, ``seed``, and ``scores``.

The latter are a dict by structure of ``dice``, ``hausdorff``, ``hausdorff95`` (None where the
structure is absent from the reference) and ``found``.
"""


def summarise(
    rows: Sequence[Row], tested: Sequence[Case], structures: Sequence[str]
) -> dict[str, Any]:
    """Average the scores of images: the entries ``scores`` to ``values`` of a result.

    Parameters
    ----------
    rows
        Of every test, each image once for every seed.
    tested
        The cases in question.
    structures
        Names.
    """
    table = _Table(rows, tested, structures)
    scores: list[Record] = []
    control: list[Record] = []
    floor: list[Record] = []
    absent: list[Record] = []
    for trained_on, tested_on in table.tests:
        seeds = table.seeds(trained_on)
        each = table.values(trained_on, tested_on, seeds)
        values, baseline = each.mean(0), table.values(ORIGINAL, ORIGINAL, seeds).mean(0)
        means = table.means(values)
        is_baseline = trained_on == tested_on == ORIGINAL
        differences = None if is_baseline else table.means(values - baseline)
        held_out = None if is_baseline else table.means(values - baseline, only=table.held_out)
        test = {"trained_on": trained_on, "tested_on": tested_on}
        for (s, structure), (m, measure) in product(enumerate(structures), enumerate(MEASURES)):
            scores.append(
                {
                    **test,
                    "structure": structure,
                    "measure": measure,
                    "mean": means[s][m],
                    "images": int(np.isfinite(values[:, s, m]).sum()),
                    "seeds": [_means(one)[s, m] for one in each],
                    "difference": differences and differences[s][m],
                    "held_out": held_out and held_out[s][m],
                }
            )
        if is_baseline or tested_on == PUBLIC:
            guess = table.values(MEAN_MASK, NOTHING, table.seeds(MEAN_MASK)).mean(0)
            (control if is_baseline else floor).extend(
                {
                    "trained_on": trained_on,
                    "structure": structure,
                    "difference": difference,
                    "beats": difference.low > 0,
                }
                for structure, (difference, *_) in zip(
                    structures, table.means(values - guess), strict=True
                )
            )
        missing = np.isnan(values[:, :, 0])
        absent += [
            {
                **test,
                "structure": structure,
                "images": int(missing[:, s].sum()),
                "found": table.found(trained_on, tested_on, structure, seeds, missing[:, s]),
            }
            for s, structure in enumerate(structures)
            if missing[:, s].any()
        ]
    by_image = {
        structure: {
            tested_on: table.values(trained_on, tested_on, table.seeds(trained_on)).mean(0)[:, s, 0]
            for trained_on, tested_on in table.tests
            if trained_on == ORIGINAL
        }
        for s, structure in enumerate(structures)
    }
    summary: dict[str, Any] = to_json(
        {
            "scores": scores,
            "control": control,
            "floor": floor,
            "absent": absent,
            "values": by_image,
        }
    )
    return summary


class _Table:
    """Scores of images by test."""

    def __init__(
        self, rows: Sequence[Row], tested: Sequence[Case], structures: Sequence[str]
    ) -> None:
        self._names, self._structures = [case.name for case in tested], structures
        self._scores = {
            (row["trained_on"], row["tested_on"], row["seed"], row["name"]): row["scores"]
            for row in rows
        }
        self._patients = np.array([case.patient for case in tested])
        self.held_out = np.array([case.split == "test" for case in tested])
        self.tests = list(dict.fromkeys((row["trained_on"], row["tested_on"]) for row in rows))

    def seeds(self, trained_on: str) -> list[int]:
        return sorted({seed for trained, _, seed, _ in self._scores if trained == trained_on})

    def values(self, trained_on: str, tested_on: str, seeds: Sequence[int]) -> Values:
        """(seeds, images, structures, measures); NaN where the structure is absent."""
        return np.array(
            [
                [
                    [[scores[name][measure] for measure in MEASURES] for name in self._structures]
                    for scores in self._of_images(trained_on, tested_on, seed)
                ]
                for seed in seeds
            ],
            np.float64,
        )

    def found(
        self,
        trained_on: str,
        tested_on: str,
        structure: str,
        seeds: Sequence[int],
        where: NDArray[np.bool_],
    ) -> float:
        """In how many of some images a structure was marked, as a mean over the seeds."""
        marked = [
            [scores[structure]["found"] for scores in self._of_images(trained_on, tested_on, seed)]
            for seed in seeds
        ]
        return float(np.array(marked)[:, where].sum(1).mean())

    def means(self, values: Values, only: NDArray[np.bool_] | None = None) -> list[list[Interval]]:
        """By structure and measure, the mean over (images, structures, measures)."""
        chosen = np.ones(len(values), np.bool_) if only is None else only
        _, structures, measures = values.shape
        if not chosen.any():
            return [[Interval(math.nan, math.nan, math.nan)] * measures] * structures
        intervals = bootstrap_each(
            lambda some: _means(some).ravel(), self._patients[chosen].tolist(), values[chosen]
        )
        return [intervals[s * measures : (s + 1) * measures] for s in range(structures)]

    def _of_images(self, trained_on: str, tested_on: str, seed: int) -> list[dict[str, Any]]:
        return [self._scores[trained_on, tested_on, seed, name] for name in self._names]


def _means(values: Values) -> Values:
    """Mean over the first axis of what is known; NaN where nothing is."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0).sum(0) / known.sum(0))
