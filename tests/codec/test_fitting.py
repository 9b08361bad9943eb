"""Images are coded again where planes end too far from where levels do, and better so."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from primis.codec import bitstream, fitting
from primis.codec import codec as codec_module
from primis.codec.codec import Codec
from primis.codec.codes import SparseCodes
from primis.codec.fitting import encode_levels
from primis.evaluate import psnr
from tests.pictures import clouds

PIXELS = clouds((192, 192))


@pytest.fixture
def coded(monkeypatch) -> list[SparseCodes]:
    """Codes of all levels, as they are made."""
    made = []
    encode = Codec.encode

    def noted(self: Codec, pixels: codec_module.Pixels, budget: int, **options) -> SparseCodes:
        codes = encode(self, pixels, budget, **options)
        if options.get("lowest_level"):
            made.append(codes)
        return codes

    monkeypatch.setattr(Codec, "encode", noted)
    return made


def behind(codec: Codec, codes: SparseCodes, lengths: Sequence[int], first: SparseCodes) -> float:
    """Return how far (dB) the worst level is behind: a file of its own, full the first coding."""
    bodies = codec.pack(codes, list(lengths))
    sizes = [bitstream.usable_length(0, sum(lengths[: count + 1])) for count in (0, 1)]
    alone = [codec.pack(codec.encode(PIXELS, size), [size]) for size in sizes]
    alone.append(codec.pack(first, list(lengths)))

    def quality(held: list[bytes]) -> float:
        return psnr(PIXELS, codec.decode_exactly(codec.unpack(PIXELS.shape, held)), 255)

    return max(quality(alone[level]) - quality(bodies[: level + 1]) for level in range(3))


def test_an_image_is_coded_again_where_a_plane_takes_more_than_the_lowest_level_has(
    codec: Codec, monkeypatch
):
    lengths = [142, 1000, 2000]

    def too_far(codes: SparseCodes) -> bool:
        bits = bitstream.encode(codes, lengths, codec.context).bits
        return fitting._taken(codes.span, bits, 8 * lengths[0]) > fitting._TOO_FAR

    monkeypatch.setattr(codec_module, "_BEYOND", 1.7)  # as if prices were far too high
    once = codec.encode(PIXELS, sum(lengths), lowest_level=lengths[0])
    codes, levels = encode_levels(codec, PIXELS, lengths)
    assert too_far(once)
    assert not too_far(codes)
    assert codes.span.steps > once.span.steps
    assert levels == codec.pack(codes, lengths)


def test_larger_steps_are_tried_until_no_level_is_far_behind_a_file_of_its_own(
    codec: Codec, coded: list[SparseCodes], monkeypatch
):
    monkeypatch.setattr(fitting, "_BEHIND", 0.2)
    encode_levels(codec, PIXELS, [142, 500, 1300])
    assert len(coded) == 1
    for lengths, steps in (([142, 400, 1400], 2), ([142, 400, 1500], 4)):
        coded.clear()
        codes, levels = encode_levels(codec, PIXELS, lengths)
        first, *_, last = coded
        assert codes is last
        assert levels == codec.pack(codes, lengths)
        assert len({one.step for one in coded}) == steps
        assert behind(codec, last, lengths, first) <= 0.2 < behind(codec, first, lengths, first)


def test_steps_that_bring_levels_no_nearer_are_not_kept(
    codec: Codec, coded: list[SparseCodes], monkeypatch
):
    monkeypatch.setattr(fitting, "_BEHIND", 0.1)
    codes, _ = encode_levels(codec, PIXELS, lengths := [142, 400, 1400])
    tried = list(coded)
    assert len({one.step for one in tried}) == 5
    worst = [behind(codec, one, lengths, tried[0]) for one in tried]
    assert codes is tried[int(np.argmin(worst))]
    assert 0.1 < min(worst) < worst[0]
