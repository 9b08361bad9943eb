"""The ambiguation scheme, after PRIMIS: public signs everywhere, the true support is the key.

The public code covers the two finest scales, where codes are sparse. On the support it holds the
true signs, on every other position a sign drawn from the operating system's generator with the
share of minus that the true signs of that band have. So noise and code have one distribution:
neither a threshold nor a histogram tells them apart. The key is everything else, entropy-coded:
the support of every code, and the coarser scales with their signs. (Those are dense: published,
their signs would have next to no noise to hide among, and would outline the picture.) It takes
kilobytes per image.

The secrecy of the public signs is combinatorial and empirical, and weaker than that of the
keystream: neighbouring true signs are not quite independent, candidates can be verified by
correlation, and publishing one image twice gives the support away, because only noise differs. It
is here for research and comparison. (Shiri, Razeghi, Ferdowsi et al., J. Biomed. Inform. 2024, doi
10.1016/j.jbi.2024.104583; Razeghi, Voloshynovskiy, Kostadinov, Taran, IEEE WIFS 2017.)
"""

from __future__ import annotations

import math
import os
from dataclasses import replace

import numpy as np

from primis.codec.codes import Integers, Mask, SparseCodes
from primis.codec.layout import Layout
from primis.errors import DamagedFileError

AMBIGUATED_SCALES = 2
"""How many of the finest scales have public signs."""


def _coefficients(layout: Layout) -> int:
    return sum(math.prod(shape) for shape in layout.shapes[:AMBIGUATED_SCALES])


def public_length(layout: Layout) -> int:
    """Bytes of the public signs: one bit per coefficient, whatever the image and the rate."""
    return -(-_coefficients(layout) // 8)


def ambiguate(codes: SparseCodes) -> bytes:
    """Return the public signs: true ones on the support, random ones elsewhere.

    Parameters
    ----------
    codes
        Codes exactly as a holder of the highest key will know them: signs of coefficients that no
        key reveals must not be published either.

    Returns
    -------
    bytes
        `public_length` bytes: scale 0, then scale 1, each band by band in raster order, the first
        coefficient in the highest bit; 1 for minus. Unused bits are 0.
    """
    signs = [_signs(band) for scale in codes.values[:AMBIGUATED_SCALES] for band in scale]
    return np.packbits(np.concatenate(signs)).tobytes()


def _signs(band: Integers) -> Mask:
    """Signs of a band (rows, columns) in raster order, True for minus, noise where it is zero."""
    values = band.ravel()
    share = np.mean(values[values != 0] < 0) if values.any() else 0.5
    draws = np.frombuffer(os.urandom(4 * len(values)), dtype=np.uint32)
    return np.where(values != 0, values < 0, draws < share * 2**32)


def disambiguate(support: SparseCodes, public: bytes) -> SparseCodes:
    """Give the coefficients of a support their public signs.

    Parameters
    ----------
    support
        Codes as the key holds them: without signs on the two finest scales.
    public
        What `ambiguate` returned.

    Raises
    ------
    DamagedFileError
        If ``public`` is not of the length that the layout asks for, or unused bits are set.
    """
    layout = support.layout
    if len(public) != public_length(layout):
        raise DamagedFileError(
            f"{len(public)} bytes of public signs instead of {public_length(layout)}"
        )
    signs = np.unpackbits(np.frombuffer(public, dtype=np.uint8))
    if signs[_coefficients(layout) :].any():
        raise DamagedFileError("unused bits of the public signs are set")
    values, start = list(support.values), 0
    for scale, band in enumerate(support.values[:AMBIGUATED_SCALES]):
        minus = signs[start : start + band.size].reshape(band.shape).astype(np.bool_)
        values[scale] = np.where(minus, -np.abs(band), np.abs(band))
        start += band.size
    return replace(support, values=tuple(values))
