"""Public signs tell neither the support nor, to the eye, the picture.

Noise comes from the operating system and cannot be seeded: bounds are such that an honest
generator fails less than once in a million runs.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from primis.codec.codec import Codec
from primis.codec.codes import SparseCodes
from primis.codec.layout import Layout
from primis.errors import DamagedFileError
from primis.obfuscation.ambiguation import (
    AMBIGUATED_SCALES,
    ambiguate,
    disambiguate,
    public_length,
)
from tests.pictures import psnr, textured

SHAPE = (160, 176)
LENGTHS = [182, 364, 484]
ODD = Layout(33, 39)  # its last byte of signs has unused bits
ALIKE = 1e-6  # probability below which two samples are told apart


@pytest.fixture(scope="module")
def codec() -> Codec:
    return Codec.default(1)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return textured(SHAPE, seed=1)


@pytest.fixture(scope="module")
def codes(codec: Codec, picture: np.ndarray) -> SparseCodes:
    """What a holder of the highest key knows, signs included."""
    everything = codec.encode(picture, sum(LENGTHS))
    bodies = codec.pack(everything, LENGTHS, unsigned_scales=AMBIGUATED_SCALES)
    support = codec.unpack(SHAPE, bodies, unsigned_scales=AMBIGUATED_SCALES)
    pairs = zip(support.values, everything.values, strict=True)
    return replace(support, values=tuple(np.abs(a) * np.sign(b) for a, b in pairs))


def public_part(codes: SparseCodes) -> tuple[np.ndarray, ...]:
    """The scales whose signs are public."""
    return codes.values[:AMBIGUATED_SCALES]


def with_details(codes: SparseCodes, details) -> SparseCodes:
    """The codes with other values in the public part."""
    return replace(codes, values=(*details, *codes.values[AMBIGUATED_SCALES:]))


def support_of(codes: SparseCodes) -> SparseCodes:
    """What the key tells."""
    return with_details(codes, map(np.abs, public_part(codes)))


def flat(codes: SparseCodes) -> np.ndarray:
    return np.concatenate([band.ravel() for band in public_part(codes)])


def signs_in(public: bytes, count: int) -> np.ndarray:
    return np.unpackbits(np.frombuffer(public, dtype=np.uint8))[:count].astype(bool)


def test_the_public_signs_are_dense_whatever_the_picture(codes):
    public = ambiguate(codes)
    assert len(public) == public_length(codes.layout) == -(-flat(codes).size // 8)
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
    values[1][-1, -1, -1] = 5
    masks = tuple(np.ones(shape, dtype=bool) for shape in layout.shapes)
    codes = SparseCodes(layout, 1.0, 0, tuple(values), 0, masks)
    public = ambiguate(codes)
    assert public[0] == 0b00011111
    spare = -flat(codes).size % 8
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


def bands_of(codes: SparseCodes) -> list[np.ndarray]:
    return [band.ravel() for scale in public_part(codes) for band in scale]


def told_apart(codes: SparseCodes, public: bytes) -> float:
    """Smallest probability, over the bands, that signs on and off the support are of one kind.

    Public values are plus or minus one: their histogram is the share of minus, and a threshold
    can only part plus from minus, so this is the histogram and the threshold test as well.
    """
    bands = bands_of(codes)
    minus = signs_in(public, sum(map(len, bands)))
    parts = np.split(minus, np.cumsum([len(band) for band in bands])[:-1])
    return min(
        two_shares(part[band != 0], part[band == 0])
        for band, part in zip(bands, parts, strict=True)
        if band.any()
    )


def two_shares(one: np.ndarray, other: np.ndarray) -> float:
    """Two-sided probability of a difference of shares (z-test with pooled variance)."""
    share = np.concatenate((one, other)).mean()
    deviation = math.sqrt(share * (1 - share) * (1 / len(one) + 1 / len(other)))
    return math.erfc(abs(one.mean() - other.mean()) / max(deviation, 1e-12) / math.sqrt(2))


def leaning(codes: SparseCodes) -> SparseCodes:
    """The same support with three true signs of four minus."""
    rng = np.random.default_rng(3)
    flips = (rng.choice([-1, -1, -1, 1], band.shape) for band in public_part(codes))
    pairs = zip(public_part(codes), flips, strict=True)
    return with_details(codes, (np.abs(band) * sign for band, sign in pairs))


def test_noise_is_drawn_anew(codes):
    off = flat(codes) == 0
    first, second = (signs_in(ambiguate(codes), len(off))[off] for _ in range(2))
    assert 0.4 < (first ^ second).mean() < 0.6


def test_signs_on_and_off_the_support_have_one_distribution_in_every_band(codes):
    assert (flat(codes) != 0).sum() > 500
    assert told_apart(codes, ambiguate(codes)) > ALIKE
    assert told_apart(leaning(codes), ambiguate(leaning(codes))) > ALIKE


def test_fair_coins_among_leaning_signs_would_be_noticed(codes):
    """A control for the comparison above: noise that ignores how true signs lean."""
    true = leaning(codes)
    coins = np.random.default_rng(0).random(len(flat(true))) < 0.5
    public = np.packbits(np.where(flat(true) != 0, flat(true) < 0, coins)).tobytes()
    assert told_apart(true, public) < ALIKE


def test_noise_of_another_magnitude_would_give_the_support_away(codes):
    """A control: noise out of the range of the values, undone by a threshold."""
    values, on = np.sign(flat(codes)), flat(codes) != 0
    coins = np.random.default_rng(0).choice([-2, 2], len(values))
    public = np.where(on, values, coins)
    np.testing.assert_array_equal(np.abs(public) < 2, on)


def test_signs_help_nobody_who_lacks_the_support(codec, codes, picture):
    """Even if he has the coarse scales, and knows how many details of which size there are."""
    rng = np.random.default_rng(1)
    fine = (rng.permutation(abs(band).ravel()).reshape(band.shape) for band in public_part(codes))
    guess = codec.decode(disambiguate(with_details(codes, fine), ambiguate(codes)), 8)
    assert_no_better_than_without_details(codec, codes, picture, guess)


def test_the_support_helps_nobody_who_lacks_the_signs(codec, codes, picture):
    nothing = with_details(codes, map(np.zeros_like, public_part(codes)))
    guess = codec.decode(disambiguate(support_of(codes), ambiguate(nothing)), 8)
    assert_no_better_than_without_details(codec, codes, picture, guess)


def assert_no_better_than_without_details(codec, codes, picture, guess) -> None:
    nothing = with_details(codes, map(np.zeros_like, public_part(codes)))
    coarse = psnr(codec.decode(nothing, 8), picture)
    assert psnr(codec.decode(codes, 8), picture) > coarse + 1
    assert psnr(guess, picture) < coarse


def test_public_signs_do_not_outline_the_picture(codec, codes, picture):
    """Taken for codes of a typical size, they are hardly more like it than fair coins are."""
    public = disambiguate(dense_ones(codes), ambiguate(codes)).values[:AMBIGUATED_SCALES]
    coins = [fair_signs(public, seed) for seed in range(5)]
    likeness, *by_chance = (
        abs(correlation(picture, taken_for_codes(codec, codes, signs)))
        for signs in (public, *coins)
    )
    assert likeness < max(by_chance) + 0.03


def test_signs_of_all_scales_would_outline_the_picture(codec, codes, picture):
    """A control: hardly any noise is among the signs of the coarsest arrays."""
    coins = fair_signs(codes.values, 0)
    signs = [
        np.where(band, np.sign(band), coin) for band, coin in zip(codes.values, coins, strict=True)
    ]
    assert correlation(picture, taken_for_codes(codec, codes, signs)) > 0.5


def dense_ones(codes: SparseCodes) -> SparseCodes:
    return replace(codes, values=tuple(np.ones_like(band) for band in codes.values))


def fair_signs(like, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.choice([-1, 1], band.shape) for band in like]


def taken_for_codes(codec: Codec, codes: SparseCodes, signs) -> np.ndarray:
    """Decode signs of the finest scales, each with the typical size of its band, and no others."""
    values = [np.zeros_like(band) for band in codes.values]
    for scale, sign in enumerate(signs):
        typical = np.rint(np.abs(codes.values[scale]).mean((1, 2), keepdims=True))
        values[scale] = (sign * np.maximum(1, typical)).astype(np.int32)
    return codec.decode_exactly(replace(codes, values=tuple(values)))


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])
