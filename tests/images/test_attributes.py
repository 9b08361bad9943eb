import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from primis.errors import DamagedFileError, UsageError
from primis.images import Attributes, Image

finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
positive = st.floats(min_value=2**-100, max_value=2.0**100, width=32)


def code_strings(limit: int):
    return st.none() | st.from_regex(r"[A-Z0-9_]([A-Z0-9_ ]*[A-Z0-9_])?", fullmatch=True).filter(
        lambda text: len(text) <= limit
    )


attributes = st.builds(
    Attributes,
    bits=st.integers(1, 16),
    source=st.sampled_from(["raster", "dicom"]),
    photometric=st.sampled_from(["MONOCHROME1", "MONOCHROME2"]),
    signed=st.booleans(),
    rescale=st.none() | st.tuples(positive, finite),
    window=st.none() | st.tuples(finite, positive),
    spacing=st.tuples(positive, positive),  # without which none can be at the imager
    spacing_at_imager=st.booleans(),
    lossy=st.booleans(),
    burned_in=st.booleans(),
    laterality=st.sampled_from([None, "R", "L", "U", "B"]),
    modality=code_strings(8),
    view_position=code_strings(7),
    body_part=code_strings(16),
)

CHEST = Attributes(
    bits=15,
    source="dicom",
    photometric="MONOCHROME1",
    signed=True,
    rescale=(0.5, -1024),
    window=(15000, 30000),
    spacing=(0.143, 0.143),
    spacing_at_imager=True,
    laterality="L",
    modality="CR",
    view_position="PA",
    body_part="CHEST",
)


@given(attributes)
def test_attributes_come_back_from_their_64_bytes(value):
    data = value.to_bytes()
    assert len(data) == 64
    assert Attributes.from_bytes(data) == value


@given(st.binary(max_size=80) | st.binary(min_size=63, max_size=63).map(lambda b: b"\1" + b))
def test_any_bytes_are_attributes_in_canonical_form_or_damaged(data):
    try:
        value = Attributes.from_bytes(data)
    except DamagedFileError:
        return
    assert value.to_bytes() == data


@given(attributes, st.integers(0, 63), st.integers(0, 255))
def test_one_altered_byte_gives_other_attributes_or_damaged(value, place, byte):
    data = bytearray(value.to_bytes())
    data[place] = byte
    try:
        altered = Attributes.from_bytes(bytes(data))
    except DamagedFileError:
        return
    assert altered.to_bytes() == data


def test_the_layout_is_the_documented_one():
    expected = (
        bytes([1, 1, 15, 0, 0b0011111, 0, 0, 0])
        + struct.pack(">6f", 0.5, -1024, 15000, 30000, 0.143, 0.143)
        + b"CR".ljust(8, b"\0")
        + b"PA".ljust(7, b"\0")
        + b"L"
        + b"CHEST".ljust(16, b"\0")
    )
    assert CHEST.to_bytes() == expected


def test_default_attributes_have_a_golden_encoding():
    assert Attributes().to_bytes() == bytes([1, 0, 8, 1]) + bytes(60)


@pytest.mark.parametrize(
    ("place", "replacement"),
    [
        pytest.param(0, b"\2", id="unknown layout version"),
        pytest.param(1, b"\2", id="unknown source"),
        pytest.param(2, b"\0", id="no bits"),
        pytest.param(2, b"\x11", id="17 bits"),
        pytest.param(3, b"\2", id="unknown photometric interpretation"),
        pytest.param(4, b"\x9f", id="unknown flag"),
        pytest.param(4, b"\x1d", id="rescale given but flagged absent"),
        pytest.param(4, b"\x17", id="imager spacing without spacing"),
        pytest.param(5, b"\1", id="reserved byte not zero"),
        pytest.param(8, bytes(4), id="slope 0"),
        pytest.param(12, b"\x80\0\0\0", id="minus zero"),
        pytest.param(16, b"\x7f\xc0\0\0", id="not a number"),
        pytest.param(16, b"\x7f\x80\0\0", id="infinite"),
        pytest.param(20, b"\xc6\xea\x60\0", id="negative width"),
        pytest.param(24, bytes(4), id="spacing 0"),
        pytest.param(32, b"cr", id="lower case"),
        pytest.param(32, b"C\0R", id="padding inside"),
        pytest.param(32, b" CR", id="leading space"),
        pytest.param(32, b"CR ", id="trailing space"),
        pytest.param(32, b"\xc3\x84", id="not ASCII"),
        pytest.param(47, b"X", id="unknown laterality"),
    ],
)
def test_damaged_attributes_are_refused(place, replacement):
    data = bytearray(CHEST.to_bytes())
    data[place : place + len(replacement)] = replacement
    with pytest.raises(DamagedFileError):
        Attributes.from_bytes(bytes(data))


def test_numbers_come_back_as_the_short_decimals_that_they_were():
    value = Attributes.from_bytes(CHEST.to_bytes())
    assert value.spacing == (0.143, 0.143)
    assert Attributes(rescale=(1, -0.0)).to_bytes() == Attributes(rescale=(1, 0.0)).to_bytes()


@pytest.mark.parametrize(
    "change",
    [
        {"bits": 0},
        {"bits": 17},
        {"source": "film"},
        {"photometric": "RGB"},
        {"rescale": (0, 1)},
        {"window": (0, 0)},
        {"window": (float("nan"), 1)},
        {"spacing": (1, 1e99)},
        {"spacing": (1e-99, 1)},
        {"spacing_at_imager": True},
        {"laterality": "X"},
        {"modality": "TOO LONG BY FAR"},
        {"body_part": ""},
        {"body_part": "Brust"},
    ],
    ids=str,
)
def test_attributes_out_of_range_cannot_be_made(change):
    with pytest.raises(UsageError):
        Attributes(**change)


@pytest.mark.parametrize(
    ("pixels", "bits"),
    [
        pytest.param(np.zeros((4, 4), np.uint16), 8, id="16-bit array of 8 bits"),
        pytest.param(np.zeros((4, 4), np.uint8), 9, id="8-bit array of 9 bits"),
        pytest.param(np.zeros((4, 4), np.int16), 16, id="signed"),
        pytest.param(np.zeros((4, 4, 1), np.uint8), 8, id="three axes"),
        pytest.param(np.zeros((0, 4), np.uint8), 8, id="no rows"),
        pytest.param(np.zeros((4, 8), np.uint8)[:, ::2], 8, id="not contiguous"),
        pytest.param(np.full((4, 4), 4096, np.uint16), 12, id="value of 13 bits"),
    ],
)
def test_an_image_refuses_pixels_that_its_attributes_do_not_describe(pixels, bits):
    with pytest.raises(UsageError):
        Image(pixels, Attributes(bits=bits))
