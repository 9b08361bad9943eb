"""Targets publish what they say they do."""

from __future__ import annotations

import numpy as np
import pytest

from primis.attacks.attack import Settings
from primis.attacks.targets import (
    Ambiguation,
    Keystream,
    RawCodes,
    SeparableNoise,
    chosen,
    packed_trits,
    planted_targets,
    standard_targets,
)
from primis.obfuscation.ambiguation import AMBIGUATED_SCALES, public_length
from tests.pictures import textured

SHAPE = (64, 64)
RATE = 2.0


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return textured(SHAPE, seed=1)


@pytest.mark.parametrize("name", [*standard_targets(), *planted_targets()])
def test_every_target_publishes_in_the_layout_of_the_codes(name, picture):
    published = {**standard_targets(RATE), **planted_targets(RATE)}[name].publish(picture, 0)
    shapes = published.truth.layout.shapes
    assert tuple(band.shape for band in published.bands) == shapes
    assert tuple(mask.shape for mask in published.support) == shapes
    assert published.data
    np.testing.assert_array_equal(published.pixels, picture)


def test_raw_codes_hide_nothing(picture):
    published = RawCodes(RATE).publish(picture, 0)
    for band, true in zip(published.bands, published.truth.values, strict=True):
        np.testing.assert_array_equal(band, true)


def test_separable_noise_is_larger_than_every_true_value(picture):
    published = SeparableNoise(RATE).publish(picture, 0)
    largest = max(np.abs(true).max() for true in published.truth.values)
    for band, true in zip(published.bands, published.truth.values, strict=True):
        np.testing.assert_array_equal(np.where(np.abs(band) <= largest, band, 0), true)
        assert (band != 0).all()


@pytest.mark.parametrize("share", [0.25, 0.5, 1.0])
def test_ambiguation_has_true_signs_on_the_support_and_noise_on_its_share_elsewhere(share, picture):
    published = Ambiguation(share, RATE).publish(picture, 0)
    public = published.bands[:AMBIGUATED_SCALES]
    empty = []
    for band, signs in zip(public, published.signs[:AMBIGUATED_SCALES], strict=True):
        np.testing.assert_array_equal(band[signs != 0], signs[signs != 0])
        empty.append(band[signs == 0])
    noise = np.concatenate(empty)
    assert np.mean(noise != 0) == pytest.approx(share, abs=0.05)
    assert not any(band.any() for band in published.bands[AMBIGUATED_SCALES:])


@pytest.mark.parametrize("shape", [(5, 7), (4, 5)])
def test_trits_are_packed_without_loss_five_to_a_byte(shape):
    band = np.random.default_rng(0).integers(-1, 1, shape, endpoint=True)
    packed = packed_trits(band)
    assert len(packed) == -(-band.size // 5)
    digits = [byte // 3**place % 3 - 1 for byte in packed for place in range(5)]
    np.testing.assert_array_equal(digits[: band.size], band.ravel())


def test_planted_targets_are_attacked_unless_the_settings_spare_them():
    every = [*standard_targets(), *planted_targets()]

    def names(settings, attack=None):
        return [target.name for target in chosen(settings, attack)]

    assert names(Settings(), "attribute") == names(Settings(planted=None), "support") == every
    assert names(Settings().quick(), "inversion") == every
    assert names(Settings().quick()) == every
    assert names(Settings(), "support") == list(standard_targets())
    assert names(Settings().quick(), "attribute") == list(standard_targets())
    assert names(Settings(targets=("codes",)), "support") == ["codes"]


def test_full_ambiguation_is_the_shipped_scheme(picture):
    published = Ambiguation(1.0, RATE).publish(picture, 0)
    assert len(published.payloads[0]) == public_length(published.truth.layout)


def test_two_keystream_files_of_one_image_have_nothing_in_common(picture):
    first, second = (
        np.frombuffer(Keystream(RATE).publish(picture, 0).data, np.uint8) for _ in range(2)
    )
    assert len(first) == len(second)
    assert np.mean(first == second) < 0.05


def test_with_a_reused_key_files_differ_as_their_contents_do(picture):
    one, other = (
        (Keystream(RATE, reused_key=True).publish(some, 0), RawCodes(RATE).publish(some, 0))
        for some in (picture, textured(SHAPE, seed=2))
    )
    for level in range(3):
        sealed, clear = (
            np.frombuffer(one[k].bodies[level], np.uint8)
            ^ np.frombuffer(other[k].bodies[level], np.uint8)
            for k in (0, 1)
        )
        np.testing.assert_array_equal(sealed, clear)


def test_an_open_preview_shows_the_coarsest_codes(picture):
    published = Keystream(RATE, open_preview=True).publish(picture, 0)
    assert published.step == published.truth.step
    coarse, true = published.bands[-1], published.truth.values[-1]
    assert np.corrcoef(coarse.ravel(), true.ravel())[0, 1] > 0.9
