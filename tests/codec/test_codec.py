from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from primis.codec.bitstream import MAX_PLANES, measure
from primis.codec.codec import SPARE_PLANES, Codec
from primis.codec.codes import SparseCodes
from tests.codec.made_codes import lengths_of, made_codes
from tests.pictures import KINDS, edge, psnr, ramp, smooth, textured

LENGTHS = [122, 364, 484]


def through_bytes(codec: Codec, pixels, lengths, bits: int = 8):
    bodies = codec.pack(codec.encode(pixels, sum(lengths)), lengths)
    return codec.decode(codec.unpack(pixels.shape, bodies), bits)


@pytest.mark.parametrize("shape", [(32, 32), (33, 71), (96, 80)])
def test_a_smooth_picture_survives_well(codec: Codec, shape):
    pixels = smooth(shape)
    result = through_bytes(codec, pixels, LENGTHS)
    assert result.dtype == np.uint8
    assert psnr(result, pixels) > 30


def test_higher_levels_are_better(codec: Codec):
    by_level = []
    for seed in range(4):
        pixels = textured((96, 112), seed=seed)
        bodies = codec.pack(codec.encode(pixels, sum(LENGTHS)), LENGTHS)
        by_level.append(
            [psnr(codec.decode(codec.unpack((96, 112), bodies[:n]), 8), pixels) for n in (1, 2, 3)]
        )
    preview, diagnostic, full = np.mean(by_level, axis=0)
    assert 15 < preview < diagnostic < full


def test_sixteen_bits_get_better_with_every_byte(codec: Codec):
    pixels = smooth((64, 64), 16)
    qualities = [
        psnr(through_bytes(codec, pixels, [50, 100, size], 16), pixels, 16)
        for size in (152, 400, 1000, 2400, 6000)
    ]
    assert qualities == sorted(qualities)
    assert qualities[-1] > qualities[0] + 20


def test_enough_bytes_give_the_pixels_back_almost(codec: Codec):
    for kind in KINDS.values():
        pixels = kind((40, 40))
        result = through_bytes(codec, pixels, [50, 100, 12000])
        assert np.abs(result.astype(int) - pixels).max() <= 1


@pytest.mark.parametrize("kind", ["smooth", "textured", "noise"])
@pytest.mark.parametrize("sparsified", [True, False])
def test_a_plane_ends_where_the_bytes_of_a_high_rate_do(codec: Codec, kind, sparsified):
    def share(budget: int, *, refine: bool) -> float:
        codes = codec.encode(pixels, budget, sparsified=sparsified, refine=refine)
        coarse = measure(codes, codec.context, lowest=SPARE_PLANES)
        return float(coarse.bits.sum()) / 8 / budget

    pixels = KINDS[kind]((128, 160))
    rates = [pixels.size // 8, pixels.size // 4]
    refined = [share(budget, refine=True) for budget in rates]
    assert refined == pytest.approx([1.0] * 2, abs=0.025)
    assert any(abs(share(budget, refine=False) - 1.0) > 0.025 for budget in rates)


def test_hard_edges_at_a_high_rate_are_coded_without_the_sparsifier(codec: Codec):
    assert not codec.encode(edge((96, 80)), 6000).sparsified
    assert codec.encode(edge((96, 80)), 300).sparsified
    assert psnr(through_bytes(codec, edge((96, 80)), [122, 364, 5500]), edge((96, 80))) > 100


@pytest.mark.parametrize("kind", KINDS)
def test_magnitudes_fit_their_planes_at_any_rate(codec: Codec, kind):
    for bits in (8, 16):
        pixels = KINDS[kind]((100, 260), bits)
        for budget in (10, 10**6):
            codes = codec.encode(pixels, budget)
            assert codes.planes <= MAX_PLANES
            assert all(band.dtype == np.int32 for band in codes.values)


def test_a_steep_ramp_of_sixteen_bits_fits_its_planes(codec: Codec):
    assert codec.encode(ramp((512, 512), 16), 512 * 512).planes <= MAX_PLANES


def test_codes_are_sums_of_sparse_ternary_codes(codec: Codec):
    codes = codec.encode(textured((64, 64)), 1000)
    totals = [np.zeros_like(band) for band in codes.values]
    for plane, code in zip(reversed(range(codes.planes)), codes.codes(), strict=True):
        for total, part in zip(totals, code, strict=True):
            assert set(np.unique(part)) <= {-1, 0, 1}
            total += part.astype(np.int32) << plane
    for total, band in zip(totals, codes.values, strict=True):
        np.testing.assert_array_equal(total, band)


def test_threads_change_neither_bytes_nor_codes(codec: Codec):
    other = Codec(codec.model, threads=2)
    codes = made_codes((150, 130), 5)
    bodies = codec.pack(codes, lengths_of(2000))
    assert other.pack(codes, lengths_of(2000)) == bodies
    assert digest(other.unpack((150, 130), bodies)) == digest(codec.unpack((150, 130), bodies))


def test_bytes_of_one_process_are_read_alike_in_another(codec: Codec):
    pixels = textured((90, 110))
    bodies = codec.pack(codec.encode(pixels, sum(LENGTHS)), LENGTHS)
    program = (
        "import sys, tests.codec.test_codec as t; from primis.codec.codec import Codec\n"
        "bodies = [bytes.fromhex(a) for a in sys.argv[1:]]\n"
        "print(t.digest(Codec.default(2).unpack((90, 110), bodies)))"
    )
    # sys.path of this process also leads to this module and what it imports
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", program, *(body.hex() for body in bodies)],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert done.stdout.strip() == digest(codec.unpack((90, 110), bodies))


def digest(codes: SparseCodes) -> str:
    parts = [np.ascontiguousarray(band).tobytes() for band in (*codes.values, *codes.known)]
    return hashlib.sha256(b"".join(parts) + bytes([codes.plane])).hexdigest()
