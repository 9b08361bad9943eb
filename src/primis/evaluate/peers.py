"""The codecs that users would pick instead, each at the settings that serve grey images best.

"Best" means fewest bytes at equal PSNR among the options that Pillow and imagecodecs offer.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image, features

Pixels = NDArray[Any]


@dataclass(frozen=True)
class Peer:
    """A codec with one dial.

    Attributes
    ----------
    name
        How tables call it.
    recipe
        Library, version and options; two files from one recipe and setting are equal.
    max_bits
        Deepest samples it takes: 8 (uint8) or 16 (uint8 and uint16).
    settings
        Positions of the dial for rate-distortion curves: about 0.03 to 0.6 bits per pixel on
        512x512 chest radiographs, or as low as the codec goes.
    dial
        All positions, smallest file first.
    encode
        (pixels (rows, columns), setting, bits per sample) to the bytes of a file.
    decode
        The bytes of a file to pixels.
    """

    name: str
    recipe: str
    max_bits: int
    settings: tuple[float, ...]
    dial: tuple[float, ...]
    encode: Callable[[Pixels, float, int], bytes]
    decode: Callable[[bytes], Pixels]

    def setting_at_size(self, pixels: Pixels, size: int, bits: int = 8) -> float | None:
        """Find the finest setting whose file is not larger than `size` bytes.

        Returns
        -------
        float or None
            None if even the coarsest setting needs more. File sizes are taken to grow with the
            dial; where they do not quite, a neighbouring setting may be missed.
        """
        finer = bisect_right(
            self.dial, size, key=lambda setting: len(self.encode(pixels, setting, bits))
        )
        return self.dial[finer - 1] if finer else None

    def at_size(self, pixels: Pixels, size: int, bits: int = 8) -> bytes | None:
        """Encode at `setting_at_size`; None if there is no such setting."""
        setting = self.setting_at_size(pixels, size, bits)
        return None if setting is None else self.encode(pixels, setting, bits)


def _save(pixels: Pixels, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def _open(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def _jpeg(pixels: Pixels, quality: float, bits: int) -> bytes:
    del bits
    files = (
        _save(pixels, "JPEG", quality=int(quality), optimize=True, progressive=progressive)
        for progressive in (False, True)
    )
    return min(files, key=len)


def _jpeg2000(pixels: Pixels, bits_per_pixel: float, bits: int) -> bytes:
    del bits
    data = _save(
        pixels,
        "JPEG2000",
        irreversible=True,
        quality_mode="rates",
        quality_layers=[8 * pixels.itemsize / bits_per_pixel],
        num_resolutions=6,
        codeblock_size=(64, 64),
        no_jp2=True,
    )
    return _without_comment(data)


def _without_comment(codestream: bytes) -> bytes:
    """Drop the comment segment (37 bytes of advertisement) from a JPEG 2000 main header."""
    at = 2
    while (marker := codestream[at : at + 2]) != b"\xff\x90":
        end = at + 2 + int.from_bytes(codestream[at + 2 : at + 4], "big")
        if marker == b"\xff\x64":
            return codestream[:at] + codestream[end:]
        at = end
    return codestream


def _jpegxl(pixels: Pixels, distance: float, bits: int) -> bytes:
    data = imagecodecs.jpegxl_encode(
        pixels,
        distance=distance,
        effort=7,
        bitspersample=bits,
        usecontainer=False,
        numthreads=1,
    )
    return bytes(data)


def _avif(pixels: Pixels, quality: float, bits: int) -> bytes:
    del bits
    return _save(
        pixels,
        "AVIF",
        quality=int(quality),
        speed=4,
        subsampling="4:0:0",
        max_threads=1,
        advanced={"tune": "psnr"},
    )


def _steps(first: float, last: float, count: int) -> tuple[float, ...]:
    return tuple(float(f"{x:.4g}") for x in np.geomspace(first, last, count))


_PILLOW = f"Pillow {PIL.__version__}"

PEERS: tuple[Peer, ...] = (
    Peer(
        name="JPEG",
        recipe=f"{_PILLOW}, libjpeg-turbo {features.version('libjpeg_turbo')}, optimised Huffman "
        "tables, smaller of sequential and progressive",
        max_bits=8,
        settings=(3, 5, 8, 12, 18, 25, 35, 50, 65, 75, 80),
        dial=tuple(range(1, 101)),
        encode=_jpeg,
        decode=_open,
    ),
    Peer(
        name="JPEG 2000",
        recipe=f"{_PILLOW}, OpenJPEG {features.version('jpg_2000')}, 9/7, 6 resolutions, "
        "64x64 blocks, bare codestream without comment",
        max_bits=16,
        settings=(0.03, 0.045, 0.06, 0.08, 0.1, 0.13, 0.17, 0.22, 0.3, 0.4, 0.6),
        dial=_steps(0.01, 8, 400),
        encode=_jpeg2000,
        decode=_open,
    ),
    Peer(
        name="JPEG XL",
        recipe=f"imagecodecs {imagecodecs.__version__}, {imagecodecs.jpegxl_version()}, effort 7, "
        "VarDCT, bare codestream",
        max_bits=16,
        settings=(25, 16, 12, 9, 7, 5.5, 4.3, 3.3, 2.5, 1.8, 1.2),
        dial=_steps(25, 0.05, 250),
        encode=_jpegxl,
        decode=imagecodecs.jpegxl_decode,
    ),
    Peer(
        name="AVIF",
        recipe=f"{_PILLOW}, libavif {features.version('avif')}, 4:0:0, speed 4, tune=psnr",
        max_bits=8,
        settings=(6, 14, 22, 30, 38, 46, 54, 62, 70, 78, 86),
        dial=tuple(range(101)),
        encode=_avif,
        decode=_open,
    ),
)


def available() -> tuple[Peer, ...]:
    """Return the peers that this installation can run: Pillow may lack AVIF."""
    return tuple(peer for peer in PEERS if peer.name != "AVIF" or features.check("avif"))
