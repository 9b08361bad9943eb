import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from primis.errors import UsageError
from primis.evaluate import bd_rate, ms_ssim, psnr, ssim

skimage_metrics = pytest.importorskip("skimage.metrics")
scipy_interpolate = pytest.importorskip("scipy.interpolate")
scipy_ndimage = pytest.importorskip("scipy.ndimage")


def photograph(shape=(200, 231), seed=1):
    """Smooth structure with a little noise, 8 bits."""
    noise = np.random.default_rng(seed).normal(size=shape)
    smooth = scipy_ndimage.gaussian_filter(noise, 6)
    return np.clip(128 + 900 * smooth + 4 * noise, 0, 255).astype(np.uint8)


def noisy(image, sigma, seed=2):
    noise = np.random.default_rng(seed).normal(0, sigma, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def reference_ms_ssim(x, y, data_range, weights):
    """Transcribe the formula with scipy's filters, to compare against."""

    def mean(z):
        return scipy_ndimage.gaussian_filter(z, 1.5, truncate=3.5)[5:-5, 5:-5]

    x, y, value = x.astype(float), y.astype(float), 1.0
    for scale, weight in enumerate(weights):
        c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
        mx, my = mean(x), mean(y)
        term = (2 * (mean(x * y) - mx * my) + c2) / (mean(x * x) - mx**2 + mean(y * y) - my**2 + c2)
        if scale == len(weights) - 1:
            term *= (2 * mx * my + c1) / (mx**2 + my**2 + c1)
        value *= term.mean() ** weight
        x, y = (
            np.pad(z, [(0, s % 2) for s in z.shape], mode="symmetric")
            .reshape(-(-z.shape[0] // 2), 2, -(-z.shape[1] // 2), 2)
            .mean((1, 3))
            for z in (x, y)
        )
    return value


def test_psnr_of_a_constant_error_is_the_textbook_value():
    image = np.full((8, 8), 100, np.uint8)
    assert psnr(image, image + 10, 255) == pytest.approx(28.1308036, abs=1e-6)


def test_psnr_of_small_unsigned_values_does_not_wrap_around():
    black, grey = np.zeros((8, 8), np.uint8), np.full((8, 8), 1, np.uint8)
    assert psnr(black, grey, 255) == psnr(grey, black, 255) == pytest.approx(20 * math.log10(255))


def test_identical_images_have_infinite_psnr_and_similarity_one():
    image = photograph()
    assert psnr(image, image, 255) == math.inf
    assert ssim(image, image, 255) == pytest.approx(1)
    assert ms_ssim(image, image, 255) == pytest.approx(1)


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_metrics_agree_with_scikit_image_at_every_bit_depth(bits):
    peak = 2**bits - 1
    x, y = ((z / 255 * peak).astype(np.uint16) for z in (photograph(), noisy(photograph(), 12)))
    expected = skimage_metrics.structural_similarity(
        x, y, data_range=peak, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert ssim(x, y, peak) == pytest.approx(expected, abs=1e-9)
    assert psnr(x, y, peak) == pytest.approx(
        skimage_metrics.peak_signal_noise_ratio(x, y, data_range=peak)
    )


def test_ms_ssim_follows_the_published_five_scales():
    x, y = photograph(), noisy(photograph(), 20)
    weights = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
    assert ms_ssim(x, y, 255) == pytest.approx(reference_ms_ssim(x, y, 255, weights), abs=1e-9)


def test_ms_ssim_of_a_small_image_uses_the_scales_that_fit_with_renormalised_weights():
    x, y = photograph((50, 60)), noisy(photograph((50, 60)), 20)
    weights = np.array([0.0448, 0.2856, 0.3001])
    weights *= 1.0001 / weights.sum()
    assert ms_ssim(x, y, 255) == pytest.approx(reference_ms_ssim(x, y, 255, weights), abs=1e-9)


def test_ms_ssim_falls_as_noise_grows_and_stays_in_range():
    image = photograph()
    values = [ms_ssim(image, noisy(image, sigma), 255) for sigma in (2, 8, 32, 128)]
    assert values == sorted(values, reverse=True)
    assert ms_ssim(image, 255 - image, 255) == 0


@pytest.mark.parametrize("metric", [psnr, ssim, ms_ssim])
def test_metrics_refuse_what_they_cannot_compare(metric):
    image = photograph((20, 20))
    for x, y, peak in [
        (image, image[:-1], 255),
        (image[None], image[None], 255),
        (image, image, 0),
        (image[:0], image[:0], 255),
    ]:
        with pytest.raises(UsageError):
            metric(x, y, peak)


@pytest.mark.parametrize("metric", [ssim, ms_ssim])
def test_structural_metrics_refuse_images_smaller_than_the_window(metric):
    with pytest.raises(UsageError, match="at least 11"):
        metric(photograph((10, 40)), photograph((10, 40)), 255)


RATE = np.array([0.05, 0.1, 0.2, 0.4])
QUALITY = np.array([34.0, 37.5, 40.1, 42.0])


def test_bd_rate_of_a_curve_with_itself_is_zero():
    assert bd_rate(RATE, QUALITY, RATE, QUALITY) == pytest.approx(0, abs=1e-9)


@given(st.floats(0.2, 5))
def test_bd_rate_finds_a_constant_ratio_of_bytes(ratio):
    assert bd_rate(RATE, QUALITY, ratio * RATE, QUALITY) == pytest.approx(100 * (ratio - 1))


def test_bd_rate_of_parallel_logarithmic_curves_is_their_shift():
    quality = 40 + 10 * np.log10(RATE)
    expected = 100 * (10**-0.1 - 1)
    assert bd_rate(RATE, quality, RATE, quality + 1) == pytest.approx(expected)


def test_bd_rate_does_not_depend_on_the_order_of_the_points():
    other = np.add(QUALITY, [0.3, 0.5, 0.2, 0.1])
    assert bd_rate(RATE[::-1], QUALITY[::-1], RATE, other) == bd_rate(RATE, QUALITY, RATE, other)


def test_bd_rate_of_two_points_interpolates_straight():
    assert bd_rate([1, 4], [30, 40], [2, 8], [30, 40]) == pytest.approx(100)


@given(
    st.lists(st.tuples(st.floats(0.01, 3), st.floats(0.05, 5)), min_size=2, max_size=9),
    st.lists(st.tuples(st.floats(0.01, 3), st.floats(0.05, 5)), min_size=2, max_size=9),
)
def test_bd_rate_agrees_with_scipys_pchip(a, b):
    curves = [(np.array([r for r, _ in c]), 30 + np.cumsum([q for _, q in c])) for c in (a, b)]
    low = max(quality[0] for _, quality in curves)
    high = min(quality[-1] for _, quality in curves)
    assume(high - low > 1e-6)
    means = [
        scipy_interpolate.PchipInterpolator(quality, np.log(rate)).integrate(low, high)
        / (high - low)
        for rate, quality in curves
    ]
    expected = 100 * math.expm1(means[1] - means[0])
    flat = [part for curve in curves for part in curve]
    assert bd_rate(*flat) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    ("rate", "quality"),
    [
        ([1], [30]),
        ([1, 2], [30]),
        ([0, 1], [30, 31]),
        ([1, 2], [30, 30]),
        ([1, 2], [30, math.inf]),
        ([1, 2], [50, 60]),
    ],
)
def test_bd_rate_refuses_curves_it_cannot_compare(rate, quality):
    with pytest.raises(UsageError):
        bd_rate(rate, quality, [1, 2], [30, 40])
