import numpy as np
import pytest
from PIL import Image as Pillow

from primis.codec import bitstream
from primis.codec.codec import Codec
from primis.evaluate.codes import (
    body_lengths,
    evaluate_codes,
    known_until,
    measure_codes,
    only_plane,
    only_scale,
)
from primis.evaluate.metrics import psnr
from primis.study.dataset import read_pixels
from primis.study.renditions import FULL, Renditions
from primis.study.workspace import Workspace
from tests.pictures import textured


@pytest.fixture(scope="module")
def codes():
    return Codec.default(threads=1).encode(textured((64, 80)), 2000)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return Workspace(tmp_path_factory.mktemp("out"))


@pytest.fixture(scope="module")
def renditions(workspace):
    return Renditions(2.0, workspace.cache)


def test_the_codes_of_all_planes_add_up_to_the_coefficients(codes):
    for scale, band in enumerate(codes.values):
        total = sum(only_plane(codes, plane).values[scale] for plane in range(codes.planes))
        assert np.array_equal(total, band)


def test_one_scale_alone_has_nothing_of_the_others(codes):
    alone = only_scale(codes, 1)
    assert np.array_equal(alone.values[1], codes.values[1])
    assert not any(band.any() for scale, band in enumerate(alone.values) if scale != 1)


def test_what_comes_later_is_forgotten(codes):
    cut = known_until(codes, 3, 1)
    assert (np.abs(cut.values[1]) == np.abs(codes.values[1]) >> 3 << 3).all()
    assert (np.abs(cut.values[0]) == np.abs(codes.values[0]) >> 4 << 4).all()
    assert cut.known[1].all()
    assert not cut.known[0].any()


def test_a_file_cut_at_a_plane_is_decoded_like_codes_cut_there(codes):
    """The decoder's own view of a short stream is the reference."""
    codec = Codec.default(threads=1)
    (body,) = codec.pack(codes, [bitstream.usable_length(0, 500)])
    read = codec.unpack((64, 80), [body])
    scale = max(scale for scale, known in enumerate(read.known) if not known.all())
    cut = known_until(codes, read.plane, scale + 1)
    for read_band, band in zip(read.values[scale + 1 :], cut.values[scale + 1 :], strict=True):
        assert np.array_equal(read_band, band)


def test_bits_are_those_of_the_entropy_coder(dataset, renditions):
    case = dataset.split("test")[0]
    pixels, lengths = read_pixels(case), body_lengths(renditions.public_file(case))
    rows = measure_codes(pixels, lengths)
    held = [row for row in rows if row["carried"]["full"] == 1]
    assert sum(row["bits"] for row in held) <= 8 * sum(lengths)
    assert sum(row["bits"] for row in rows) >= 0.8 * 8 * sum(lengths)


def test_quality_grows_to_that_of_level_full(dataset, renditions):
    case = dataset.split("test")[0]
    rows = measure_codes(read_pixels(case), body_lengths(renditions.public_file(case)))
    full = psnr(read_pixels(case), renditions.pixels(case, FULL), 255)
    held = [row["psnr"] for row in rows if row["carried"]["full"] == 1]
    assert rows[0]["psnr"] < full - 10
    assert held[-1] - 0.2 < full < rows[-1]["psnr"] + 0.2
    assert rows[-1]["psnr"] == pytest.approx(
        rows[0]["psnr"] + sum(row["gain"] for row in rows[1:]), abs=1e-6
    )


def test_a_higher_level_carries_more_of_every_code(dataset, renditions, workspace):
    rows = evaluate_codes(dataset, renditions, workspace)["rows"]
    assert len(rows) > 10
    for row in rows:
        carried = row["carried"]
        assert 0 <= carried["preview"] <= carried["diagnostic"] <= carried["full"] <= 1


def test_pictures_of_the_codes_are_written(dataset, renditions, workspace):
    result = evaluate_codes(
        dataset, renditions, workspace, images=1, pictures=workspace.folder / "pictures"
    )
    assert set(result["pictures"]) == {"alone", "together", "scales"}
    for files in result["pictures"].values():
        for file in files.values():
            with Pillow.open(workspace.folder / file) as image:
                assert image.size == (80, 64)
