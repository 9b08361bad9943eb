"""Small networks of integers, which give every machine the same indices.

Weights, inputs and everything between are integers below 2**24 held in float32, where sums are
exact in any order (checked when a model is exported). A probability computed from inexact floats
would turn to garbage on another machine. docs/format.md, "Context network", has the formulas. Where
they shift sums to the right, weights are divided beforehand, by powers of two, which is as exact.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from primis.codec.layout import PLACES, steps

FIRST_BITS, NEXT_BITS = 7, 8
"""Bits by which the sums of the first layer and of the others are shifted right."""
INDEX_BITS = 10
"""Bits by which the sums of the last layer are shifted right to give indices."""
LARGEST_HIDDEN = 1023
LARGEST_INDEX = 127
EVEN_ODDS = 96
"""Index of probability one half in the table of 128 probabilities."""
EVEN_SIGN = 64
"""The same for signs."""

PORTION = 512
"""Neighbourhoods that a network sees at once: what fits into the cache."""
SLOTS = 16
"""Bytes of a cell of a neighbourhood: its 15 channels, and one that is 0."""
_SPARE = slice(SLOTS - 1, None, SLOTS)
"""Inputs that are 0 in every neighbourhood. The first layer takes densities and bias there."""

Numbers: TypeAlias = NDArray[np.float32]
Weights: TypeAlias = dict[str, Numbers]


def read_weights(path: Path) -> Weights:
    """Read the integer weights of a network, an NPZ file, as float32.

    Raises
    ------
    OSError, ValueError
        If the file cannot be read or is not one.
    """
    with np.load(path, allow_pickle=False) as arrays:
        return {name: np.asarray(arrays[name], dtype=np.float32, order="C") for name in arrays}


def on_one_thread() -> AbstractContextManager[Any]:
    """Return a context in which products of matrices take one thread.

    A file takes a thousand small ones. Sharing each among threads gains nothing, and costs most of
    the time where other processes keep the cores busy.
    """
    limits: AbstractContextManager[Any] = _libraries().limit(limits=1, user_api="blas")
    return limits


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()


class BitNetwork:
    """Tells indices of significance and refinement from magnitudes around, in two hidden layers.

    Parameters
    ----------
    weights
        ``near`` (places, inputs, units), ``overall`` (places, densities, units), ``middle`` and
        ``out``, and the biases ``near_bias``, ``middle_bias``, ``out_bias``.
    """

    def __init__(self, weights: Weights) -> None:
        beside = np.concatenate((weights["overall"], weights["near_bias"][:, None]), axis=1)
        near = weights["near"].copy()
        near[:, _SPARE][:, : beside.shape[1]] = beside
        self._near = _side_by_side(near / np.float32(2**FIRST_BITS))
        self._middle = _by_step(weights["middle"] / np.float32(2**NEXT_BITS))
        self._middle_bias = _by_step(weights["middle_bias"][:, None] / np.float32(2**NEXT_BITS))
        self._out = _by_step(weights["out"] / np.float32(2**INDEX_BITS))
        out_bias = weights["out_bias"][:, None] / np.float32(2**INDEX_BITS)
        self._out_bias = _by_step(out_bias + np.float32(EVEN_ODDS))

    def __call__(self, around: Numbers, densities: Numbers, step: int) -> Numbers:
        """Map neighbourhoods (n, inputs), not negative, and densities to indices (places, n, 2).

        At most `PORTION` at once; the slots that are 0 are written to.
        """
        spare = around[:, _SPARE]
        spare[:, : len(densities)] = densities
        spare[:, len(densities)] = 1
        middle = self._middle[step]
        hidden = _clipped(around @ self._near[step], LARGEST_HIDDEN)
        hidden = _places_first(hidden, len(middle)) @ middle
        hidden += self._middle_bias[step]
        indices = _clipped(hidden, LARGEST_HIDDEN) @ self._out[step]
        indices += self._out_bias[step]
        return _clipped(indices, LARGEST_INDEX)


class SignNetwork:
    """Tells indices of signs from signs around; odd, so that it can prefer neither sign.

    Parameters
    ----------
    weights
        ``near`` (places, inputs, units), ``near_bias`` and ``out``.
    """

    def __init__(self, weights: Weights) -> None:
        self._near = _side_by_side(weights["near"] / np.float32(2**FIRST_BITS))
        self._bias = _side_by_side(weights["near_bias"][:, None] / np.float32(2**FIRST_BITS))
        self._out = _by_step(weights["out"] / np.float32(2**INDEX_BITS))

    def __call__(self, around: Numbers, step: int) -> Numbers:
        """Map neighbourhoods (n, inputs) to indices (places, n, 1), at most `PORTION` at once."""
        sums, bias, out = around @ self._near[step], self._bias[step], self._out[step]
        hidden = _clipped(bias + sums, LARGEST_HIDDEN)
        hidden -= _clipped(bias - sums, LARGEST_HIDDEN)
        indices = _places_first(hidden, len(out)) @ out
        indices += np.float32(EVEN_SIGN + 0.5)
        return _clipped(indices, LARGEST_INDEX)


def _by_step(weights: Numbers) -> list[Numbers]:
    """Split weights (places, ...) of all scale classes into those of each step."""
    scales = range(len(weights) // len(PLACES))
    ends = [len(PLACES) * scale + places.stop for scale in scales for places in steps(scale)]
    return np.split(weights, ends[:-1])


def _side_by_side(weights: Numbers) -> list[Numbers]:
    """Split weights (places, inputs, units) into (inputs, places * units) for each step."""
    return [
        np.ascontiguousarray(places.transpose(1, 0, 2)).reshape(places.shape[1], -1)
        for places in _by_step(weights)
    ]


def _places_first(hidden: Numbers, places: int) -> Numbers:
    """View (n, places * units) as (places, n, units)."""
    return hidden.reshape(len(hidden), places, -1).transpose(1, 0, 2)


def _clipped(sums: Numbers, largest: int) -> Numbers:
    """Round down and clip to 0 .. ``largest``; overwrites ``sums``.

    With arrays, not numbers, to compare with: NumPy is several times as fast at that.
    """
    flat = sums.reshape(-1)
    np.floor(flat, out=flat)
    np.maximum(flat, _full(0, flat.size), out=flat)
    return np.minimum(flat, _full(largest, flat.size), out=flat).reshape(sums.shape)


def _full(value: int, size: int) -> Numbers:
    return _longest(value, 1 << size.bit_length())[:size]


@cache
def _longest(value: int, size: int) -> Numbers:
    return np.full(size, value, dtype=np.float32)
