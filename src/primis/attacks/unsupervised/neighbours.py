"""Clustering: whether files of one patient, or of one class, are more alike than others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from primis.attacks.pictures import small
from primis.attacks.record import LEVEL, AttackResult
from primis.attacks.unsupervised.files import Files, against_targets, cleaned, decode
from primis.study.statistics import auc, bootstrap

if TYPE_CHECKING:
    from primis.attacks.attack import Report, Settings
    from primis.study.dataset import Dataset
    from primis.study.workspace import Workspace


def run(dataset: Dataset, _: Workspace, settings: Settings, report: Report) -> list[AttackResult]:
    """See `primis.attacks.attack.Attack`."""
    classes = dict.fromkeys(settings.negative, 0) | dict.fromkeys(settings.positive, 1)

    def attack(files: Files) -> Iterator[AttackResult]:
        labels = [classes.get(case.labels.get(settings.column, ""), -1) for case in files.cases]
        return neighbours(files, np.array(labels))

    return against_targets(attack, dataset, settings, report)


COMPONENTS = 16
_SIDE = 16  # pixels a side of the pictures compared
_BYTES = 2048  # of a payload
Floats = NDArray[np.float64]


def neighbours(files: Files, labels: NDArray[np.int_]) -> Iterator[AttackResult]:
    """Rank all pairs of files by the distance of their principal components.

    Two views of a file are tried: the picture that its public codes decode to, and its payload bit
    by bit. Patients and classes serve for scoring alone.

    Parameters
    ----------
    files
        n files.
    labels
        (n,): class of each, -1 where unknown.
    """
    _, patients = np.unique(files.patients, return_inverse=True)
    everyone = np.ones(len(labels), dtype=np.bool_)
    questions = (("same patient", patients, everyone), ("same class", labels, labels >= 0))
    for view, features in (("pictures", _pictures(files)), ("payloads", _payloads(files))):
        distances = _distances(principal_components(features, COMPONENTS))
        for question, group, known in questions:
            chosen = np.flatnonzero(known)
            if not _has_both(group[chosen], patients[chosen]):
                continue
            different_patients = question == "same class"

            def metric(
                positions: NDArray[np.intp],
                distances: Floats = distances,
                group: NDArray[np.int_] = group,
                different_patients: bool = different_patients,
            ) -> float:
                return _pair_auc(positions, distances, group, patients, different_patients)

            yield AttackResult(
                attack="neighbours",
                kind="unsupervised",
                target=files.target,
                metric=f"AUC, {question}, by {view}",
                score=bootstrap(
                    metric,
                    [files.patients[i] for i in chosen],
                    chosen,
                    resamples=400,
                    seed=files.seed,
                    level=LEVEL,
                ),
                floor=0.5,
                ceiling=1.0,
                knowledge="public files of many patients, none of their images",
                pairs=None,
                notes=f"{len(chosen)} files, {COMPONENTS} principal components",
            )


def principal_components(features: Floats, count: int) -> Floats:
    """Project n feature vectors (n, d) on their ``count`` largest principal components."""
    centred = features - features.mean(axis=0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    return np.asarray(u[:, :count] * s[:count])


def _pictures(files: Files) -> Floats:
    rows = []
    for published in files.published:
        picture = small(decode(published, cleaned(published)), _SIDE).astype(np.float64).ravel()
        rows.append((picture - picture.mean()) / (picture.std() + 1e-6))
    return np.stack(rows)


def _payloads(files: Files) -> Floats:
    data = [np.frombuffer(published.data, dtype=np.uint8) for published in files.published]
    shortest = min(len(row) for row in data)
    return np.stack([np.unpackbits(row[: min(shortest, _BYTES)]) for row in data]).astype(float)


def _distances(points: Floats) -> Floats:
    squares = (points**2).sum(axis=1)
    return np.asarray(np.maximum(squares[:, None] + squares - 2 * points @ points.T, 0))


def _has_both(group: NDArray[np.int_], patients: NDArray[np.int_]) -> bool:
    """Tell whether there are pairs alike and pairs unlike."""
    return len(np.unique(group)) > 1 and (len(np.unique(group)) < len(patients))


def _pair_auc(
    positions: NDArray[np.intp],
    distances: Floats,
    group: NDArray[np.int_],
    patients: NDArray[np.int_],
    different_patients: bool,
) -> float:
    """Chance that a pair of one group is closer than a pair of two, for a resample of files."""
    one, other = np.triu_indices(len(positions), 1)
    first, second = positions[one], positions[other]
    real = first != second  # a file drawn twice is no pair
    if different_patients:
        real &= patients[first] != patients[second]
    first, second = first[real], second[real]
    return auc(group[first] == group[second], -distances[first, second])
