from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from primis.codec import rim
from primis.codec.codec import Codec
from tests.pictures import KINDS, psnr, smooth, textured

GAINS = (0.8, 1.04, 0.99)
SIDES = st.integers(0, 15)
FEW = settings(max_examples=30, derandomize=True)


def image(shape=(60, 52), seed: int = 0) -> np.ndarray:
    """A bright picture of floats."""
    return 0.5 * textured(shape, seed=seed).astype(np.float32) + 100


@FEW
@given(SIDES, st.integers(0, 99))
def test_dark_sides_are_found(sides, seed):
    assert rim.dark_sides(rim.darken(image(seed=seed), GAINS, sides), GAINS) == sides


@FEW
@given(SIDES, st.sampled_from(sorted(KINDS)))
def test_darkening_undoes_brightening(sides, kind):
    pixels = KINDS[kind]((32, 41)).astype(np.float32)
    again = rim.darken(rim.brighten(pixels, GAINS, sides), GAINS, sides)
    np.testing.assert_allclose(again, pixels, rtol=1e-6)


def test_sides_go_round_from_the_top():
    for side, line in enumerate(np.s_[[0, (..., -1), -1, (..., 0)]]):
        dark = rim.darken(image(), GAINS, 1 << side)
        assert (dark[line] < image()[line]).mean() > 0.9
        inside = np.s_[3:-3, 3:-3]
        np.testing.assert_array_equal(dark[inside], image()[inside])


def test_arguments_are_left_alone():
    pixels = image()
    rim.brighten(pixels, GAINS, 15)
    rim.darken(pixels, GAINS, 15)
    np.testing.assert_array_equal(pixels, image())


def test_flat_and_black_pictures_have_no_rim():
    for value in (0, 7, 65535):
        assert rim.dark_sides(np.full((40, 50), value, dtype=np.float32), GAINS) == 0


def test_gains_of_one_find_no_rim():
    assert rim.dark_sides(rim.darken(image(), GAINS, 15), (1.0, 1.0, 1.0)) == 0


def test_gains_are_fitted_to_the_images_that_have_a_rim():
    images = [
        np.rint(rim.darken(image((128, 128), seed), GAINS, 15 if seed % 3 else 0))
        for seed in range(12)
    ]
    assert rim.fit_gains(images) == pytest.approx(GAINS, abs=0.02)


def test_without_rims_nothing_is_fitted():
    assert rim.fit_gains([image(seed=seed) for seed in range(6)]) == (1.0, 1.0, 1.0)
    assert rim.fit_gains([np.zeros((40, 40))]) == (1.0, 1.0, 1.0)


def test_a_dark_rim_costs_the_codec_hardly_anything(codec: Codec):
    whole = (0.7 * smooth((128, 128)) + 60).astype(np.float32)
    gains = codec.model.rim
    dark = np.rint(rim.darken(whole, gains, 15)).astype(np.uint8)
    codes = codec.encode(dark, 602)
    assert codes.dark_sides == 15

    def quality(pixels):
        read = codec.unpack(pixels.shape, codec.pack(codec.encode(pixels, 602), [602]))
        return psnr(codec.decode(read, 8), pixels)

    assert quality(dark) > quality(np.rint(whole).astype(np.uint8)) - 1.5
