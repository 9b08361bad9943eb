import math
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.measure import Measurement
from benchmarks.summary import (
    bootstrap_interval,
    in_age_files,
    mean_points,
    quality,
    rate_difference,
)

SETTINGS = (1, 2, 3)


def curve(offset):
    return [
        Measurement(100 * s, 0.1 * s, 30 + offset + 4 * math.log(s), 1 - 0.1 / s, 0.5, 0.25)
        for s in SETTINGS
    ]


def cheaper(curve, ratio):
    return [replace(m, bits_per_pixel=ratio * m.bits_per_pixel) for m in curve]


def test_points_are_means_over_images_at_each_setting():
    points = mean_points("JPEG", SETTINGS, [curve(0), curve(2)])
    assert [point.setting for point in points] == [1, 2, 3]
    assert points[0].psnr == 31
    assert [point.bits_per_pixel for point in points] == pytest.approx([0.1, 0.2, 0.3])


def test_ms_ssim_is_compared_in_decibels():
    assert quality(curve(0)[0], "MS-SSIM") == pytest.approx(10)
    assert quality(replace(curve(0)[0], ms_ssim=1.0), "MS-SSIM") == math.inf


@pytest.mark.parametrize("metric", ["PSNR", "MS-SSIM"])
def test_a_candidate_of_fewer_bytes_is_found_so_much_cheaper(metric):
    peers = [curve(0), curve(2), curve(1)]
    own = [cheaper(c, ratio) for c, ratio in zip(peers, (0.7, 0.8, 0.9), strict=True)]
    points = mean_points("peer", SETTINGS, peers), mean_points("own", SETTINGS, own)
    result = rate_difference("peer", metric, (peers, own), points, ["a", "b", "c"])
    assert result.mean == pytest.approx(-20)
    assert result.of_mean_curves == pytest.approx(-20)
    assert -30.1 < result.low < -20 < result.high < -9.9
    assert result.images == 3


@pytest.mark.skipif(not shutil.which("age"), reason="needs the program age")
def test_an_age_file_adds_what_is_charged(tmp_path):
    key, plain, sealed = (tmp_path / name for name in ("key", "plain", "sealed"))
    subprocess.run(["age-keygen", "-o", key], check=True, capture_output=True)
    plain.write_bytes(bytes(1000))
    command = ["age", "--encrypt", "--identity", key, "--output", sealed, plain]
    subprocess.run(command, check=True)
    measured = Measurement(1000, 0.5, 30, 0.9, 0, 0)
    ((charged,),) = in_age_files([[measured]])
    assert charged.size == sealed.stat().st_size
    assert charged.bits_per_pixel == pytest.approx(0.5 * charged.size / 1000)


def test_images_whose_curves_do_not_overlap_are_left_out_and_counted():
    peers, own = [curve(0), curve(0)], [curve(0), curve(50)]
    points = mean_points("peer", SETTINGS, peers), mean_points("own", SETTINGS, own)
    result = rate_difference("peer", "PSNR", (peers, own), points, ["a", "b"])
    assert result.images == 1
    assert result.mean == pytest.approx(0, abs=1e-9)


def test_settings_that_change_nothing_do_not_spoil_a_curve():
    twice = [*curve(0), replace(curve(0)[-1], bits_per_pixel=9)]
    points = mean_points("peer", (1, 2, 3, 4), [twice]), mean_points("own", SETTINGS, [curve(0)])
    result = rate_difference("peer", "PSNR", ([twice], [curve(0)]), points, ["a"])
    assert result.mean == pytest.approx(0, abs=1e-9)


def test_the_bootstrap_resamples_patients_not_images():
    values = np.random.default_rng(0).normal(size=200)
    by_image = bootstrap_interval(values, [str(i) for i in range(200)])
    assert by_image[0] < values.mean() < by_image[1]
    assert by_image[1] - by_image[0] == pytest.approx(4 / math.sqrt(200), rel=0.25)
    assert bootstrap_interval(values, ["one"] * 200) == pytest.approx((values.mean(),) * 2)


def test_the_bootstrap_of_nothing_is_not_a_number():
    assert all(math.isnan(end) for end in bootstrap_interval([math.nan], ["a"]))
