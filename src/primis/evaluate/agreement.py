"""How far two measurements of the same images agree."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from primis.errors import UsageError

Floats = NDArray[np.float64]


def concordance(a: Floats, b: Floats) -> Floats:
    """Concordance correlation coefficient (Lin, Biometrics 45(1), 1989; population moments).

    Unlike the correlation it also falls when one measurement is shifted or scaled against the
    other.

    Parameters
    ----------
    a, b
        Measurements (images, ...), of one or several quantities.

    Returns
    -------
    array (...)
        Between -1 and 1, which only equal measurements reach; NaN for a quantity that is one and
        the same number in all of `a` and `b`.

    Raises
    ------
    UsageError
        If the shapes differ.
    """
    a, b = _pair(a, b)
    shift = a.mean(0) - b.mean(0)
    spread = a.var(0) + b.var(0) + shift**2
    covariance = ((a - a.mean(0)) * (b - b.mean(0))).mean(0)
    with np.errstate(invalid="ignore"):
        return np.asarray(2 * covariance / spread)


def relative_difference(a: Floats, b: Floats) -> Floats:
    """Return the median over the images of ``(b - a) / |a|``, leaving out those where `a` is 0.

    Parameters
    ----------
    a, b
        Measurements (images, ...), `a` the reference.

    Returns
    -------
    array (...)
        A fraction: 0.01 if `b` is mostly one percent above `a`. NaN where `a` is 0 throughout.

    Raises
    ------
    UsageError
        If the shapes differ.
    """
    a, b = _pair(a, b)
    with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a quantity without any usable image
        return np.asarray(np.nanmedian(np.where(a == 0, np.nan, (b - a) / np.abs(a)), axis=0))


def limits_of_agreement(a: Floats, b: Floats) -> tuple[float, float, float]:
    """Lower limit, mean and upper limit of ``b - a`` (Bland and Altman, Lancet 327, 1986).

    The limits lie 1.96 standard deviations to either side of the mean, and hold about 95 % of the
    differences.

    Raises
    ------
    UsageError
        If the shapes differ.
    """
    a, b = _pair(a, b)
    mean, spread = float((b - a).mean()), 1.96 * float((b - a).std(ddof=1))
    return mean - spread, mean, mean + spread


def _pair(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape or not a.size:
        raise UsageError(f"cannot compare measurements of shapes {a.shape} and {b.shape}")
    return a, b
