"""Estimates with intervals that account for several images of one patient."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from primis.errors import UsageError

Floats = NDArray[np.float64]
Metric = Callable[..., float]


@dataclass(frozen=True)
class Interval:
    """An estimate between the bounds of its confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference(Interval):
    """A paired difference; ``p`` is the chance of one so far from zero if there were none."""

    p: float


def auc(truth: ArrayLike, score: ArrayLike) -> float:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties half.

    Parameters
    ----------
    truth
        (n,), true or 1 for positives.
    score
        (n,), larger for positives.

    Returns
    -------
    float
        NaN if one of the classes is missing.
    """
    positive, scores = np.asarray(truth, bool), np.asarray(score, np.float64)
    if positive.shape != scores.shape or positive.ndim != 1:
        raise UsageError(f"truth and score have shapes {positive.shape} and {scores.shape}")
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if not positives or not negatives:
        return float("nan")
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]  # tied scores share their mean rank
    above = ranks[positive].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def bootstrap(
    metric: Metric,
    patients: Sequence[str],
    *arrays: NDArray[Any],
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Estimate a metric with a percentile bootstrap interval over patients.

    Whole patients are drawn with replacement, because images of one patient are alike (cluster
    bootstrap: Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8).

    Parameters
    ----------
    metric
        Called with the arrays, or with a resample of each; NaN where a resample does not define it.
    patients
        (n,), whom each entry belongs to.
    arrays
        Arrays (n, ...), one entry per image.
    resamples, seed, level
        How often to draw, the draw, and the coverage.

    Raises
    ------
    UsageError
        If lengths differ, or there is nothing to resample.
    """
    (interval,) = bootstrap_each(
        lambda *some: np.array([metric(*some)]),
        patients,
        *arrays,
        resamples=resamples,
        seed=seed,
        level=level,
    )
    return interval


def bootstrap_each(
    metric: Callable[..., Floats],
    patients: Sequence[str],
    *arrays: NDArray[Any],
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> list[Interval]:
    """Estimate a metric of several quantities, an array (quantities,), at once; see `bootstrap`."""
    draws = _resampled(metric, patients, arrays, resamples, seed)
    return [
        _interval(value, column, level)
        for value, column in zip(metric(*arrays), draws.T, strict=True)
    ]


def paired_bootstrap(
    metric: Metric,
    patients: Sequence[str],
    arrays_a: Sequence[NDArray[Any]],
    arrays_b: Sequence[NDArray[Any]],
    *,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Difference:
    """Estimate the difference of a metric, A minus B, on the same images; see `bootstrap`.

    Both are computed on the same resamples, so what they share cancels out. The test is
    two-sided: p is twice the share of resamples beyond zero (Davison and Hinkley, 1997, chapter 4).
    """
    arrays = (*arrays_a, *arrays_b)

    def difference(*arrays: NDArray[Any]) -> float:
        return metric(*arrays[: len(arrays_a)]) - metric(*arrays[len(arrays_a) :])

    draws = _resampled(difference, patients, arrays, resamples, seed)
    interval = _interval(difference(*arrays), draws, level)
    draws = draws[~np.isnan(draws)]
    beyond = min(np.sum(draws <= 0), np.sum(draws >= 0))
    p = min(1.0, 2 * (1 + float(beyond)) / (1 + len(draws)))
    return Difference(interval.value, interval.low, interval.high, p)


def share(successes: int, trials: int, level: float = 0.95) -> Interval:
    """Estimate a chance from independent trials, with its exact interval.

    Clopper and Pearson, Biometrika 26 (1934), 404-413: unlike a bootstrap, it does not shrink to
    nothing where all trials ended alike.

    Parameters
    ----------
    successes, trials
        How many of how many.
    level
        Least coverage of the interval.

    Raises
    ------
    UsageError
        If there are no trials, or not from 0 to all of them successes.
    """
    if not 0 <= successes <= trials or not trials:
        raise UsageError(f"{successes} of {trials} trials is not a share")
    from scipy.stats import beta

    failures, tail = trials - successes, (1 - level) / 2
    low = float(beta.ppf(tail, successes, failures + 1)) if successes else 0.0
    high = float(beta.ppf(1 - tail, successes + 1, failures)) if failures else 1.0
    return Interval(successes / trials, low, high)


def _resampled(
    metric: Callable[..., Any],
    patients: Sequence[str],
    arrays: Sequence[NDArray[Any]],
    resamples: int,
    seed: int,
) -> Floats:
    """Return the metric, or several, of each resample: (resamples, ...)."""
    draws = _draws(patients, arrays, resamples, seed)
    return np.array([metric(*(array[i] for array in arrays)) for i in draws])


def _draws(
    patients: Sequence[str], arrays: Sequence[NDArray[Any]], resamples: int, seed: int
) -> Iterator[NDArray[np.intp]]:
    """Yield positions of whole patients drawn with replacement."""
    if not len(patients) or any(len(array) != len(patients) for array in arrays):
        raise UsageError(
            f"arrays of lengths {[len(array) for array in arrays]} for {len(patients)} images"
        )
    _, number = np.unique(np.asarray(patients), return_inverse=True)
    order = np.argsort(number, kind="stable")
    groups = np.split(order, np.cumsum(np.bincount(number))[:-1])
    rng = np.random.default_rng(seed)
    for _ in range(resamples):
        yield np.concatenate([groups[i] for i in rng.integers(len(groups), size=len(groups))])


def _interval(value: float, draws: Floats, level: float) -> Interval:
    known = draws[~np.isnan(draws)]
    if not len(known):
        return Interval(float(value), float("nan"), float("nan"))
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(value), float(low), float(high))
