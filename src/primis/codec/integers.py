"""Small networks of integers, which give every machine the same indices.

Weights, inputs and everything between are integers below 2**24 held in float32, where sums are
exact in any order (checked when a model is exported). A probability computed from inexact floats
would turn to garbage on another machine. docs/format.md, "Context network", has the formulas. Where
they shift sums to the right, weights are divided beforehand, by powers of two, which is as exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

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
SIDE = 3
"""Rows and columns of a neighbourhood, in cells."""
SLOTS = 16
"""Bytes of a cell: its 15 channels, and one that is 0."""
PARENT_SLOTS = 4
"""The last of them, those of the coarser scale: three channels, and the one that is 0."""

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
    """Tells indices of bits from magnitudes around, in two hidden layers.

    Parameters
    ----------
    weights
        Of several networks of equal shape: ``near`` (networks, inputs, units), ``overall``
        (networks, densities, units), ``middle`` and ``out``, and the biases ``near_bias``,
        ``middle_bias``, ``out_bias``.
    groups
        Numbers of networks that see the same neighbourhoods, one group after the other.
    """

    def __init__(self, weights: Weights, groups: Sequence[int]) -> None:
        beside = np.concatenate((weights["overall"], weights["near_bias"][:, None]), axis=1)
        near = weights["near"].copy()
        _spare(near)[:, : beside.shape[1]] = beside
        self._near = _side_by_side(near / np.float32(2**FIRST_BITS), groups)
        self._middle = _grouped(weights["middle"] / np.float32(2**NEXT_BITS), groups)
        middle_bias = weights["middle_bias"][:, None] / np.float32(2**NEXT_BITS)
        self._middle_bias = _grouped(middle_bias, groups)
        self._out = _grouped(weights["out"] / np.float32(2**INDEX_BITS), groups)
        out_bias = weights["out_bias"][:, None] / np.float32(2**INDEX_BITS)
        self._out_bias = _grouped(out_bias + np.float32(EVEN_ODDS), groups)

    def __call__(self, around: Numbers, densities: Numbers, group: int) -> Numbers:
        """Map neighbourhoods (n, inputs) to indices (networks, n, outputs).

        At most `PORTION` at once, with values that are not negative. The slots that are 0 are
        written to.
        """
        spare = _spare(around)
        spare[:, : len(densities)] = densities
        spare[:, len(densities)] = 1
        middle = self._middle[group]
        hidden = _clipped(around @ self._near[group], LARGEST_HIDDEN)
        hidden = _networks_first(hidden, len(middle)) @ middle
        hidden += self._middle_bias[group]
        indices = _clipped(hidden, LARGEST_HIDDEN) @ self._out[group]
        indices += self._out_bias[group]
        return _clipped(indices, LARGEST_INDEX)


class SignNetwork:
    """Tells indices of signs from signs around; odd, so that it can prefer neither sign.

    Parameters
    ----------
    weights
        ``near`` (networks, inputs, units), ``near_bias`` and ``out``.
    groups
        As in `BitNetwork`.
    """

    def __init__(self, weights: Weights, groups: Sequence[int]) -> None:
        self._near = _side_by_side(weights["near"] / np.float32(2**FIRST_BITS), groups)
        bias = weights["near_bias"][:, None] / np.float32(2**FIRST_BITS)
        self._bias = _side_by_side(bias, groups)
        self._out = _grouped(weights["out"] / np.float32(2**INDEX_BITS), groups)

    def __call__(self, around: Numbers, group: int) -> Numbers:
        """Map neighbourhoods (n, inputs), at most `PORTION`, to indices (networks, n, 1)."""
        sums, bias, out = around @ self._near[group], self._bias[group], self._out[group]
        hidden = _clipped(bias + sums, LARGEST_HIDDEN)
        hidden -= _clipped(bias - sums, LARGEST_HIDDEN)
        indices = _networks_first(hidden, len(out)) @ out
        indices += np.float32(EVEN_SIGN + 0.5)
        return _clipped(indices, LARGEST_INDEX)


def _spare(around: Numbers) -> Numbers:
    """View the inputs (..., 9, ...) that are 0 in every neighbourhood, along the second axis.

    The first layer of `BitNetwork` takes densities and bias there.
    """
    slots = around.shape[1] // SIDE**2
    return around[:, slots - 1 :: slots]


def _grouped(weights: Numbers, groups: Sequence[int]) -> list[Numbers]:
    """Split weights (networks, ...) by group."""
    return np.split(weights, np.cumsum(groups)[:-1])


def _side_by_side(weights: Numbers, groups: Sequence[int]) -> list[Numbers]:
    """Split weights (networks, inputs, units) into (inputs, networks * units) for each group."""
    return [
        np.ascontiguousarray(group.transpose(1, 0, 2)).reshape(group.shape[1], -1)
        for group in _grouped(weights, groups)
    ]


def _networks_first(hidden: Numbers, networks: int) -> Numbers:
    """View (n, networks * units) as (networks, n, units)."""
    n, units = hidden.shape
    return hidden.reshape(n, networks, units // networks).transpose(1, 0, 2)


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
