"""Which texture features survive which level: agreement with the originals, feature by feature.

The result (`evaluate_texture`) is a dict:

- ``dataset``, ``images``, ``patients``, ``rate`` (bits per pixel), ``bins``, ``threshold``;
- ``region``: where texture was measured: "lungs" and the like, or "whole image";
  ``without_region``: names of images that have no such region;
- ``levels``: by rendition (full, diagnostic, preview, public) ``surviving``, the share of features
  whose concordance with the original is above the threshold, an interval over patients;
  ``held_out``, the same for the images of the test split alone, which no model was fitted to (None
  if there are fewer than three); ``families``, by name ``surviving`` and ``features`` (counts);
- ``references``: the same for what to compare level full with: `JPEG2000`, a file of that codec of
  as many bytes, and `NOISE`, the original with normal noise of one grey level;
- ``features``: a list of ``name`` ("cm_contrast"), ``family`` ("GLCM") and ``levels``, by rendition
  and reference ``concordance`` (interval over patients), ``relative_difference`` (median over the
  images, signed, a fraction) and ``survives``;
- ``coarser``: what is lost with the finest grain alone: a list of ``factor``, by which original and
  rendition were both reduced before they were measured, ``levels`` and ``references`` as above;
- ``excluded``: reason by name, for features that say nothing: the same in all originals, by
  definition or by discretisation, or undefined in one of them (a feature that is undefined in a
  rendition alone does not survive it);
- ``agreement``: for plots, by feature (those in `SHOWN`) and rendition, the values of the images,
  in one order;
- ``values``: CSV of all values, relative to the workspace; a line per image, factor and rendition.

An interval is a dict of ``value``, ``low`` and ``high``.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from primis.batch import over_pool
from primis.errors import InputError, PrimisError
from primis.evaluate.agreement import concordance, relative_difference
from primis.evaluate.peers import PEERS
from primis.evaluate.radiomics import BINS, family, features
from primis.files import write_atomically
from primis.study.dataset import Case, Dataset, read_mask, read_pixels
from primis.study.renditions import ORIGINAL, RENDITIONS, Renditions
from primis.study.statistics import bootstrap, bootstrap_each
from primis.study.workspace import Workspace, make_folder, to_json

THRESHOLD = 0.90
"""Concordance above which a feature is taken to survive."""

SHOWN = ("stat_mean", "cm_contrast", "rlm_sre", "szm_z_perc")
"""Features whose values a report can plot: brightness, contrast, fineness, graininess."""

LARGEST_SIDE = 1024
"""Longer images are reduced to it, original and rendition alike, to keep it a matter of seconds."""

JPEG2000, NOISE = "JPEG 2000", "noise"
"""What else is compared with the originals, to tell what a loss at level full means."""

_REFERENCES = 1  # counted up when they change
_SMALLEST_REGION = 16  # pixels, after reduction
_FEWEST = 3  # images that a concordance makes sense for

Values = NDArray[np.float64]


def evaluate_texture(
    dataset: Dataset,
    renditions: Renditions,
    workspace: Workspace,
    *,
    region: str = "",
    classes: Collection[int] = (),
    images: int = 100,
    bins: int = BINS,
    coarser: Sequence[int] = (2, 4),
    processes: int = 1,
    report: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Measure texture in every rendition of a data set and compare it with the originals.

    Parameters
    ----------
    dataset
        Its images that have a mask, or all of them, measured as a whole, if none has.
    renditions
        What is compared.
    workspace
        Keeps the values of each image, and takes the table of all.
    region, classes
        Name and mask values of the region to measure in; default: all values but 0.
    images
        At most about so many images of each split, all of a patient or none.
    bins
        Grey levels for texture matrices; see `primis.evaluate.radiomics`.
    coarser
        Factors by which the images are also reduced, to see at what scale texture is kept.
    processes
        How many to use.
    report
        Told about progress.

    Raises
    ------
    InputError
        If fewer than three images have a region to measure in.
    """
    masked = tuple(case for case in dataset.cases if case.mask)
    cases = replace(dataset, cases=masked or dataset.cases).subset(images).cases
    factors = (1, *coarser)
    work = _Measurement(renditions, workspace.folder, frozenset(classes), bins, factors)
    table, without = [], []
    outcomes = over_pool(work, cases, processes=min(processes, len(cases)))
    for done, (case, outcome) in enumerate(zip(cases, outcomes, strict=True), 1):
        if isinstance(outcome, PrimisError):
            raise outcome
        if outcome is None:
            without.append(case.name)
        else:
            table.append((case, outcome))
        report(f"texture: {done} of {len(cases)} images")
    if len(table) < _FEWEST:
        raise InputError(
            f"{len(table)} images of {dataset.name} have a region to measure texture in",
            hint=f"give {_FEWEST} or more, and check that the values of the masks are those named",
        )
    make_folder(workspace.folder / "texture")
    path = Path("texture", f"{dataset.name}.csv")
    write_atomically(workspace.folder / path, _to_csv(table).encode(), overwrite=True)
    kept = [case for case, _ in table]
    finest, *reduced = (
        compare(kept, [values[str(factor)] for _, values in table]) for factor in factors
    )
    return {
        "dataset": dataset.name,
        "rate": renditions.rate,
        "bins": bins,
        "threshold": THRESHOLD,
        "region": (region or "all masks") if masked else "whole image",
        "without_region": without,
        "values": path.as_posix(),
        **finest,
        "coarser": [
            {"factor": factor, **{name: result[name] for name in ("levels", "references")}}
            for factor, result in zip(coarser, reduced, strict=True)
        ],
    }


def compare(
    cases: Sequence[Case], measured: Sequence[Mapping[str, Mapping[str, float | None]]]
) -> dict[str, Any]:
    """Compare the features of each rendition with those of the original.

    Parameters
    ----------
    cases
        The images.
    measured
        For each image, by rendition and feature, the value; None where it is undefined.

    Returns
    -------
    dict
        ``images``, ``patients``, ``levels``, ``references``, ``features``, ``excluded`` and
        ``agreement`` of the result that this module describes.

    Raises
    ------
    InputError
        If no feature can be compared.
    """
    names = list(measured[0][ORIGINAL])
    values = {
        rendition: np.array(
            [[image[rendition][name] for name in names] for image in measured], np.float64
        )
        for rendition in measured[0]
        if all(rendition in image for image in measured)
    }
    excluded = _excluded(names, values[ORIGINAL])
    kept = [name not in excluded for name in names]
    names = [name for name in names if name not in excluded]
    if not names:
        raise InputError("no texture feature differs between the images")
    values = {rendition: array[:, kept] for rendition, array in values.items()}
    original, levels = values[ORIGINAL], [name for name in values if name != ORIGINAL]
    patients = [case.patient for case in cases]
    by_level = {level: _agreement(original, values[level], patients) for level in levels}
    held_out = np.array([case.split == "test" for case in cases])
    families = [family(name) for name in names]
    tested = [case.patient for case in cases if case.split == "test"]

    def summary(level: str) -> dict[str, Any]:
        test = (tested, original[held_out], values[level][held_out])
        return {
            "surviving": bootstrap(surviving, patients, original, values[level]),
            "held_out": bootstrap(surviving, *test) if held_out.sum() >= _FEWEST else None,
            "families": {
                group: {
                    "surviving": sum(
                        entry["survives"]
                        for entry, own in zip(by_level[level], families, strict=True)
                        if own == group
                    ),
                    "features": families.count(group),
                }
                for group in dict.fromkeys(families)
            },
        }

    result: dict[str, Any] = to_json(
        {
            "images": len(cases),
            "patients": len(set(patients)),
            "levels": {name: summary(name) for name in levels if name in RENDITIONS},
            "references": {name: summary(name) for name in levels if name not in RENDITIONS},
            "features": [
                {
                    "name": name,
                    "family": family(name),
                    "levels": {level: by_level[level][place] for level in levels},
                }
                for place, name in enumerate(names)
            ],
            "excluded": excluded,
            "agreement": {
                name: {
                    rendition: array[:, names.index(name)] for rendition, array in values.items()
                }
                for name in SHOWN
                if name in names
            },
        }
    )
    return result


def surviving(original: Values, rendition: Values) -> float:
    """Share of features, columns of (images, features), with a concordance above `THRESHOLD`."""
    return float(np.mean(concordance(original, rendition) > THRESHOLD))


Measured = dict[str, dict[str, Mapping[str, float | None]]]
"""Values of an image by factor of reduction, rendition and feature."""


@dataclass(frozen=True)
class _Measurement:
    """Measures an image; None if it has no region."""

    renditions: Renditions
    folder: Path
    classes: frozenset[int]
    bins: int
    factors: tuple[int, ...]

    def __call__(self, case: Case) -> Measured | None:
        pixels = read_pixels(case)
        region = np.ones(pixels.shape, np.bool_)
        if case.mask:
            mask = read_mask(case)
            region = np.isin(mask, list(self.classes)) if self.classes else mask > 0
        base = -(-max(pixels.shape) // LARGEST_SIDE)
        regions = {factor: _reduced_region(region, base * factor) for factor in self.factors}
        if min(reduced.sum() for reduced in regions.values()) < _SMALLEST_REGION:
            return None

        def measure() -> Measured:
            pictures = {name: self.renditions.pixels(case, name) for name in RENDITIONS}
            pictures |= _references(pixels, int(self.renditions.rate * pixels.size / 8))
            return {
                str(factor): {
                    name: features(_reduced(picture, base * factor), reduced, self.bins)
                    for name, picture in pictures.items()
                }
                for factor, reduced in regions.items()
            }

        settings = {
            "content": hashlib.sha256(pixels.tobytes() + region.tobytes()).hexdigest(),
            "shape": pixels.shape,
            "bins": self.bins,
            "factors": [base * factor for factor in self.factors],
            "mirp": metadata.version("mirp"),
            "references": _REFERENCES,
            **self.renditions.settings,
        }
        values: Measured = Workspace(self.folder).result("texture-image", settings, measure)
        return values


def _references(pixels: NDArray[np.uint8], size: int) -> dict[str, NDArray[np.uint8]]:
    """Return what to compare level full with, whose file has ``size`` bytes."""
    (peer,) = (peer for peer in PEERS if peer.name == JPEG2000)
    noise = np.random.default_rng(0).normal(size=pixels.shape)
    noisy = np.rint(pixels + noise).clip(0, 255).astype(np.uint8)
    data = peer.at_size(pixels, size)
    return {NOISE: noisy} if data is None else {JPEG2000: peer.decode(data), NOISE: noisy}


def _reduced(pixels: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Average over blocks of ``factor`` times ``factor`` pixels."""
    return np.asarray(PIL.Image.fromarray(pixels).reduce(factor)) if factor > 1 else pixels


def _reduced_region(region: NDArray[np.bool_], factor: int) -> NDArray[np.bool_]:
    return _reduced(region.astype(np.uint8) * 255, factor) > 127


def _excluded(names: Sequence[str], original: Values) -> dict[str, str]:
    """Why a feature cannot be compared, for those that cannot."""
    undefined = np.asarray(np.isnan(original).any(0))
    with np.errstate(invalid="ignore"):
        constant = np.ptp(original, 0) <= 1e-9 * np.abs(original).max(0)
    reasons = {}
    for name, no_value, no_spread in zip(names, undefined, constant, strict=True):
        if no_value:
            reasons[name] = "undefined in some original"
        elif no_spread:
            reasons[name] = "the same in all originals"
    return reasons


def _agreement(original: Values, values: Values, patients: Sequence[str]) -> list[dict[str, Any]]:
    """Compare one level with the original, feature by feature."""
    return [
        {
            "concordance": agreed,
            "relative_difference": difference,
            "survives": agreed.value > THRESHOLD,
        }
        for agreed, difference in zip(
            bootstrap_each(concordance, patients, original, values),
            relative_difference(original, values),
            strict=True,
        )
    ]


def _to_csv(table: Sequence[tuple[Case, Measured]]) -> str:
    text = io.StringIO()
    names = list(table[0][1]["1"][ORIGINAL])
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "patient", "factor", "rendition", *names])
    for case, by_factor in table:
        for factor, by_rendition in by_factor.items():
            for rendition, values in by_rendition.items():
                start = [case.name, case.patient, factor, rendition]
                writer.writerow([*start, *(values[name] for name in names)])
    return text.getvalue()
