"""Grey-scale PNG, JPEG, TIFF and WebP in; PNG and NumPy out."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from primis.errors import InputError, PrimisError
from primis.images.image import Attributes, Image, Pixels, check_size

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP")
_TIFF_BITS_PER_SAMPLE = 258
_TIFF_PHOTOMETRIC = 262


def decode_raster(data: bytes, name: str = "the image", *, indices: bool = False) -> Image:
    """Decode a PNG, JPEG, TIFF or WebP file, recognised by its content.

    Grey-scale stored as colour (equal red, green and blue) and an opaque alpha channel are
    accepted; EXIF orientation is applied. `bits` is 8 for 8-bit files and 16 for 16-bit ones
    (12 for 12-bit TIFF).

    Parameters
    ----------
    data
        Content of the file.
    name
        What messages call it.
    indices
        Of an image with a palette, take the indices for the pixels, not the colours: for masks.

    Raises
    ------
    InputError
        If the file is unreadable, in colour, partly transparent, animated, of more than 16 bits,
        or has a side outside 32 to 4096.
    """
    from PIL import Image as Pillow
    from PIL import ImageOps

    try:
        with (
            warnings.catch_warnings(action="ignore"),
            Pillow.open(io.BytesIO(data), formats=_FORMATS) as picture,
        ):
            check_size(name, picture.height, picture.width)
            _refuse_unsupported(name, picture, data)
            bits, invert = _sample_format(picture)
            lossy = (
                picture.format == "JPEG"
                or (picture.format == "WEBP" and data[12:16] != b"VP8L")
                or picture.info.get("compression") == "jpeg"  # inside TIFF
            )
            upright = ImageOps.exif_transpose(picture)
            pixels = np.array(upright) if indices and upright.mode == "P" else _grey(name, upright)
    except Pillow.DecompressionBombError as error:
        raise InputError(f"{name} is larger than 4096 x 4096") from error
    except PrimisError:
        raise
    except Exception as error:  # decoders of hostile files raise nearly anything
        raise InputError(
            f"{name} is not a readable DICOM, PNG, JPEG, TIFF or WebP image"
        ) from error
    if invert:
        pixels = ((1 << bits) - 1 - pixels).astype(np.uint16)
    return Image(np.ascontiguousarray(pixels), Attributes(bits=bits, lossy=lossy))


def encode_png(pixels: Pixels) -> bytes:
    """Encode an array of shape (rows, columns) as an 8- or 16-bit grey-scale PNG."""
    from PIL import Image as Pillow

    buffer = io.BytesIO()
    Pillow.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def encode_npy(pixels: Pixels) -> bytes:
    """Encode an array as a NumPy file."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, pixels, allow_pickle=False)
    return buffer.getvalue()


def _refuse_unsupported(name: str, picture: PillowImage, data: bytes) -> None:
    if getattr(picture, "n_frames", 1) != 1:
        raise InputError(f"{name} holds several images", hint="split it into single images")
    png_depth, png_colour = data[24], data[25]  # of the IHDR chunk
    if picture.format == "PNG" and png_depth == 16 and png_colour != 0:  # Pillow would drop bits
        raise InputError(
            f"{name} has 16-bit samples in colour or with alpha",
            hint="save it as 16-bit grey-scale PNG",
        )


def _sample_format(picture: PillowImage) -> tuple[int, bool]:
    """Bits per sample, and whether a 16-bit TIFF stores white as zero."""
    if not picture.mode.startswith("I"):
        return 8, False
    tags = getattr(picture, "tag_v2", {})
    bits = int(tags.get(_TIFF_BITS_PER_SAMPLE, (16,))[0])
    return min(bits, 16), tags.get(_TIFF_PHOTOMETRIC) == 0


def _grey(name: str, picture: PillowImage) -> Pixels:
    if picture.mode == "1":
        picture = picture.convert("L")
    if picture.mode in ("P", "PA"):
        picture = picture.convert("RGBA")
    samples: NDArray[Any] = np.asarray(picture)
    if picture.mode in ("LA", "RGBA"):
        if samples[..., -1].min() < 255:
            raise InputError(f"{name} is partly transparent", hint="remove its alpha channel")
        samples = samples[..., :-1]
    if picture.mode in ("RGB", "RGBA"):
        if (samples != samples[..., :1]).any():
            raise InputError(
                f"{name} is in colour; only grey-scale images are supported",
                hint="convert it to grey-scale first",
            )
        samples = samples[..., :1]
    if picture.mode in ("L", "LA", "RGB", "RGBA"):
        return samples.reshape(samples.shape[:2])
    if picture.mode.startswith("I") and samples.min() >= 0 and samples.max() < 1 << 16:
        return samples.astype(np.uint16)
    raise InputError(f"{name} has samples of an unsupported type ({picture.mode})")
