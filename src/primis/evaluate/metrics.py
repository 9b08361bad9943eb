"""How close one image is to another, and how many bytes one codec needs against another."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from primis.errors import UsageError

Pixels = NDArray[Any]
Floats = NDArray[np.float64]

WINDOW_SIZE = 11
WINDOW_SIGMA = 1.5
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def psnr(reference: Pixels, image: Pixels, data_range: float) -> float:
    """Peak signal-to-noise ratio.

    Parameters
    ----------
    reference, image
        Arrays of equal shape (rows, columns), in the same units.
    data_range
        The peak: largest minus smallest value the units allow (255 for 8 bits).

    Returns
    -------
    float
        Decibels; infinite for identical images.

    Raises
    ------
    UsageError
        If the shapes differ, are not two-dimensional or empty, or the data range is not positive.
    """
    x, y = _pair(reference, image, data_range)
    error = float(np.mean((x - y) ** 2))
    return 10 * math.log10(data_range**2 / error) if error else math.inf


def ssim(reference: Pixels, image: Pixels, data_range: float) -> float:
    """Structural similarity (Wang, Bovik, Sheikh, Simoncelli, IEEE TIP 13(4), 2004).

    Gaussian window of 11 taps and sigma 1.5, K1 = 0.01, K2 = 0.03, population covariance, mean
    over the positions where the window fits.

    Parameters
    ----------
    reference, image
        Arrays of equal shape (rows, columns), at least 11 on each side.
    data_range
        Largest minus smallest value the units allow (255 for 8 bits).

    Returns
    -------
    float
        At most 1, which only identical images reach.

    Raises
    ------
    UsageError
        As for `psnr`, or if a side is shorter than the window.
    """
    x, y = _pair(reference, image, data_range, smallest=WINDOW_SIZE)
    luminance, structure = _similarity(x, y, data_range)
    return float(np.mean(luminance * structure))


def ms_ssim(reference: Pixels, image: Pixels, data_range: float) -> float:
    """Multi-scale structural similarity (Wang, Simoncelli, Bovik, Asilomar 2003).

    Five scales, each half the size of the one before (mean of 2x2 pixels; an odd side repeats its
    last line). Images with a side under 176 pixels use only the scales on which the window of 11
    fits, with the weights of these scaled up to the same sum: compare such values only with each
    other. A scale whose structure term is negative counts as 0.

    Parameters
    ----------
    reference, image
        Arrays of equal shape (rows, columns), at least 11 on each side.
    data_range
        Largest minus smallest value the units allow (255 for 8 bits).

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    UsageError
        As for `ssim`.
    """
    x, y = _pair(reference, image, data_range, smallest=WINDOW_SIZE)
    fitting = int(math.log2(min(x.shape) / WINDOW_SIZE)) + 1
    weights = SCALE_WEIGHTS[:fitting]
    product = 1.0
    for weight in weights[:-1]:
        _, structure = _similarity(x, y, data_range)
        product *= max(float(np.mean(structure)), 0.0) ** weight
        x, y = _halve(x), _halve(y)
    product *= max(ssim(x, y, data_range), 0.0) ** weights[-1]
    return math.pow(product, sum(SCALE_WEIGHTS) / sum(weights))


def bd_rate(
    rate_a: ArrayLike, quality_a: ArrayLike, rate_b: ArrayLike, quality_b: ArrayLike
) -> float:
    """Bjøntegaard rate difference: how many more bytes B needs than A at equal quality.

    The mean, over the interval of qualities that both curves reach, of the difference between the
    logarithms of the rates (Bjøntegaard, VCEG-M33, 2001), with each log-rate a piecewise cubic,
    shape-preserving function of quality (PCHIP: Fritsch and Carlson, 1980) in place of the
    original's single cubic, which may oscillate.

    Parameters
    ----------
    rate_a, rate_b
        Positive rates, one per operating point, in any common unit (bits per pixel, bytes).
    quality_a, quality_b
        Qualities of these points, in any common unit (dB); distinct within a curve.

    Returns
    -------
    float
        Percent: -20 means that B needs 20 % fewer bytes than A.

    Raises
    ------
    UsageError
        If a curve has under two points, a rate that is not positive, repeated or non-finite
        qualities, or if the curves share no interval of quality.
    """
    a, b = _curve(rate_a, quality_a), _curve(rate_b, quality_b)
    low, high = float(max(a[0][0], b[0][0])), float(min(a[0][-1], b[0][-1]))
    if not low < high:
        raise UsageError("the two rate-quality curves share no interval of quality")
    difference = _mean_height(*b, low, high) - _mean_height(*a, low, high)
    return 100 * math.expm1(difference)


def _pair(
    reference: Pixels, image: Pixels, data_range: float, smallest: int = 1
) -> tuple[Floats, Floats]:
    if reference.shape != image.shape:
        raise UsageError(f"cannot compare images of shapes {reference.shape} and {image.shape}")
    if reference.ndim != 2 or min(reference.shape) < smallest:
        raise UsageError(
            f"expected rows and columns of at least {smallest} pixels, got shape {reference.shape}"
        )
    if not data_range > 0:
        raise UsageError(f"data range must be positive, got {data_range}")
    return reference.astype(np.float64), image.astype(np.float64)


def _gaussian_window() -> Floats:
    offsets = np.arange(WINDOW_SIZE) - WINDOW_SIZE // 2
    window = np.exp(-(offsets**2) / (2 * WINDOW_SIGMA**2))
    return np.asarray(window / window.sum())


def _blur(maps: Floats) -> Floats:
    """Gaussian mean at every position of (..., rows, columns) where the window fits."""
    window, half = _gaussian_window(), WINDOW_SIZE // 2
    for _ in ("rows", "columns"):
        maps = np.swapaxes(maps, -1, -2)
        size = maps.shape[-1] - WINDOW_SIZE + 1
        taps = [maps[..., i : i + size] for i in range(WINDOW_SIZE)]
        maps = window[half] * taps[half]
        for i in range(half):
            maps += window[i] * (taps[i] + taps[-1 - i])
    return maps


def _similarity(x: Floats, y: Floats, data_range: float) -> tuple[Floats, Floats]:
    """Compute the maps of the luminance term and of the contrast-and-structure term."""
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    mean_x, mean_y, power, cross = _blur(np.stack([x, y, x * x + y * y, x * y]))
    mean_power, mean_cross = mean_x**2 + mean_y**2, mean_x * mean_y
    luminance = (2 * mean_cross + c1) / (mean_power + c1)
    structure = (2 * (cross - mean_cross) + c2) / (power - mean_power + c2)
    return luminance, structure


def _halve(x: Floats) -> Floats:
    rows, columns = x.shape
    x = np.pad(x, ((0, rows % 2), (0, columns % 2)), mode="edge")
    return np.asarray((x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) / 4)


def _curve(rate: ArrayLike, quality: ArrayLike) -> tuple[Floats, Floats]:
    """Qualities in ascending order and the log-rates at them."""
    rates, qualities = np.asarray(rate, np.float64), np.asarray(quality, np.float64)
    if rates.shape != qualities.shape or rates.ndim != 1 or rates.size < 2:
        raise UsageError("a rate-quality curve needs two or more points, each a rate and a quality")
    if not (np.isfinite(rates).all() and np.isfinite(qualities).all() and (rates > 0).all()):
        raise UsageError("a rate-quality curve needs positive rates and finite qualities")
    order = np.argsort(qualities)
    if not (np.diff(qualities[order]) > 0).all():
        raise UsageError("a rate-quality curve has two points of the same quality")
    return qualities[order], np.log(rates[order])


def _mean_height(x: Floats, y: Floats, low: float, high: float) -> float:
    """Mean over [low, high] of the PCHIP interpolant; Simpson's rule is exact for its cubics."""
    ends = np.concatenate([[low], x[(x > low) & (x < high)], [high]])
    slopes = _pchip_slopes(x, y)
    middle = _hermite(x, y, slopes, (ends[:-1] + ends[1:]) / 2)
    at_ends = _hermite(x, y, slopes, ends)
    areas = np.diff(ends) * (at_ends[:-1] + 4 * middle + at_ends[1:]) / 6
    return float(areas.sum() / (high - low))


def _hermite(x: Floats, y: Floats, slopes: Floats, at: Floats) -> Floats:
    i = np.clip(np.searchsorted(x, at, side="right") - 1, 0, x.size - 2)
    step = x[i + 1] - x[i]
    t = (at - x[i]) / step
    value = y[i] * (1 + 2 * t) * (1 - t) ** 2 + y[i + 1] * t**2 * (3 - 2 * t)
    tangent = slopes[i] * t * (1 - t) ** 2 - slopes[i + 1] * t**2 * (1 - t)
    return np.asarray(value + step * tangent)


def _pchip_slopes(x: Floats, y: Floats) -> Floats:
    h, secant = np.diff(x), np.diff(y) / np.diff(x)
    if x.size == 2:
        return np.repeat(secant, 2)
    left, right = secant[:-1], secant[1:]
    monotone = left * right > 0
    w_left, w_right = h[:-1] + 2 * h[1:], 2 * h[:-1] + h[1:]
    inner = np.zeros(x.size - 2)
    np.divide(
        (w_left + w_right) * left * right,
        w_left * right + w_right * left,
        out=inner,
        where=monotone,
    )
    first = _end_slope(h[0], h[1], secant[0], secant[1])
    last = _end_slope(h[-1], h[-2], secant[-1], secant[-2])
    return np.concatenate([[first], inner, [last]])


def _end_slope(h0: float, h1: float, secant0: float, secant1: float) -> float:
    """Three-point estimate at an end of the curve, limited so that the shape is preserved."""
    slope = ((2 * h0 + h1) * secant0 - h0 * secant1) / (h0 + h1)
    if slope * secant0 <= 0:
        return 0.0
    if secant0 * secant1 <= 0 and abs(slope) > 3 * abs(secant0):
        return 3 * secant0
    return slope
