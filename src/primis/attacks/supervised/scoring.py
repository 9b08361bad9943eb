"""Scores against what could be had without the file.

A predictor that ignores its input still knows what images look like: it has learned the mean image,
or where true values are common. Comparing it with some other such guess would call the difference
of two blind guesses a success. So the floor is measured on the predictor itself, made blind: for
every image the mean of what it predicts from the files of all others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from primis.attacks.record import LEVEL
from primis.study.statistics import Interval, auc, bootstrap

Floats = NDArray[Any]


def blind(predictions: Floats) -> Floats:
    """Return, for each of n >= 2 predictions (n, ...), the mean of all the others."""
    count = len(predictions)
    return np.asarray((predictions.sum(axis=0, keepdims=True) - predictions) / (count - 1))


def above_floor(
    patients: Sequence[str],
    own: Floats,
    without: Floats,
    seed: int,
    *,
    largest: float = math.inf,
) -> tuple[Interval, float]:
    """Compare the mean score of the attack with that of its blind self.

    Parameters
    ----------
    patients
        Of n images.
    own, without
        (n,): score per image with its own file, and without.
    seed
        Of the bootstrap.
    largest
        Possible score, to which the upper end is cut.

    Returns
    -------
    Interval
        The mean of ``own``. Its ends are the floor plus the ends of the interval of the paired
        difference: it contains the floor if and only if that contains 0.
    float
        The floor: the mean of ``without``.
    """
    floor = float(np.mean(without))
    gain = bootstrap(np.mean, patients, own - without, seed=seed, level=LEVEL)
    high = min(floor + gain.high, largest)
    return Interval(floor + gain.value, floor + gain.low, high), floor


def auc_interval(
    patients: Sequence[str], truth: NDArray[np.bool_], score: Floats, seed: int
) -> Interval:
    """Return the area under the ROC curve of n scores with its interval over patients."""
    return bootstrap(auc, patients, truth, score, seed=seed, level=LEVEL)


def psnr(originals: NDArray[Any], pictures: NDArray[Any]) -> NDArray[np.float64]:
    """Return the peak signal-to-noise ratio of each of n 8-bit pictures (n, rows, columns), in dB.

    Errors below a mean square of 0.001 count as that: 78 dB at most.
    """
    error = np.mean((originals.astype(np.float64) - pictures) ** 2, axis=(1, 2))
    return np.asarray(10 * np.log10(255**2 / np.maximum(error, 1e-3)))
