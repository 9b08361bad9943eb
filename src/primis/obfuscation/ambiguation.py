"""The ambiguation scheme, after PRIMIS: public signs everywhere, the true support is the key.

The public code is ternary turned binary: on the support it holds the true signs, on every other
position a sign drawn from the operating system's generator. True signs are as good as fair coins,
so noise and code have one distribution: neither a threshold nor a histogram tells them apart.
The key is the support of every code, entropy-coded; it takes kilobytes per image.

Its secrecy is combinatorial and empirical, and weaker than that of the keystream: where the
support is dense, on the coarsest scales, there is no noise to hide among, and the public signs
outline the picture; neighbouring true signs are not quite independent, candidates can be verified
by correlation, and publishing one image twice gives the support away, because only noise differs.
It is here for research and comparison. (Shiri, Razeghi, Ferdowsi et al., J. Biomed. Inform. 2024,
doi 10.1016/j.jbi.2024.104583; Razeghi, Voloshynovskiy, Kostadinov, Taran, IEEE WIFS 2017.)
"""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np

from primis.codec.codes import SparseCodes
from primis.codec.layout import Layout
from primis.errors import DamagedFileError


def public_length(layout: Layout) -> int:
    """Bytes of the public signs: one bit per coefficient, whatever the image and the rate."""
    return -(-layout.coefficients // 8)


def ambiguate(codes: SparseCodes) -> bytes:
    """Return the public signs: true ones on the support, fair coins elsewhere.

    Parameters
    ----------
    codes
        Codes exactly as a holder of the highest key will know them: signs of coefficients that no
        key reveals must not be published either.

    Returns
    -------
    bytes
        `public_length` bytes; bands in the order of the layout, raster order, the first
        coefficient in the highest bit; 1 for minus. Unused bits are 0.
    """
    values = np.concatenate([band.ravel() for band in codes.values])
    coins = np.unpackbits(np.frombuffer(os.urandom(public_length(codes.layout)), dtype=np.uint8))
    return np.packbits(np.where(values != 0, values < 0, coins[: len(values)])).tobytes()


def disambiguate(support: SparseCodes, public: bytes) -> SparseCodes:
    """Give the coefficients of a support (magnitudes without signs) their public signs.

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
    if signs[layout.coefficients :].any():
        raise DamagedFileError("unused bits of the public signs are set")
    values, start = [], 0
    for band in support.values:
        minus = signs[start : start + band.size].reshape(band.shape).astype(np.bool_)
        values.append(np.where(minus, -np.abs(band), np.abs(band)))
        start += band.size
    return replace(support, values=tuple(values))
