import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from primis.errors import InputError, UsageError
from primis.images import Attributes, Image, read_image, write_image
from primis.images.raster import decode_raster, encode_png

GREY = np.arange(40 * 50, dtype=np.uint16).reshape(40, 50)
GREY8 = (GREY % 251).astype(np.uint8)


def encoded(pixels, kind="PNG", **options) -> bytes:
    picture = pixels if isinstance(pixels, Pillow.Image) else Pillow.fromarray(pixels)
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def png_claiming(rows: int, columns: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def tiff(strip: bytes, bits: int, photometric: int) -> bytes:
    """A minimal TIFF file of 40 rows and 50 columns, for what Pillow cannot write."""
    tags = {256: 50, 257: 40, 258: bits, 259: 1, 262: photometric}
    tags |= {273: 8, 277: 1, 278: 40, 279: len(strip)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    start = struct.pack("<2sHI", b"II", 42, 8 + len(strip))
    return start + strip + struct.pack("<H", len(tags)) + entries + bytes(4)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize(("pixels", "bits"), [(GREY8, 8), (GREY * 20, 16)])
def test_lossless_files_give_their_values(kind, pixels, bits):
    image = decode_raster(encoded(pixels, kind))
    assert image.bits == bits
    assert not image.attributes.lossy
    np.testing.assert_array_equal(image.pixels, pixels)


def test_webp_and_jpeg_are_read_as_grey_and_lossy_where_they_are():
    exact = decode_raster(encoded(GREY8, "WEBP", lossless=True))
    np.testing.assert_array_equal(exact.pixels, GREY8)
    assert not exact.attributes.lossy
    assert decode_raster(encoded(np.full((32, 32), 7, np.uint8), "WEBP")).attributes.lossy
    jpeg = decode_raster(encoded(GREY8, "JPEG", quality=95))
    assert jpeg.attributes == Attributes(bits=8, lossy=True)
    assert jpeg.pixels.shape == GREY8.shape


def test_tiff_of_12_bits_keeps_its_depth():
    pairs = (GREY[:, 0::2].astype(np.uint32) << 12 | GREY[:, 1::2]).astype(">u4")
    packed = pairs.view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()
    image = decode_raster(tiff(packed, bits=12, photometric=1))
    assert image.bits == 12
    np.testing.assert_array_equal(image.pixels, GREY)


@pytest.mark.parametrize(("pixels", "bits"), [(GREY8, 8), (GREY, 16)])
def test_tiff_with_white_as_zero_is_inverted_to_black_as_zero(pixels, bits):
    image = decode_raster(tiff(pixels.tobytes(), bits, photometric=0))
    assert image.bits == bits
    np.testing.assert_array_equal(image.pixels, (1 << bits) - 1 - pixels)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P"])
def test_grey_stored_as_colour_or_with_opaque_alpha_is_grey(mode):
    picture = Pillow.fromarray(GREY8).convert(mode)
    np.testing.assert_array_equal(decode_raster(encoded(picture)).pixels, GREY8)


def test_bilevel_files_become_black_and_white():
    picture = Pillow.fromarray(GREY8 > 100)
    np.testing.assert_array_equal(decode_raster(encoded(picture)).pixels, (GREY8 > 100) * 255)


def test_exif_orientation_is_applied():
    exif = Pillow.Exif()
    exif[0x0112] = 6  # turn clockwise to view
    image = decode_raster(encoded(GREY8, exif=exif))
    np.testing.assert_array_equal(image.pixels, np.rot90(GREY8, -1))


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        pytest.param(
            encoded(np.dstack([GREY8, GREY8, GREY8 // 2])), "is in colour", id="true colour"
        ),
        pytest.param(encoded(np.dstack([GREY8, GREY8])), "partly transparent", id="transparent"),
        pytest.param(
            encoded(GREY8, save_all=True, append_images=[Pillow.fromarray(255 - GREY8)]),
            "several images",
            id="animated",
        ),
        pytest.param(encoded(GREY8.astype(np.float32), "TIFF"), "unsupported type", id="float"),
        pytest.param(
            encoded(Pillow.fromarray(GREY8).convert("CMYK"), "TIFF"), "unsupported type", id="CMYK"
        ),
        pytest.param(encoded(GREY8[:31]), "31 rows", id="too small"),
        pytest.param(png_claiming(4097, 64), "4097 rows", id="too large"),
        pytest.param(png_claiming(2**31 - 1, 2**31 - 1), "larger than", id="decompression bomb"),
        pytest.param(png_claiming(4096, 4096), "is not a readable", id="no pixels inside"),
        pytest.param(encoded(GREY8)[:100], "is not a readable", id="truncated"),
        pytest.param(b"", "is not a readable", id="empty"),
        pytest.param(b"GIF89a" + bytes(99), "is not a readable", id="another kind"),
    ],
)
def test_unsupported_files_are_refused_with_the_cause(data, cause):
    with pytest.raises(InputError, match=cause):
        decode_raster(data)


def test_png_of_16_bits_in_colour_is_refused_rather_than_cut_to_8():
    data = bytearray(encoded(np.dstack([GREY8] * 3)))
    data[24] = 16
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    with pytest.raises(InputError, match="16-bit samples in colour") as caught:
        decode_raster(bytes(data))
    assert "16-bit grey-scale" in caught.value.hint


SEEDS = [encoded(GREY8), encoded(GREY8, "JPEG"), encoded(GREY, "TIFF"), encoded(GREY8, "WEBP")]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(SEEDS), st.integers(0, 4000), st.binary(max_size=8), st.booleans())
def test_an_altered_file_gives_an_image_or_an_input_error(seed, place, patch, cut):
    data = seed[:place] + patch + (b"" if cut else seed[place + len(patch) :])
    try:
        image = decode_raster(data)
    except InputError:
        return
    assert image.pixels.ndim == 2


@given(st.integers(1, 16), st.integers(0, 2**32 - 1))
def test_png_gives_a_raster_image_back_exactly(bits, seed):
    values = np.random.default_rng(seed).integers(0, 1 << bits, (32, 33))
    attributes = Attributes(bits=bits)
    pixels = values.astype(attributes.dtype)
    image = decode_raster(encode_png(pixels))
    assert image.pixels.dtype == pixels.dtype
    np.testing.assert_array_equal(image.pixels, pixels)


def test_files_of_either_kind_are_written_by_what_is_asked_and_recognised_by_content(tmp_path):
    image = Image(GREY, Attributes(bits=12))
    write_image(image, tmp_path / "picture.jpg")
    np.testing.assert_array_equal(read_image(tmp_path / "picture.jpg").pixels, GREY)
    write_image(image, tmp_path / "values", "npy")
    with (tmp_path / "values").open("rb") as file:
        np.testing.assert_array_equal(np.load(file, allow_pickle=False), GREY)
    write_image(image, tmp_path / "picture.png", "dicom")
    np.testing.assert_array_equal(read_image(tmp_path / "picture.png").pixels, GREY)
    with pytest.raises(UsageError, match="already exists"):
        write_image(image, tmp_path / "values", "npy")
