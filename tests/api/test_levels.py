"""What the bodies of the levels hold, and that no other bodies are read."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from primis import levels
from primis.codec.codec import Codec
from primis.errors import DamagedFileError, PrimisError
from primis.images.image import Attributes, Image
from tests.pictures import KINDS, textured

SHAPE = (40, 36)
TOTAL = 1372  # leaves two zero bytes behind the codes of level 0
NOTES = Attributes(bits=8, modality="CR", body_part="CHEST")


@pytest.fixture(scope="module")
def codec() -> Codec:
    return Codec.default(1)


@pytest.fixture(scope="module")
def bodies(codec) -> list[bytes]:
    image = Image(textured(SHAPE), NOTES)
    return levels.write_levels(codec, image, levels.body_lengths(TOTAL))[1]


@given(st.integers(-1000, 100_000))
def test_lengths_fill_what_is_available_and_are_never_too_short(available):
    lengths = levels.body_lengths(available)
    assert len(lengths) == levels.CODED_LEVELS
    assert lengths[0] >= 1 + 64 + 22
    assert all(length >= 12 and length % 4 == 0 for length in lengths[1:])
    if available > 1000:
        assert available - 8 < sum(lengths) <= available


def test_bodies_have_their_lengths_and_hold_the_attributes(codec, bodies):
    assert [len(body) for body in bodies] == levels.body_lengths(TOTAL)
    for count in (1, 2, 3):
        attributes, codes = levels.read_levels(codec, SHAPE, bodies[:count])
        assert attributes == NOTES
        assert codes.values[0].shape == (3, 20, 18)


def test_the_first_body_is_attributes_then_codes_then_zeros(codec, bodies):
    length = bodies[0][0]
    assert bodies[0][1 : 1 + length].ljust(64, b"\0") == NOTES.to_bytes()
    rest = len(bodies[0]) - 1 - length
    assert not any(bodies[0][len(bodies[0]) - (rest - 14) % 4 :])


def changed(body: bytes, place: int, value: int) -> bytes:
    place %= len(body)
    return body[:place] + bytes([value]) + body[place + 1 :]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda first: b"",
        lambda first: first[:1],
        lambda first: first[: 1 + first[0] + 23],
        lambda first: changed(first, 0, 65),
        lambda first: changed(first, 0, 0),
        lambda first: changed(first, 0, first[0] - 1),
        lambda first: changed(first, first[0], 0),
        lambda first: changed(first, 1, 2),
        lambda first: changed(first, 3, 17),
        lambda first: first + b"\1",
    ],
)
def test_a_first_body_of_another_form_is_refused(codec, bodies, spoil):
    with pytest.raises(DamagedFileError):
        levels.read_levels(codec, SHAPE, [spoil(bodies[0])])


@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize("length", [0, 8, 13])
def test_a_higher_body_of_an_unusable_length_is_refused(codec, bodies, level, length):
    spoilt = [*bodies]
    spoilt[level] = bytes(length)
    with pytest.raises(DamagedFileError, match=f"level {level}"):
        levels.read_levels(codec, SHAPE, spoilt)


@pytest.mark.parametrize("shape", [(31, 40), (40, 4097), (65535, 65535)])
def test_a_shape_outside_the_limits_is_refused_before_it_takes_memory(codec, bodies, shape):
    with pytest.raises(DamagedFileError, match="outside the limits"):
        levels.read_levels(codec, shape, bodies)


@settings(max_examples=60, derandomize=True)
@given(st.lists(st.binary(max_size=120), min_size=1, max_size=3))
def test_any_bodies_are_read_or_refused(codec, bodies):
    try:
        attributes, codes = levels.read_levels(codec, SHAPE, bodies)
    except PrimisError:
        return
    assert codec.decode(codes, attributes.bits).shape == SHAPE


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bits", [1, 8, 12, 16])
def test_the_original_is_exact_and_its_length_coarse(kind, bits):
    pixels = KINDS[kind]((33, 50), bits)
    body = levels.write_original(pixels)
    assert len(body) % -(-pixels.nbytes // 16) == 0
    read = levels.read_original(body, Attributes(bits=bits), (33, 50))
    np.testing.assert_array_equal(read, pixels)
    assert read.dtype == pixels.dtype


def with_length(body: bytes, more: int) -> bytes:
    return body[:32] + (int.from_bytes(body[32:36], "big") + more).to_bytes(4, "big") + body[36:]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: b"",
        lambda body: body[:35],
        lambda body: body[:-1],
        lambda body: body + b"\0",
        lambda body: body + bytes(90),
        lambda body: changed(body, 0, body[0] ^ 1),
        lambda body: changed(body, 32, 255),
        lambda body: with_length(body, -1),
        lambda body: with_length(body, 10**6),
        lambda body: changed(body, 36, 0),
        lambda body: changed(body, -1, 1),
    ],
)
def test_an_original_of_another_form_is_refused(spoil):
    pixels = textured(SHAPE)
    body = levels.write_original(pixels)
    assert body[-1] == 0
    with pytest.raises(DamagedFileError):
        levels.read_original(spoil(body), Attributes(), SHAPE)


@pytest.mark.parametrize(("bits", "shape"), [(16, SHAPE), (8, SHAPE[::-1]), (8, (20, 72))])
def test_an_original_of_other_pixels_is_refused(bits, shape):
    body = levels.write_original(textured(SHAPE))
    with pytest.raises(DamagedFileError):
        levels.read_original(body, Attributes(bits=bits), shape)
