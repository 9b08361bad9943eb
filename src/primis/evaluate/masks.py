"""How well one mask covers another: Dice coefficient and Hausdorff distance."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from primis.errors import UsageError

Mask = NDArray[np.bool_]


def dice(reference: Mask, prediction: Mask) -> float:
    """Overlap of two masks: twice the common area over the sum of both (Dice, Ecology 26, 1945).

    Parameters
    ----------
    reference, prediction
        Boolean arrays of equal shape (rows, columns).

    Returns
    -------
    float
        Between 0 (disjoint) and 1 (equal); NaN where both are empty, for then nothing is compared.

    Raises
    ------
    UsageError
        If the shapes differ or the arrays are not boolean.
    """
    _check(reference, prediction)
    total = int(reference.sum()) + int(prediction.sum())
    return 2 * int((reference & prediction).sum()) / total if total else math.nan


def hausdorff(reference: Mask, prediction: Mask, percentile: float = 100) -> float:
    """How far the boundary of one mask strays from that of the other.

    The distance of every boundary pixel to the nearest boundary pixel of the other mask, its
    percentile, and of the two directions the larger value (Huttenlocher et al., IEEE TPAMI 15(9),
    1993; the definition of MONAI and of "Metrics reloaded", Nature Methods 21, 2024). Boundary
    pixels are those of the mask with one of their four neighbours, or the border of the image,
    outside it.

    Parameters
    ----------
    reference, prediction
        Boolean arrays of equal shape (rows, columns).
    percentile
        100 for the Hausdorff distance itself, 95 for its variant that forgives outliers.

    Returns
    -------
    float
        Pixels. The diagonal of the image, its largest distance, where exactly one mask is empty;
        NaN where both are.

    Raises
    ------
    UsageError
        As for `dice`, or if the percentile is not within 0 to 100.
    """
    from scipy.spatial import KDTree

    _check(reference, prediction)
    if not 0 <= percentile <= 100:
        raise UsageError(f"a percentile is between 0 and 100, got {percentile}")
    a, b = _boundary(reference), _boundary(prediction)
    if not (len(a) and len(b)):
        return math.hypot(*reference.shape) if len(a) or len(b) else math.nan
    there, back = KDTree(b).query(a)[0], KDTree(a).query(b)[0]
    return float(max(np.percentile(there, percentile), np.percentile(back, percentile)))


def _boundary(mask: Mask) -> NDArray[np.int64]:
    """Coordinates (n, 2) of the boundary pixels."""
    padded = np.pad(mask, 1)
    inside = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.argwhere(mask & ~inside)


def _check(reference: Mask, prediction: Mask) -> None:
    if reference.shape != prediction.shape or reference.ndim != 2:
        raise UsageError(f"cannot compare masks of shapes {reference.shape} and {prediction.shape}")
    if reference.dtype != np.bool_ or prediction.dtype != np.bool_:
        raise UsageError(f"masks are boolean, got {reference.dtype} and {prediction.dtype}")
