"""What the bytes of each access level hold: image attributes, code streams, the exact original."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import imagecodecs
import numpy as np

from primis.codec import bitstream
from primis.codec.codec import Codec
from primis.codec.codes import SparseCodes
from primis.codec.fitting import encode_levels
from primis.errors import DamagedFileError
from primis.images.image import MAX_SIDE, MIN_SIDE, Attributes, Image, Pixels

CODED_LEVELS = 3
"""Levels that hold codes: preview, diagnostic, full."""

# Of the code bytes, up to and including each level: where bit-planes end in most images, for a
# picture is worse when its bytes end in the middle of one.
_SHARES = (17 / 128, 62 / 128, 1.0)
_NOTES_LENGTH = 64
_ORIGINAL_GRAIN = 16  # the level `original` is padded to sixteenths of the raw pixels
_DIGEST_LENGTH = 32


def body_lengths(available: int) -> list[int]:
    """Split ``available`` bytes among preview, diagnostic and full.

    The shares are fixed; a level too short to hold anything is made as long as it must be, at the
    expense of those above it.
    """
    least = [bitstream.minimum_length(level) for level in range(CODED_LEVELS)]
    least[0] += 1 + _NOTES_LENGTH
    lengths: list[int] = []
    for share, minimum in zip(_SHARES, least, strict=True):
        lengths.append(max(minimum, int(available * share) - sum(lengths)))
    return [lengths[0], *(bitstream.usable_length(level, lengths[level]) for level in (1, 2))]


def write_levels(
    codec: Codec, image: Image, lengths: Sequence[int], *, unsigned_scales: int = 0
) -> tuple[SparseCodes, list[bytes]]:
    """Code an image into bodies of exactly ``lengths`` bytes.

    The first body starts with the length (1 byte) of the image's attributes and those of
    `Attributes.to_bytes` without trailing zeros; at most three zero bytes fill it up behind the
    codes. The others are codes alone.

    Returns
    -------
    SparseCodes
        All codes of the image, including what did not fit.
    list of bytes
        The bodies.
    """
    notes = image.attributes.to_bytes().rstrip(b"\0")
    notes = bytes([len(notes)]) + notes
    usable = bitstream.usable_length(0, lengths[0] - len(notes))
    codes, (first, *rest) = encode_levels(
        codec, image.pixels, [usable, *lengths[1:]], unsigned_scales=unsigned_scales
    )
    return codes, [(notes + first).ljust(lengths[0], b"\0"), *rest]


def read_levels(
    codec: Codec, shape: tuple[int, int], bodies: Sequence[bytes], *, unsigned_scales: int = 0
) -> tuple[Attributes, SparseCodes]:
    """Read the attributes of an image of ``shape`` and the codes that its lowest levels hold.

    Raises
    ------
    DamagedFileError
        If the bodies are not such as `write_levels` writes.
    """
    first, *rest = bodies
    attributes, coded = _split(first, shape)
    return attributes, codec.unpack(shape, [coded, *rest], unsigned_scales=unsigned_scales)


def read_attributes(first: bytes, shape: tuple[int, int]) -> Attributes:
    """Read the attributes of an image of ``shape`` from its lowest body, leaving its codes alone.

    Raises
    ------
    DamagedFileError
        As `read_levels`.
    """
    return _split(first, shape)[0]


def _split(first: bytes, shape: tuple[int, int]) -> tuple[Attributes, bytes]:
    """Part the lowest body into attributes and code bytes."""
    length = first[0] if first else _NOTES_LENGTH + 1
    notes, coded = first[1 : 1 + length], first[1 + length :]
    if length > _NOTES_LENGTH or notes.endswith(b"\0"):
        raise DamagedFileError("the image attributes are not written as primis writes them")
    usable = bitstream.usable_length(0, len(coded))
    if usable < bitstream.minimum_length(0) or any(coded[usable:]):
        raise DamagedFileError("the lowest level does not have the length of its content")
    attributes = Attributes.from_bytes(notes.ljust(_NOTES_LENGTH, b"\0"))
    if not all(MIN_SIDE <= side <= MAX_SIDE for side in shape):
        raise DamagedFileError(f"an image of {shape[0]} x {shape[1]} pixels is outside the limits")
    return attributes, coded[:usable]


def write_original(pixels: Pixels) -> bytes:
    """Code the exact pixels: SHA-256 of them (raster order, big-endian), JPEG XL, zeros.

    Zeros fill it up to a multiple of a sixteenth of the raw pixels, so that the length says
    little about the content.
    """
    coded = imagecodecs.jpegxl_encode(pixels, lossless=True, effort=5)
    body = _digest(pixels) + len(coded).to_bytes(4, "big") + coded
    return body.ljust(_filled_length(len(body), pixels.nbytes), b"\0")


def read_original(body: bytes, attributes: Attributes, shape: tuple[int, int]) -> Pixels:
    """Return the exact pixels from what `write_original` wrote.

    Raises
    ------
    DamagedFileError
        If they do not decode to the digest written beside them, or something is behind them.
    """
    start = _DIGEST_LENGTH + 4
    end = start + int.from_bytes(body[_DIGEST_LENGTH:start], "big")
    raw = shape[0] * shape[1] * attributes.dtype.itemsize
    if len(body) != _filled_length(end, raw) or any(body[end:]):
        raise DamagedFileError("the level original does not have the length of its content")
    try:
        pixels = np.asarray(imagecodecs.jpegxl_decode(body[start:end]))
    except Exception as error:  # the decoder's own error class differs between releases
        raise DamagedFileError("the original does not decode") from error
    if (
        pixels.shape != shape
        or pixels.dtype != attributes.dtype
        or _digest(pixels) != body[:_DIGEST_LENGTH]
    ):
        raise DamagedFileError("the original does not decode to the pixels it was made from")
    return pixels


def _filled_length(length: int, raw: int) -> int:
    grain = -(-raw // _ORIGINAL_GRAIN)
    return -(-length // grain) * grain


def _digest(pixels: Pixels) -> bytes:
    return hashlib.sha256(pixels.astype(pixels.dtype.newbyteorder(">")).tobytes()).digest()
