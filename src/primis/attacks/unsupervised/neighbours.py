"""Clustering: whether files of one patient, or of one class, are more alike than others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from primis.attacks.pictures import small
from primis.attacks.record import LEVEL, AttackResult
from primis.attacks.targets import RawCodes
from primis.attacks.unsupervised.files import Files, against_targets, cleaned, decode
from primis.attacks.verdicts import DEFAULT
from primis.study.statistics import bootstrap

if TYPE_CHECKING:
    from primis.attacks.attack import Report, Settings
    from primis.study.dataset import Dataset
    from primis.study.workspace import Workspace

Floats = NDArray[np.float64]
Numbers = NDArray[np.int_]

COMPONENTS = 16

_SIDE = 16  # pixels a side of the pictures compared
_BYTES = 2048  # of a payload
_RESAMPLES = 2000  # since the ends are the quantiles at 0.005


def run(dataset: Dataset, _: Workspace, settings: Settings, report: Report) -> list[AttackResult]:
    """See `primis.attacks.attack.Attack`."""
    classes = dict.fromkeys(settings.negative, 0) | dict.fromkeys(settings.positive, 1)

    def attack(files: Files) -> Iterator[AttackResult]:
        labels = np.array(
            [classes.get(case.labels.get(settings.column, ""), -1) for case in files.cases]
        )
        yield from neighbours(files, labels)
        if files.target == DEFAULT:
            for what, values in (("patient", files.patients), ("class", labels.tolist())):
                yield from neighbours(with_hashes(files, what, values), labels, ("payloads",))
        if files.target == RawCodes().name:
            yield from neighbours(with_negatives(files, labels), labels, ("pictures",))

    return against_targets(attack, dataset, settings, report)


def neighbours(
    files: Files, labels: Numbers, views: Sequence[str] = ("pictures", "payloads")
) -> Iterator[AttackResult]:
    """Rank all pairs of files by how far apart they are.

    Two views of a file are tried: the direction of the largest principal components of the picture
    that its public codes decode to, and its payload bit by bit. Patients and classes serve for
    scoring alone. Pairs farther apart than others tell as much as closer ones.

    Parameters
    ----------
    files
        n files.
    labels
        (n,): class of each, -1 where unknown.
    views
        Which to try.
    """
    _, patients = np.unique(files.patients, return_inverse=True)
    everyone = np.ones(len(labels), dtype=np.bool_)
    for view in views:
        distances = _distances(_VIEWS[view](files))
        for question, group, known in (
            ("same patient", patients, everyone),
            ("same class", labels, labels >= 0),
        ):
            chosen = np.flatnonzero(known)
            pairs = Pairs.of(
                distances[np.ix_(chosen, chosen)],
                group[chosen],
                patients[chosen] if question == "same class" else None,
            )
            if pairs.alike.all() or not pairs.alike.any():
                continue
            yield AttackResult(
                attack="neighbours",
                kind="unsupervised",
                target=files.target,
                metric=f"AUC, {question}, by {view}",
                score=bootstrap(
                    pairs.auc,
                    [files.patients[i] for i in chosen],
                    np.arange(len(chosen)),
                    resamples=_RESAMPLES,
                    seed=files.seed,
                    level=LEVEL,
                ),
                floor=0.5,
                ceiling=1.0,
                knowledge="public files of many patients, none of their images",
                pairs=None,
                notes=f"{len(chosen)} files"
                + (f", {COMPONENTS} principal components" if view == "pictures" else ""),
                either_way=True,
            )


def principal_components(features: Floats, count: int) -> Floats:
    """Project n feature vectors (n, d) on their ``count`` largest principal components."""
    centred = features - features.mean(axis=0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    return np.asarray(u[:, :count] * s[:count])


@dataclass(frozen=True, eq=False)
class Pairs:
    """All pairs of n files that count.

    Parameters
    ----------
    first, second
        (pairs,): positions of the files.
    place
        (pairs,): rank of their distance among all different ones, closest first.
    alike
        (pairs,): whether they are of one group.
    """

    first: Numbers
    second: Numbers
    place: Numbers
    alike: NDArray[np.bool_]

    @classmethod
    def of(cls, distances: Floats, group: Numbers, patients: Numbers | None = None) -> Pairs:
        """Pair files by their distances (n, n) and groups (n,).

        With ``patients`` (n,), pairs of one patient do not count.
        """
        first, second = np.triu_indices(len(group), 1)
        if patients is not None:
            apart = patients[first] != patients[second]
            first, second = first[apart], second[apart]
        _, place = np.unique(distances[first, second], return_inverse=True)
        return cls(first, second, place, group[first] == group[second])

    def auc(self, positions: Numbers) -> float:
        """Chance that a pair of one group is closer than a pair of two, for a resample of files.

        A file drawn twice makes no pair with itself. NaN if there are no pairs of either kind.
        """
        drawn = np.bincount(positions, minlength=int(self.second.max()) + 1)
        weight = (drawn[self.first] * drawn[self.second]).astype(np.float64)
        alike = np.bincount(self.place, weight * self.alike)
        unlike = np.bincount(self.place, weight * ~self.alike)
        farther = unlike.sum() - np.cumsum(unlike) + unlike / 2  # ties count half
        all_pairs = alike.sum() * unlike.sum()
        return float(alike @ farther / all_pairs) if all_pairs else float("nan")


def with_hashes(files: Files, what: str, values: Sequence[object]) -> Files:
    """Plant a defect: every file begins with the SHA-512 of its patient or class."""
    published = tuple(
        replace(file, payloads=(hashlib.sha512(str(value).encode()).digest(), file.data))
        for value, file in zip(values, files.published, strict=True)
    )
    return Files(f"planted: hash of the {what}", files.cases, published, files.seed)


def with_negatives(files: Files, labels: Numbers) -> Files:
    """Plant a difference that pictures show: those of one class are negatives."""
    published = tuple(
        replace(file, bands=tuple(-band for band in file.bands)) if label == 1 else file
        for label, file in zip(labels, files.published, strict=True)
    )
    return Files("planted: negatives of a class", files.cases, published, files.seed)


def _pictures(files: Files) -> Floats:
    rows = []
    for published in files.published:
        picture = small(decode(published, cleaned(published)), _SIDE).astype(np.float64).ravel()
        rows.append((picture - picture.mean()) / (picture.std() + 1e-6))
    components = principal_components(np.stack(rows), COMPONENTS)
    return components / (np.linalg.norm(components, axis=1, keepdims=True) + 1e-6)


def _payloads(files: Files) -> Floats:
    data = [np.frombuffer(published.data, dtype=np.uint8) for published in files.published]
    shortest = min(len(row) for row in data)
    return np.stack([np.unpackbits(row[: min(shortest, _BYTES)]) for row in data]).astype(float)


def _distances(points: Floats) -> Floats:
    squares = (points**2).sum(axis=1)
    return np.asarray(np.maximum(squares[:, None] + squares - 2 * points @ points.T, 0))


_VIEWS = {"pictures": _pictures, "payloads": _payloads}
