"""Small networks of integers, which give every machine the same indices.

Weights, inputs and everything between are integers below 2**24 held in float32, where sums are
exact in any order (checked when a model is exported). A probability computed from inexact floats
would turn to garbage on another machine. docs/format.md, "Context network", has the formulas.
"""

from __future__ import annotations

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
        return {name: np.ascontiguousarray(arrays[name], dtype=np.float32) for name in arrays}


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
        self._weights = weights

    def __call__(self, around: Numbers, densities: Numbers, place: int) -> Numbers:
        """Map neighbourhoods (n, inputs), not negative, and densities to indices (n, 2)."""
        near, overall, middle, out, near_bias, middle_bias, out_bias = (
            self._weights[name][place]
            for name in ("near", "overall", "middle", "out", "near_bias", "middle_bias", "out_bias")
        )
        hidden = _hidden(around @ near, densities @ overall + near_bias, FIRST_BITS)
        hidden = _hidden(hidden @ middle, middle_bias, NEXT_BITS)
        return _indices(hidden @ out, out_bias, EVEN_ODDS)


class SignNetwork:
    """Tells indices of signs from signs around; odd, so that it can prefer neither sign.

    Parameters
    ----------
    weights
        ``near`` (places, inputs, units), ``near_bias`` and ``out``.
    """

    def __init__(self, weights: Weights) -> None:
        self._weights = weights

    def __call__(self, around: Numbers, place: int) -> Numbers:
        """Map neighbourhoods (n, inputs) to indices (n, 1)."""
        near, bias, out = (self._weights[name][place] for name in ("near", "near_bias", "out"))
        sums = around @ near
        other = _hidden(-sums, bias, FIRST_BITS)
        one = _hidden(sums, bias, FIRST_BITS)
        one -= other
        return _indices(one @ out, np.float32(2 ** (INDEX_BITS - 1)), EVEN_SIGN)


def _hidden(sums: Numbers, bias: Numbers, bits: int) -> Numbers:
    return _clipped(_shifted(sums, bias, bits), LARGEST_HIDDEN)


def _indices(sums: Numbers, bias: Numbers | np.float32, even: int) -> Numbers:
    sums = _shifted(sums, bias, INDEX_BITS)
    sums += np.float32(even)
    return _clipped(sums, LARGEST_INDEX)


def _shifted(sums: Numbers, bias: Numbers | np.float32, bits: int) -> Numbers:
    """Add and shift right, in place."""
    sums += bias
    sums *= np.float32(2.0**-bits)
    return np.floor(sums, out=sums)


def _clipped(sums: Numbers, largest: int) -> Numbers:
    """Clip to 0 .. ``largest``, in place."""
    np.maximum(sums, np.float32(0), out=sums)
    return np.minimum(sums, np.float32(largest), out=sums)
