from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from primis.codec import bitstream
from primis.codec.adaptation import AdaptiveTable
from primis.codec.bitstream import decode, encode
from primis.codec.codec import Codec
from primis.codec.codes import SparseCodes
from primis.codec.context import ContextModel
from primis.codec.layout import Layout
from primis.codec.spans import DYADIC, Span
from primis.errors import DamagedFileError
from tests.codec.made_codes import flat_codes, lengths_of, made_codes, what_is_known
from tests.pictures import KINDS

SHAPES = st.tuples(st.integers(32, 70), st.integers(32, 70))
UNSIGNED = st.sampled_from([0, 2])
FEW = settings(max_examples=25, derandomize=True)


def assert_tells_the_truth(read: SparseCodes, truth: SparseCodes, unsigned_scales: int = 0) -> None:
    expected = what_is_known(truth, read)
    expected[:unsigned_scales] = [np.abs(band) for band in expected[:unsigned_scales]]
    for one, other in zip(read.values, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert (read.step, read.offset) == (truth.step, truth.offset)
    assert (read.sparsified, read.dark_sides) == (truth.sparsified, truth.dark_sides)
    assert read.span == truth.span


@FEW
@given(
    SHAPES,
    st.integers(0, 10**6),
    st.integers(50, 3000),
    UNSIGNED,
    st.booleans(),
    st.integers(0, 15),
    st.builds(Span, st.integers(0, 7)),
)
def test_every_level_tells_the_truth_as_far_as_it_goes(
    context, shape, seed, total, unsigned_scales, sparsified, dark_sides, span
):
    codes = made_codes(shape, seed, sparsified=sparsified, dark_sides=dark_sides, span=span)
    lengths = lengths_of(total)
    bodies, _ = encode(codes, lengths, context, unsigned_scales=unsigned_scales)
    assert [len(body) for body in bodies] == lengths
    depths = []
    for count in (1, 2, 3):
        read = decode(codes.layout, bodies[:count], context, unsigned_scales=unsigned_scales)
        assert_tells_the_truth(read, codes, unsigned_scales)
        depths.append((-read.plane, sum(int(known.sum()) for known in read.known)))
    assert depths == sorted(depths)


@pytest.mark.parametrize("span", [DYADIC, Span(3), Span(7)])
def test_enough_bytes_tell_everything(context, span):
    codes = made_codes((45, 38), span=span)
    read = decode(codes.layout, encode(codes, [34, 20, 8000], context).bodies, context)
    assert read.plane == 0
    assert all(known.all() for known in read.known)
    assert_tells_the_truth(read, codes)


def test_codes_of_nothing_are_known_entirely(context):
    codes = made_codes((32, 32), density=0)
    read = decode(codes.layout, encode(codes, [22, 12, 12], context).bodies[:1], context)
    assert not any(band.any() for band in read.values)
    assert all(known.all() for known in read.known)


@FEW
@given(
    SHAPES,
    st.integers(2, 30).flatmap(lambda k: st.binary(min_size=14 + 4 * k, max_size=14 + 4 * k)),
    st.lists(
        st.integers(2, 30).flatmap(lambda k: st.binary(min_size=4 * k + 4, max_size=4 * k + 4)),
        max_size=2,
    ),
    UNSIGNED,
)
def test_any_bytes_are_the_codes_of_some_image(context, shape, first, rest, unsigned_scales):
    layout = Layout(*shape)
    read = decode(layout, [first, *rest], context, unsigned_scales=unsigned_scales)
    assert [band.shape for band in read.values] == list(layout.shapes)
    assert all(np.abs(band).max() < 2**bitstream.MAX_PLANES for band in read.values)
    assert all((band >= 0).all() for band in read.values[:unsigned_scales])


@pytest.mark.parametrize("fill", [0x00, 0xFF])
def test_even_bytes_that_are_all_alike_are_codes(codec: Codec, fill):
    first, body = bytes([fill]) * 62, bytes([fill]) * 40
    pixels = codec.decode(codec.unpack((41, 33), [first, body, body]), 8)
    assert pixels.shape == (41, 33)


@pytest.mark.parametrize(("level", "length"), [(0, 21), (0, 23), (0, 18), (1, 11), (1, 13), (1, 0)])
def test_a_length_that_no_writer_gives_is_refused(context, level, length):
    codes = made_codes((32, 32))
    bodies, _ = encode(codes, [22, 12, 12], context)
    bodies[level] = bodies[level].ljust(length, b"\0")[:length]
    with pytest.raises(DamagedFileError, match=f"level {level} has {length} bytes"):
        decode(codes.layout, bodies, context)
    lengths = [22, 12, 12]
    lengths[level] = length
    with pytest.raises(ValueError, match=f"level {level} cannot"):
        encode(codes, lengths, context)


@given(st.integers(0, 2), st.integers(0, 500))
@settings(derandomize=True)
def test_a_usable_length_is_one_and_the_next_one_is_too_long(level, length):
    usable = bitstream.usable_length(level, length)
    assert usable <= length < usable + bitstream.WORD
    assert bitstream.usable_length(level, usable) == usable


def test_magnitudes_up_to_24_bits_are_coded_and_larger_ones_refused(context):
    codes = flat_codes((32, 32), np.full((4, 4), 2**24 - 1))
    read = decode(codes.layout, encode(codes, [402, 12, 12], context).bodies, context)
    assert_tells_the_truth(read, codes)
    with pytest.raises(ValueError, match="24 bits"):
        encode(flat_codes((32, 32), np.full((4, 4), 2**24)), [402, 12, 12], context)


def test_every_step_code_stands_for_a_step_and_back():
    steps = [bitstream.decode_step(code) for code in range(2**16)]
    assert [bitstream.encode_step(step) for step in steps] == list(range(2**16))
    assert bitstream.encode_step(steps[1000] * 1.0005) == 1000
    assert bitstream.encode_step(1e-30) == 0
    assert bitstream.encode_step(1e30) == 2**16 - 1


def test_a_stream_whose_first_word_is_zero_is_read_like_any_other(monkeypatch):
    even_odds = SimpleNamespace(probabilities=np.full(128, 2**15))  # all that a smooth band needs
    monkeypatch.setattr(AdaptiveTable, "learn", lambda *_: None)
    smooth = np.random.default_rng(709).integers(-(2**15), 2**15, (1, 4, 4))
    codes = flat_codes((64, 64), smooth)
    bodies, _ = encode(codes, [54, 16, 16], even_odds)
    assert bodies[0][14:18] == bytes(4)
    assert bodies[0][18:22] != bytes(4)
    assert_tells_the_truth(decode(codes.layout, bodies, even_odds), codes)


def test_long_streams_of_unlikely_symbols_fit_their_bytes(context: ContextModel):
    layout = Layout(512, 512)
    rng = np.random.default_rng(0)
    values = tuple(rng.choice([-255, 255], shape).astype(np.int32) for shape in layout.shapes)
    codes = replace(made_codes((512, 512)), values=values)
    lengths = [50_002, 200_000, 200_000]
    assert [len(body) for body in encode(codes, lengths, context).bodies] == lengths


@pytest.mark.parametrize("kind", KINDS)
def test_all_images_of_one_shape_and_rate_take_the_same_bytes(codec: Codec, kind):
    for bits in (8, 16):
        pixels = KINDS[kind]((37, 52), bits)
        codes = codec.encode(pixels, 600)
        bodies = codec.pack(codes, [102, 200, 300])
        assert [len(body) for body in bodies] == [102, 200, 300]
        for count in (1, 2, 3):
            read = codec.unpack((37, 52), bodies[:count])
            assert_tells_the_truth(read, codes)
            assert int(codec.decode(read, bits).max()) < 2**bits
