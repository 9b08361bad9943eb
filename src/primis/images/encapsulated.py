"""Compressed pixel streams inside DICOM: their size is checked before a decoder may allocate."""

from __future__ import annotations

import struct
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

_DECODERS = {
    "1.2.840.10008.1.2.4.50": imagecodecs.jpeg_decode,  # JPEG Baseline
    "1.2.840.10008.1.2.4.51": imagecodecs.jpeg_decode,  # JPEG Extended
    "1.2.840.10008.1.2.4.57": imagecodecs.jpeg_decode,  # JPEG Lossless
    "1.2.840.10008.1.2.4.70": imagecodecs.jpeg_decode,  # JPEG Lossless, first-order prediction
    "1.2.840.10008.1.2.4.80": imagecodecs.jpegls_decode,  # JPEG-LS Lossless
    "1.2.840.10008.1.2.4.81": imagecodecs.jpegls_decode,  # JPEG-LS Near-Lossless
    "1.2.840.10008.1.2.4.90": imagecodecs.jpeg2k_decode,  # JPEG 2000 Lossless Only
    "1.2.840.10008.1.2.4.91": imagecodecs.jpeg2k_decode,  # JPEG 2000
    "1.2.840.10008.1.2.4.201": imagecodecs.jpeg2k_decode,  # High-Throughput JPEG 2000 Lossless
    "1.2.840.10008.1.2.4.202": imagecodecs.jpeg2k_decode,  # the same with resolution order
    "1.2.840.10008.1.2.4.203": imagecodecs.jpeg2k_decode,  # High-Throughput JPEG 2000
}
_J2K_START = b"\xff\x4f\xff\x51"
_JPEG_START = b"\xff\xd8"
_JPEG_FRAME_MARKERS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}


def can_decode(transfer_syntax: str) -> bool:
    """Whether `decode_stream` knows the transfer syntax UID."""
    return transfer_syntax in _DECODERS


def decode_stream(transfer_syntax: str, stream: bytes, rows: int, columns: int) -> NDArray[Any]:
    """Decode one grey-scale frame.

    Returns
    -------
    Integer array of shape (rows, columns).

    Raises
    ------
    ValueError
        If the stream claims another shape than the given one. Its decoder may raise others.
    """
    claimed = stream_shape(stream)
    if claimed != (rows, columns, 1):
        raise ValueError(f"the stream claims rows, columns, components {claimed}")
    return np.asarray(_DECODERS[transfer_syntax](stream))


def stream_shape(stream: bytes) -> tuple[int, int, int]:
    """Rows, columns and components of a JPEG, JPEG-LS or raw JPEG 2000 stream, by its header.

    Sources: ITU-T T.81 annex B, T.87 annex C, T.800 annex A.

    Raises
    ------
    ValueError
        If it is none of these, or ends before its header does.
    """
    try:
        if stream.startswith(_J2K_START):
            right, bottom, left, top = struct.unpack_from(">4I", stream, 8)
            (components,) = struct.unpack_from(">H", stream, 40)
            return bottom - top, right - left, components
        if stream.startswith(_JPEG_START):
            return _jpeg_shape(stream)
    except (struct.error, IndexError) as error:
        raise ValueError("the compressed stream is truncated") from error
    raise ValueError("the compressed stream is neither JPEG nor raw JPEG 2000")


def _jpeg_shape(stream: bytes) -> tuple[int, int, int]:
    place = len(_JPEG_START)
    while True:
        if stream[place] != 0xFF:
            raise ValueError("the JPEG stream has no frame header")
        marker = stream[place + 1]
        if marker == 0xFF:  # fill byte
            place += 1
        elif marker in _JPEG_FRAME_MARKERS:
            rows, columns, components = struct.unpack_from(">HHB", stream, place + 5)
            return rows, columns, components
        else:
            place += 2 + struct.unpack_from(">H", stream, place + 2)[0]
