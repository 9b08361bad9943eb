"""Public signs tell neither the support nor the picture.

Noise comes from the operating system and cannot be seeded: bounds are such that an honest
generator fails less than once in a million runs.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from pictures import psnr, textured
from primis.codec.codec import Codec
from primis.codec.codes import SparseCodes
from primis.codec.layout import Layout
from primis.errors import DamagedFileError
from primis.obfuscation.ambiguation import ambiguate, disambiguate, public_length

SHAPE = (160, 176)
LENGTHS = [182, 364, 484]
ODD = Layout(35, 37)  # its last byte of signs has unused bits


@pytest.fixture(scope="module")
def codec() -> Codec:
    return Codec.default(1)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return textured(SHAPE)


@pytest.fixture(scope="module")
def codes(codec: Codec, picture: np.ndarray) -> SparseCodes:
    """What a holder of the highest key knows, signs included."""
    everything = codec.encode(picture, sum(LENGTHS))
    bodies = codec.pack(everything, LENGTHS, with_signs=False)
    support = codec.unpack(SHAPE, bodies, with_signs=False)
    signs = [np.sign(band) for band in everything.values]
    values = tuple(a * b for a, b in zip(support.values, signs, strict=True))
    return replace(support, values=values)


def support_of(codes: SparseCodes) -> SparseCodes:
    return replace(codes, values=tuple(np.abs(band) for band in codes.values))


def flat(codes: SparseCodes) -> np.ndarray:
    return np.concatenate([band.ravel() for band in codes.values])


def signs_in(public: bytes, count: int) -> np.ndarray:
    return np.unpackbits(np.frombuffer(public, dtype=np.uint8))[:count].astype(bool)


def p_of_equal_shares(first: np.ndarray, second: np.ndarray) -> float:
    """Two-sided p-value of two samples of coins having one probability."""
    share = np.concatenate((first, second)).mean()
    spread = math.sqrt(share * (1 - share) * (1 / len(first) + 1 / len(second)))
    return math.erfc(abs(first.mean() - second.mean()) / spread / math.sqrt(2))


def test_the_public_signs_are_dense_whatever_the_picture(codes):
    public = ambiguate(codes)
    assert len(public) == public_length(codes.layout) == -(-codes.layout.coefficients // 8)
    nothing = replace(codes, values=tuple(np.zeros_like(band) for band in codes.values))
    assert len(ambiguate(nothing)) == len(public)


def test_the_support_gives_the_codes_back(codes):
    read = disambiguate(support_of(codes), ambiguate(codes))
    for one, other in zip(read.values, codes.values, strict=True):
        np.testing.assert_array_equal(one, other)


def test_signs_come_in_the_order_of_the_layout_highest_bit_first():
    layout = ODD
    values = [-np.ones(shape, dtype=np.int32) for shape in layout.shapes]
    values[0][0, 0, :3] = 5
    values[-1][0, -1, -1] = 5
    masks = tuple(np.ones(shape, dtype=bool) for shape in layout.shapes)
    public = ambiguate(SparseCodes(layout, 1.0, 0, tuple(values), 0, masks))
    assert public[0] == 0b00011111
    spare = -layout.coefficients % 8
    assert spare > 0
    assert public[-1] == 0xFE << spare & 0xFF


@pytest.mark.parametrize("change", ["longer", "shorter", "spare bit set"])
def test_public_signs_of_another_form_are_refused(change):
    layout = ODD
    zeros = tuple(np.zeros(shape, dtype=np.int32) for shape in layout.shapes)
    masks = tuple(np.ones(shape, dtype=bool) for shape in layout.shapes)
    codes = SparseCodes(layout, 1.0, 0, zeros, 0, masks)
    public = ambiguate(codes)
    assert disambiguate(codes, public).values[0].shape == layout.shapes[0]
    bad = {
        "longer": public + b"\0",
        "shorter": public[:-1],
        "spare bit set": public[:-1] + bytes([public[-1] | 1]),
    }[change]
    with pytest.raises(DamagedFileError):
        disambiguate(codes, bad)


def test_noise_is_fair_and_drawn_anew(codes):
    off = flat(codes) == 0
    first, second = (signs_in(ambiguate(codes), len(off))[off] for _ in range(2))
    for signs in (first, second, first ^ second):
        assert math.erfc(abs(2 * signs.mean() - 1) * math.sqrt(len(signs) / 2)) > 1e-6


def test_signs_on_and_off_the_support_are_distributed_alike(codes):
    minus, on = signs_in(ambiguate(codes), codes.layout.coefficients), flat(codes) != 0
    assert on.sum() > 1000
    assert 0.45 < minus[on].mean() < 0.55
    assert 0.45 < minus[~on].mean() < 0.55
    assert p_of_equal_shares(minus[on], minus[~on]) > 1e-6


def test_public_bytes_have_a_flat_histogram(codes):
    public = np.frombuffer(ambiguate(codes), dtype=np.uint8)
    counts = np.bincount(public, minlength=256)
    expected = len(public) / 256
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert abs(chi_square - 255) / math.sqrt(2 * 255) < 6


def test_noise_of_another_magnitude_would_give_the_support_away(codes):
    """A control: noise out of the range of the values, undone by a threshold."""
    values, on = np.sign(flat(codes)), flat(codes) != 0
    coins = np.random.default_rng(0).choice([-2, 2], len(values))
    public = np.where(on, values, coins)
    np.testing.assert_array_equal(np.abs(public) < 2, on)


def test_noise_that_is_not_fair_would_be_noticed(codes):
    """A control for the comparison above: one coin in five replaced by plus."""
    minus, on = signs_in(ambiguate(codes), codes.layout.coefficients), flat(codes) != 0
    spoilt = minus & (np.random.default_rng(0).random(len(minus)) > 0.2)
    assert p_of_equal_shares(minus[on], spoilt[~on]) < 1e-6


def test_signs_without_the_support_give_no_details(codec, codes, picture):
    rng = np.random.default_rng(1)
    shuffled = replace(
        codes,
        values=tuple(
            rng.permutation(np.abs(band).ravel()).reshape(band.shape) for band in codes.values
        ),
    )
    guess = codec.decode(disambiguate(shuffled, ambiguate(codes)), 8)
    assert_far_from(picture, guess, codec.decode(codes, 8))


def test_the_support_without_signs_gives_no_details(codec, codes, picture):
    nothing = replace(codes, values=tuple(np.zeros_like(band) for band in codes.values))
    guess = codec.decode(disambiguate(support_of(codes), ambiguate(nothing)), 8)
    assert_far_from(picture, guess, codec.decode(codes, 8))


def assert_far_from(picture, guess, reconstruction) -> None:
    assert psnr(reconstruction, picture) > 28
    assert psnr(guess, picture) < psnr(reconstruction, picture) - 8


def test_signs_outline_the_picture_where_the_support_is_dense(codec, codes, picture):
    """A known weakness: hardly any noise is among the signs of the coarsest arrays."""
    dense = [float((band != 0).mean()) > 0.8 for band in codes.values]
    assert dense[-1]
    assert not dense[0]
    typical = [max(1, round(float(np.abs(band).mean()))) for band in codes.values]
    values = tuple(
        np.full_like(band, size if full else 0)
        for band, size, full in zip(codes.values, typical, dense, strict=True)
    )
    guess = codec.decode(disambiguate(replace(codes, values=values), ambiguate(codes)), 8)
    assert np.corrcoef(guess.ravel(), picture.ravel())[0, 1] > 0.5
