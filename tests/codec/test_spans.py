"""Words stand for magnitudes, and their planes end where a step asks for it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from primis.codec.bitstream import measure
from primis.codec.codec import Codec
from primis.codec.codes import SparseCodes
from primis.codec.layout import Layout
from primis.codec.networks import Networks
from primis.codec.spans import DYADIC, Span
from tests.pictures import clouds

SPANS = [Span(code) for code in range(8)]


@given(st.sampled_from(SPANS), st.lists(st.integers(-(2**22), 2**22), max_size=40))
def test_words_and_back(span, values):
    values = np.array(values, dtype=np.int32)
    words = span.words(values)
    np.testing.assert_array_equal(span.values(words), values)
    np.testing.assert_array_equal(np.sign(words), np.sign(values))


@pytest.mark.parametrize("span", SPANS)
def test_words_keep_the_order_of_magnitudes(span):
    words = span.words(np.arange(1000, dtype=np.int32))
    assert (np.diff(words) > 0).all()


@pytest.mark.parametrize("span", SPANS)
def test_planes_above_the_place_are_even_multiples_of_the_span(span):
    magnitudes = np.arange(1000, dtype=np.int32)
    spans = span.words(magnitudes) >> span.bits
    np.testing.assert_array_equal(spans, magnitudes // span.steps)
    assert span.width(span.bits) == span.steps
    assert span.width(span.bits + 2) == 4 * span.steps


@pytest.mark.parametrize("span", SPANS)
def test_bits_are_left_out_where_all_words_agree(span):
    words = span.words(np.arange(8 * span.steps, dtype=np.int32))
    for plane in range(span.bits + 2):
        above, bits = words >> plane + 1, words >> plane & 1
        halves = span.halves(plane)
        for prefix in np.unique(above):
            ones = bits[above == prefix]
            place = prefix & (1 << max(0, span.bits - plane - 1)) - 1
            assert ones.any() == (halves is None or halves.coded[place])
            if halves is None or halves.shifts[place] == 0:
                assert ones.mean() in (0, 0.5)
            else:
                assert 2 * ones.sum() < len(ones)


@given(st.floats(0.3, 1e5))
def test_a_plane_ends_at_the_step_that_is_asked_for_or_little_above(step):
    span, plane = Span.ending_at(step)
    assert step <= span.width(plane) or plane == 0
    assert span.width(plane) <= max(1, 2 * step if step < DYADIC.steps else 1.25 * step)


def test_planes_end_where_the_lowest_level_does(codec: Codec):
    """The bits of whole planes are about what the level has, where planes of two miss it."""

    def missed(codes: SparseCodes, length: int) -> float:
        bits = measure(codes, codec.context, lowest=codes.span.bits).bits.sum(axis=1)
        ends = np.cumsum(bits[::-1][: -codes.span.bits])
        return float(np.abs(np.log2(ends[ends > 0] / (8 * length))).min())

    pixels, lengths = clouds((192, 192)), [100, 120, 140, 160, 180, 200]
    codes = [codec.encode(pixels, 3000, lowest_level=length) for length in lengths]
    plain = codec.encode(pixels, 3000)
    assert plain.span == DYADIC
    with_spans = [missed(one, length) for one, length in zip(codes, lengths, strict=True)]
    without = [missed(plain, length) for length in lengths]
    assert max(with_spans) < 0.3
    assert max(without) > 0.5
    assert np.mean(with_spans) < 0.6 * np.mean(without)


@pytest.mark.parametrize(("step", "most"), [(6.0, 0.05), (2.0, 0.15)])
def test_coefficients_are_moved_for_a_lower_level_over_one_of_its_steps(
    codec: Codec, step: float, most: float
):
    networks = Networks(codec.model.folder, 1)
    details, _ = networks.analyse(clouds((128, 128)).astype(np.float32), Layout(128, 128))
    details = [bands / np.float32(4) for bands in details]
    count = 0
    pairs = zip(networks.sparsify(details), networks.sparsify(details, [step]), strict=True)
    for one, other in pairs:
        moved = np.abs(one - other) > 0.05
        before, after = (np.trunc(bands[moved] / step) for bands in (one, other))
        assert (np.abs(before - after) == 1).all()
        at_edge = np.abs(other[moved] / step - np.rint(other[moved] / step)) < 0.01
        assert at_edge.all()
        assert (np.abs(one - other)[moved] < step / 2).all()
        count += int(moved.sum())
    assert 0 < count < most * sum(bands.size for bands in details)
