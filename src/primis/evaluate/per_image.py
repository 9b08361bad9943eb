"""Measuring test images one by one, so that an interrupted run goes on with the next image."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from primis.batch import over_pool
from primis.errors import PrimisError
from primis.study.dataset import Case, Dataset, read_pixels
from primis.study.workspace import Workspace


@dataclass(frozen=True)
class Measurement:
    """A measurement of one image, done once.

    Parameters
    ----------
    name
        Of the measurement, and in the names of its results.
    measure
        A picklable function that returns what JSON can hold.
    settings
        All that decides a result, apart from the image.
    folder
        Of the workspace that keeps the results.
    """

    name: str
    measure: Callable[[Case], Any]
    settings: Mapping[str, Any]
    folder: Path

    def __call__(self, case: Case) -> Any:
        """Measure an image, or read what was measured before."""
        pixels = read_pixels(case)
        content = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
        settings = {"content": content, **self.settings}
        return Workspace(self.folder).result(
            f"{self.name}-image", settings, lambda: self.measure(case)
        )


def measure_each(
    measurement: Measurement,
    dataset: Dataset,
    images: int,
    *,
    processes: int,
    report: Callable[[str], None],
) -> tuple[tuple[Case, ...], list[Any]]:
    """Measure about so many test images of whole patients.

    Returns
    -------
    cases, results
        The images, and one result for each.

    Raises
    ------
    InputError
        If the data set has no test images.
    """
    cases = dataset.subset(images).split("test")
    results = []
    outcomes = over_pool(measurement, cases, processes=min(processes, len(cases)))
    for number, outcome in enumerate(outcomes, 1):
        if isinstance(outcome, PrimisError):
            raise outcome
        results.append(outcome)
        report(f"{measurement.name}: {number} of {len(cases)} images")
    return cases, results
