"""Codes from a seeded generator instead of a network, and what a reader should know of them."""

from __future__ import annotations

import numpy as np

from primis.codec.bitstream import decode_step, minimum_length, usable_length
from primis.codec.codes import SparseCodes, everything_known
from primis.codec.layout import Layout
from primis.codec.spans import DYADIC, Span


def made_codes(
    shape: tuple[int, int],
    seed: int = 0,
    density: float = 0.2,
    sparsified: bool = True,
    dark_sides: int = 0,
    span: Span = DYADIC,
) -> SparseCodes:
    """Clustered coefficients, fewer and smaller on finer scales, like those of a picture."""
    rng = np.random.default_rng(seed)
    layout = Layout(*shape)
    values = []
    for scale, size in enumerate(layout.shapes):
        busy = rng.random((1, *size[1:])) < density
        values.append(np.trunc(rng.laplace(0, 4.0 * 2**scale, size) * busy).astype(np.int32))
    known = everything_known(layout)
    step = decode_step(34000)
    return SparseCodes(layout, step, 700, tuple(values), 0, known, sparsified, dark_sides, span)


def flat_codes(shape: tuple[int, int], smooth: np.ndarray) -> SparseCodes:
    """Codes with nothing but a smooth band."""
    layout = Layout(*shape)
    values = [np.zeros(size, dtype=np.int32) for size in layout.shapes]
    values[-1][:] = smooth
    return SparseCodes(layout, 1.0, 0, tuple(values), 0, everything_known(layout))


def lengths_of(total: int) -> list[int]:
    """Usable lengths of three levels, about ``total`` bytes."""
    shares = (total // 4, total // 4, total // 2)
    return [max(minimum_length(n), usable_length(n, share)) for n, share in enumerate(shares)]


def what_is_known(truth: SparseCodes, read: SparseCodes) -> list[np.ndarray]:
    """The true values as far as a reader knows the planes of their words."""
    result = []
    for words, known in zip(truth.words(), read.known, strict=True):
        hidden = np.where(known, read.plane, read.plane + 1)
        result.append(truth.span.values(np.sign(words) * (np.abs(words) >> hidden << hidden)))
    return result
