"""Scores against what could be had without the file.

A predictor that ignores its input still knows what images look like: it has learned the mean image,
or where true values are common. Comparing it with some other such guess would call the difference
of two blind guesses a success. So the floor is measured on the predictor itself, given the wrong
file: what it predicts from files of other patients. If files tell nothing, right and wrong ones are
exchangeable.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from primis.attacks.record import LEVEL
from primis.errors import InputError
from primis.study.statistics import Interval, auc, bootstrap

Floats = NDArray[Any]


_WRONG_FILES = 4


def from_wrong_files(
    score: Callable[[Floats, Floats], Floats],
    truth: Floats,
    predictions: Floats,
    patients: Sequence[str],
    seed: int,
) -> Floats:
    """Score predictions from files of other patients.

    Parameters
    ----------
    score
        Maps truth and predictions (n, ...) to scores (n,).
    truth, predictions
        (n, ...), of n images and from their files.
    patients
        Of the n images.
    seed
        Decides which files.

    Returns
    -------
    array
        (n,): for every image the mean over four files.

    Raises
    ------
    InputError
        If there is only one patient.
    """
    others = _others(patients, seed)
    return np.asarray(np.mean([score(truth, predictions[chosen]) for chosen in others], axis=0))


def _others(patients: Sequence[str], seed: int) -> NDArray[np.intp]:
    """Return four times (n,) positions of other patients' images, each used about as often."""
    of = np.asarray(patients)
    order = np.random.default_rng(seed).permutation(len(of))
    others = np.empty((_WRONG_FILES, len(of)), dtype=np.intp)
    for place, image in enumerate(order):
        following = np.roll(order, -place)
        foreign = following[of[following] != of[image]]
        if not len(foreign):
            raise InputError("the test images are of one patient, this needs two to compare")
        others[:, image] = np.resize(foreign, _WRONG_FILES)
    return others


def above_floor(
    patients: Sequence[str],
    own: Floats,
    without: Floats,
    seed: int,
    *,
    largest: float = math.inf,
) -> tuple[Interval, float]:
    """Compare the mean score of the attack with that without the file.

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
