"""The decoder of the package and the one written from docs/format.md agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from primis.codec.codec import Codec
from primis.codec.codes import SparseCodes
from primis.codec.context import bordered
from primis.codec.spans import Span
from tests.codec import reference_decoder
from tests.codec.made_codes import lengths_of, made_codes
from tests.pictures import KINDS


def place_in_step(network: int) -> tuple[int, int, int]:
    """Scale, step, and place in the step, of one of the 48 networks."""
    scale, place = divmod(network, 12)
    return scale, *divmod(place, 6 if scale == 3 else 3)


def read_twice(codec: Codec, shape, bodies, unsigned_scales: int = 0) -> None:
    def network(cells, densities, place):
        inputs = bordered(cells.astype(np.int8)), densities.astype(np.float32)
        scale, step, number = place_in_step(place)
        nothing_near = np.zeros((12, *cells.shape[1:]), np.uint8)  # the decoder has its own
        return np.stack(codec.context.indices(*inputs, scale, step, nothing_near))[:, number]

    def parent_network(parents, densities, scale):
        cells = np.concatenate((np.zeros((12, *parents.shape[1:])), parents))
        return codec.context.expected(
            bordered(cells.astype(np.int8)), densities.astype(np.float32), scale
        )

    def sign_network(cells, place):
        scale, step, _ = place_in_step(place)
        everywhere = np.arange(cells[0].size) + place % 12 * cells[0].size
        around = bordered(cells.astype(np.int8))
        found = codec.context.sign_indices(around, everywhere, scale, step)
        return found.reshape(1, *cells.shape[1:])

    ours: SparseCodes = codec.unpack(shape, bodies, unsigned_scales=unsigned_scales)
    theirs = reference_decoder.decode(
        shape,
        bodies,
        network,
        parent_network,
        sign_network,
        codec.model.probabilities,
        codec.model.sign_probabilities,
        unsigned_scales=unsigned_scales,
    )
    assert (ours.step, ours.offset, ours.plane) == (theirs.step, theirs.offset, theirs.plane)
    assert ours.sparsified != theirs.plain
    assert ours.dark_sides == theirs.dark_sides
    assert ours.span.code == theirs.spans.span_code
    for name in ("values", "known"):
        for one, other in zip(getattr(ours, name), getattr(theirs, name), strict=True):
            np.testing.assert_array_equal(one, other)
    for one, other in zip(ours.coefficients(), theirs.in_steps(), strict=True):
        np.testing.assert_allclose(one, other, rtol=2**-23)  # ours are float32


@pytest.mark.parametrize("shape", [(33, 47), (64, 40), (70, 35)])
@pytest.mark.parametrize("kind", ["textured", "noise", "edge", "black"])
def test_pictures(codec: Codec, kind, shape):
    pixels = KINDS[kind](shape)
    bodies = codec.pack(codec.encode(pixels, 400), [50, 100, 248])
    for count in (1, 2, 3):
        read_twice(codec, shape, bodies[:count])


@pytest.mark.parametrize("unsigned_scales", [0, 2])
def test_codes_from_a_generator(codec: Codec, unsigned_scales):
    for seed, shape in enumerate([(32, 32), (129, 66)]):
        bodies = codec.pack(
            made_codes(shape, seed, 0.5), lengths_of(1500), unsigned_scales=unsigned_scales
        )
        read_twice(codec, shape, bodies, unsigned_scales)


@pytest.mark.parametrize("code", range(8))
def test_codes_in_spans(codec: Codec, code):
    shape = 48, 41
    codes = made_codes(shape, code, 0.5, span=Span(code))
    bodies = codec.pack(codes, lengths_of(1800))
    for count in (1, 2, 3):
        read_twice(codec, shape, bodies[:count])


@settings(max_examples=12, derandomize=True)
@given(
    st.binary(min_size=62, max_size=62),
    st.binary(min_size=40, max_size=40),
    st.sampled_from([0, 2]),
)
def test_bytes_that_nobody_wrote(codec: Codec, first, second, unsigned_scales):
    read_twice(codec, (35, 42), [first, second], unsigned_scales)
