"""From measurements per image to the few numbers of a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.measure import Measurement
from primis.errors import UsageError
from primis.evaluate import bd_rate

Curve = Sequence[Measurement]
"""One image at each setting of one codec."""

AGE_BYTES = 200
"""Bytes that an age file for one recipient adds to what it holds, up to 64 KiB: 22 for the version
line, 98 for the X25519 stanza, 48 for the MAC line, 16 each for the nonce and the tag
(C2SP.org/age). Some programs add more."""


@dataclass(frozen=True)
class Point:
    """Means over images at one setting."""

    codec: str
    setting: float
    bits_per_pixel: float
    psnr: float
    ms_ssim: float
    encode_seconds: float
    decode_seconds: float


@dataclass(frozen=True)
class RateDifference:
    """How many more bytes the candidate needs than a peer at equal quality, in percent.

    `mean` averages the Bjøntegaard differences of single images, with a 95 % bootstrap interval
    over patients; `images` counts those whose curves overlap. `of_mean_curves` is the difference
    between the curves of means. `encrypted` tells whether the peer's files were in age files.
    """

    peer: str
    encrypted: bool
    metric: str
    mean: float
    low: float
    high: float
    images: int
    of_mean_curves: float


def mean_points(codec: str, settings: Sequence[float], curves: Sequence[Curve]) -> list[Point]:
    """Average the images at each setting."""
    names = ("bits_per_pixel", "psnr", "ms_ssim", "encode_seconds", "decode_seconds")
    return [
        Point(codec, setting, *(float(np.mean([getattr(m, n) for m in column])) for n in names))
        for setting, column in zip(settings, zip(*curves, strict=True), strict=True)
    ]


def in_age_files(curves: Sequence[Curve]) -> list[Curve]:
    """Return the curves of a peer whose every file is encrypted to one recipient."""
    return [[_in_age_file(measured) for measured in curve] for curve in curves]


def _in_age_file(measured: Measurement) -> Measurement:
    size = measured.size + AGE_BYTES
    bits_per_pixel = measured.bits_per_pixel * size / measured.size
    return replace(measured, size=size, bits_per_pixel=bits_per_pixel)


def quality(measured: Measurement | Point, metric: str) -> float:
    """Read a metric in decibels."""
    return measured.psnr if metric == "PSNR" else decibels(measured.ms_ssim)


def decibels(likeness: float) -> float:
    """Return MS-SSIM as -10 log10(1 - likeness)."""
    return -10 * math.log10(1 - likeness) if likeness < 1 else math.inf


def rate_difference(
    peer: str,
    metric: str,
    curves: tuple[Sequence[Curve], Sequence[Curve]],
    points: tuple[Sequence[Point], Sequence[Point]],
    patients: Sequence[str],
    *,
    encrypted: bool = False,
) -> RateDifference:
    """Compare the candidate with a peer.

    Parameters
    ----------
    peer, metric
        Name of the peer; "PSNR" or "MS-SSIM".
    curves
        Curves of the peer and of the candidate, image by image.
    points
        Means of the peer and of the candidate.
    patients
        Whom each image shows.
    encrypted
        What to say of the peer's files.
    """
    differences = np.array(
        [
            _difference(peer_curve, own_curve, metric)
            for peer_curve, own_curve in zip(*curves, strict=True)
        ]
    )
    low, high = bootstrap_interval(differences, patients)
    known = differences[np.isfinite(differences)]
    return RateDifference(
        peer=peer,
        encrypted=encrypted,
        metric=metric,
        mean=float(known.mean()) if known.size else math.nan,
        low=low,
        high=high,
        images=int(known.size),
        of_mean_curves=_difference(*points, metric),
    )


def _difference(
    peer: Sequence[Measurement | Point], own: Sequence[Measurement | Point], metric: str
) -> float:
    """BD-rate in percent, or NaN where the curves cannot be compared."""
    try:
        return bd_rate(*_rates_and_qualities(peer, metric), *_rates_and_qualities(own, metric))
    except UsageError:
        return math.nan


def _rates_and_qualities(
    curve: Sequence[Measurement | Point], metric: str
) -> tuple[list[float], list[float]]:
    """Split a curve into its coordinates; of points of one quality only the cheapest stays."""
    pairs = sorted(((quality(m, metric), m.bits_per_pixel) for m in curve), reverse=True)
    cheapest = dict(pairs)
    return list(cheapest.values()), list(cheapest)


def bootstrap_interval(
    values: Sequence[float] | np.ndarray, patients: Sequence[str], draws: int = 2000
) -> tuple[float, float]:
    """95 % percentile interval of the mean, resampling patients with all their images.

    Values that are not finite are left out; without any the interval is (NaN, NaN). Draws are the
    same on every call.
    """
    array = np.asarray(values, dtype=np.float64)
    finite = np.isfinite(array)
    if not finite.any():
        return math.nan, math.nan
    _, group = np.unique(np.asarray(patients)[finite], return_inverse=True)
    sums, counts = np.bincount(group, array[finite]), np.bincount(group)
    chosen = np.random.default_rng(0).integers(0, sums.size, (draws, sums.size))
    means = sums[chosen].sum(1) / counts[chosen].sum(1)
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)
