"""The image that the rest of primis works on, and the few attributes that travel with it."""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from primis.errors import DamagedFileError, InputError, UsageError

MIN_SIDE = 32
MAX_SIDE = 4096

Pixels: TypeAlias = NDArray[np.unsignedinteger[Any]]
Source: TypeAlias = Literal["raster", "dicom"]
Photometric: TypeAlias = Literal["MONOCHROME1", "MONOCHROME2"]

_VERSION = 1
_LAYOUT = struct.Struct(">BBBBB3x6f8s7s1s16s")
_SOURCES: tuple[Source, ...] = get_args(Source)
_PHOTOMETRICS: tuple[Photometric, ...] = get_args(Photometric)
_PAIRS = ("rescale", "window", "spacing")
_TEXTS = {"modality": 8, "view_position": 7, "laterality": 1, "body_part": 16}
_CODE_STRING = re.compile(r"[A-Z0-9_](?:[A-Z0-9_ ]*[A-Z0-9_])?")
_FLAGS = ("signed", "rescale", "window", "spacing", "spacing_at_imager", "lossy", "burned_in")


@dataclass(frozen=True)
class Attributes:
    """What a reconstruction needs to know besides the pixels; nothing here names a patient.

    Numbers are held to single precision, as the shortest decimal that denotes the same float32,
    so that `from_bytes(a.to_bytes()) == a`.

    Parameters
    ----------
    bits
        Meaningful bits of a stored value, 1 to 16 (DICOM Bits Stored).
    source
        Kind of the file the image came from.
    photometric
        MONOCHROME1 shows the lowest value white, MONOCHROME2 black.
    signed
        The source had Pixel Representation 1; `offset` was added to make its values unsigned.
    rescale
        Slope (not 0) and intercept from the source's stored values, which are the pixels minus
        `offset`, to modality units; None where the source had none.
    window
        Center and width (above 0), in modality units, of the DICOM LINEAR window.
    spacing
        Distance between the centres of adjacent rows and of adjacent columns, in mm, above 0.
    spacing_at_imager
        The spacing is Imager Pixel Spacing (at the detector), not Pixel Spacing (in the patient).
    lossy
        The source itself had been compressed with loss.
    burned_in
        The source declared Burned In Annotation YES.
    laterality
        R, L, U (unpaired) or B (both).
    modality, view_position, body_part
        DICOM code strings of at most 8, 7 and 16 characters out of A-Z, 0-9, underscore and
        inner space.

    Raises
    ------
    UsageError
        If a value is outside its range.
    """

    bits: int = 8
    source: Source = "raster"
    photometric: Photometric = "MONOCHROME2"
    signed: bool = False
    rescale: tuple[float, float] | None = None
    window: tuple[float, float] | None = None
    spacing: tuple[float, float] | None = None
    spacing_at_imager: bool = False
    lossy: bool = False
    burned_in: bool = False
    modality: str | None = None
    view_position: str | None = None
    laterality: str | None = None
    body_part: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= 16:
            raise UsageError(f"bits must be 1 to 16, not {self.bits}")
        if self.source not in _SOURCES or self.photometric not in _PHOTOMETRICS:
            raise UsageError("source or photometric interpretation is not a known one")
        for name in _PAIRS:
            if (pair := getattr(self, name)) is not None:
                object.__setattr__(self, name, (_single(pair[0]), _single(pair[1])))
        if not all(math.isfinite(value) for name in _PAIRS for value in getattr(self, name) or ()):
            raise UsageError("rescale, window and spacing must be finite in single precision")
        if self.rescale and self.rescale[0] == 0:
            raise UsageError("the rescale slope must not be 0")
        if self.window and self.window[1] <= 0:
            raise UsageError("the window width must be above 0")
        if self.spacing and min(self.spacing) <= 0:
            raise UsageError("the pixel spacing must be above 0")
        if self.spacing_at_imager and not self.spacing:
            raise UsageError("spacing_at_imager needs a spacing")
        if self.laterality not in (None, "R", "L", "U", "B"):
            raise UsageError("laterality must be R, L, U or B")
        for name, limit in _TEXTS.items():
            text = getattr(self, name)
            if text is not None and not (len(text) <= limit and _CODE_STRING.fullmatch(text)):
                raise UsageError(f"{name} is not a code string of at most {limit} characters")

    @property
    def offset(self) -> int:
        """Pixel value minus the source's stored value: 2**(bits - 1) if it was signed, else 0."""
        return 1 << self.bits - 1 if self.signed else 0

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger[Any]]:
        """Type of the pixels: uint8 up to 8 bits, uint16 above."""
        return np.dtype(np.uint8 if self.bits <= 8 else np.uint16)

    def to_bytes(self) -> bytes:
        """Encode as exactly 64 bytes, one encoding per value, integers and floats big-endian.

        ====== ==== ===========================================================================
        offset size content
        ====== ==== ===========================================================================
        0      1    layout version, 1
        1      1    source: 0 raster, 1 DICOM
        2      1    bits, 1 to 16
        3      1    photometric interpretation: 0 MONOCHROME1, 1 MONOCHROME2
        4      1    flags, from the lowest bit: signed, rescale present, window present, spacing
                    present, spacing at imager, lossy, burned in; highest bit 0
        5      3    zero
        8      8    rescale slope, rescale intercept (float32 each; zero if absent)
        16     8    window center, window width (likewise)
        24     8    row spacing, column spacing in mm (likewise)
        32     8    modality: ASCII, padded with zero bytes; all zero if absent
        40     7    view position (likewise)
        47     1    laterality (likewise)
        48     16   body part (likewise)
        ====== ==== ===========================================================================
        """
        flags = sum(bool(getattr(self, name)) << place for place, name in enumerate(_FLAGS))
        return _LAYOUT.pack(
            _VERSION,
            _SOURCES.index(self.source),
            self.bits,
            _PHOTOMETRICS.index(self.photometric),
            flags,
            *(value for name in _PAIRS for value in getattr(self, name) or (0.0, 0.0)),
            *((getattr(self, name) or "").encode("ascii") for name in _TEXTS),
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Attributes:
        """Decode what `to_bytes` wrote.

        Raises
        ------
        DamagedFileError
            If `data` is not exactly what `to_bytes` gives for some value.
        """
        if len(data) != _LAYOUT.size:
            raise DamagedFileError(f"image attributes take {_LAYOUT.size} bytes, not {len(data)}")
        version, source, bits, photometric, flags, *rest = _LAYOUT.unpack(data)
        if version != _VERSION:
            raise DamagedFileError(
                f"image attributes have layout version {version}, not {_VERSION}",
                hint="install a newer release of primis",
            )
        values: dict[str, Any] = {
            name: bool(flags >> place & 1) for place, name in enumerate(_FLAGS)
        }
        for place, name in enumerate(_PAIRS):
            values[name] = tuple(rest[2 * place : 2 * place + 2]) if values[name] else None
        try:
            for name, raw in zip(_TEXTS, rest[6:], strict=True):
                values[name] = raw.rstrip(b"\0").decode("ascii") or None
            attributes = cls(
                bits=bits,
                source=_SOURCES[source],
                photometric=_PHOTOMETRICS[photometric],
                **values,
            )
        except (IndexError, UnicodeDecodeError, UsageError) as error:
            raise DamagedFileError("image attributes hold an invalid value") from error
        if attributes.to_bytes() != data:
            raise DamagedFileError("image attributes are not in canonical form")
        return attributes


@dataclass(frozen=True, eq=False)
class Image:
    """A grey-scale image.

    Parameters
    ----------
    pixels
        Stored values, shape (rows, columns), C-contiguous, uint8 if `attributes.bits` <= 8 and
        uint16 above, each below 2**bits.
    attributes
        What else a reconstruction needs.

    Raises
    ------
    UsageError
        If the pixels are not of that form.
    """

    pixels: Pixels
    attributes: Attributes

    def __post_init__(self) -> None:
        pixels, bits = self.pixels, self.bits
        if pixels.ndim != 2 or pixels.size == 0:
            raise UsageError(f"pixels must have shape (rows, columns), not {pixels.shape}")
        if pixels.dtype != self.attributes.dtype or not pixels.flags.c_contiguous:
            raise UsageError(f"pixels of {bits} bits must be contiguous, 8- or 16-bit unsigned")
        if int(pixels.max()) >> bits:
            raise UsageError(f"a pixel value does not fit {bits} bits")

    @property
    def bits(self) -> int:
        """Meaningful bits of a pixel."""
        return self.attributes.bits


def check_size(name: str, rows: int, columns: int) -> None:
    """Refuse an image that is too small or too large, before its pixels take any memory.

    Raises
    ------
    InputError
        If a side is outside 32 to 4096.
    """
    if not (MIN_SIDE <= rows <= MAX_SIDE and MIN_SIDE <= columns <= MAX_SIDE):
        raise InputError(
            f"{name} has {rows} rows and {columns} columns; each must be {MIN_SIDE} to {MAX_SIDE}"
        )


def _single(value: float) -> float:
    """Round to float32, as its shortest decimal; never minus zero."""
    with np.errstate(over="ignore"):
        return float(str(np.float32(value))) + 0.0
