"""primis as the benchmarks see it: the one place here that calls its programming interface."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pyrage
from numpy.typing import NDArray

from primis.api import protect, reconstruct
from primis.images import Attributes, Image
from primis.keys import Keyring
from primis.obfuscation import Level

Pixels = NDArray[Any]

KEY_SIZE = 32


def encode(
    pixels: Pixels, bits_per_pixel: float, level: str = "full", bits: int = 8
) -> tuple[int, Callable[[], Pixels]]:
    """Protect an image and say how to get it back.

    Parameters
    ----------
    pixels
        Array (rows, columns) of uint8 or uint16.
    bits_per_pixel
        Rate asked of the codec.
    level
        Access level that the decoder opens.
    bits
        Stored bits per sample.

    Returns
    -------
    size, decode
        All that a reader must fetch, in bytes: the whole public file and the key of one level.
        Calling `decode` reconstructs the pixels.
    """
    image = Image(pixels, Attributes(bits=bits))
    keyring = _keyring()
    public = protect(image, keyring, name="benchmark", rate=bits_per_pixel).data

    def decode() -> Pixels:
        return reconstruct(public, keyring, level=Level[level.upper()]).image.pixels

    return len(public) + KEY_SIZE, decode


@cache
def _keyring() -> Keyring:
    owner = pyrage.x25519.Identity.generate()
    return Keyring.create([str(owner.to_public())])
