"""From float networks to the exact integer networks that `ContextModel` runs, and their tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from primis.codec import context as integer
from primis.codec.integers import (
    FIRST_BITS,
    INDEX_BITS,
    LARGEST_HIDDEN,
    NEXT_BITS,
    PARENT_SLOTS,
    SLOTS,
)
from primis.codec.layout import PLACES
from primis.train.context import (
    INPUT_UNIT,
    ContextNetwork,
    ContextNetworks,
    ParentNetwork,
)
from primis.train.signs import SignNetworks

HIDDEN_UNIT = 32  # integers of a hidden layer per unit of a float network
FIRST_UNIT, NEXT_UNIT = HIDDEN_UNIT * 2**FIRST_BITS, 2**NEXT_BITS  # and of a weight
INDICES_PER_NAT = HIDDEN_UNIT * 2**NEXT_BITS // 2**INDEX_BITS
LARGEST_FEATURE = float(integer.LEVELS.max())


def export_context(networks: ContextNetworks, path: Path) -> None:
    """Round the weights to integers and write the network for bits that `ContextModel` runs.

    Raises
    ------
    ValueError
        If a sum of the integer network could exceed 2**24, where float32 stops being exact, or a
        weight does not fit into 16 bits, a bias into 32.
    """
    _write_bits(path, networks.classes, len(PLACES), SLOTS)


def export_parents(networks: ContextNetworks, path: Path) -> None:
    """Round the weights of the networks for bits that see the coarser scale alone, and write them.

    Raises
    ------
    ValueError
        As `export_context`.
    """
    _write_bits(path, networks.parents, 1, PARENT_SLOTS)


def _layers(network: nn.Module, slots: int) -> dict[str, NDArray[np.float32]]:
    """Return the layers of a network in integers, weights as (outputs, inputs)."""
    assert isinstance(network, ContextNetwork | ParentNetwork)
    return {
        "near": _by_slot(_integers(network.near.weight, FIRST_UNIT / INPUT_UNIT), slots),
        "overall": _integers(network.overall.weight, FIRST_UNIT / INPUT_UNIT),
        "near_bias": _integers(network.near.bias, FIRST_UNIT),
        "middle": _integers(network.middle.weight, NEXT_UNIT)[..., 0, 0],
        "middle_bias": _integers(network.middle.bias, HIDDEN_UNIT * NEXT_UNIT),
        "out": _integers(network.out.weight, NEXT_UNIT)[..., 0, 0],
        "out_bias": _integers(network.out.bias, HIDDEN_UNIT * NEXT_UNIT) + 2**INDEX_BITS // 2,
    }


def _write_bits(path: Path, networks: nn.ModuleList, each: int, slots: int) -> None:
    """Write a `primis.codec.integers.BitNetwork`, if its sums are exact.

    Every one of ``networks`` holds ``each`` side by side.
    """
    parts = [_layers(network, slots) for network in networks]
    tables = {
        name: np.concatenate([_by_network(part[name], each) for part in parts]) for name in parts[0]
    }
    _check_exact(
        {
            "near": _reach(tables["near"], LARGEST_FEATURE)
            + _reach(tables["overall"], len(integer._SHARES))
            + np.abs(tables["near_bias"]),
            "middle": _reach(tables["middle"], LARGEST_HIDDEN) + np.abs(tables["middle_bias"]),
            "out": _reach(tables["out"], LARGEST_HIDDEN) + np.abs(tables["out_bias"]),
        }
    )
    _write(path, tables)


def export_signs(networks: SignNetworks, path: Path) -> None:
    """Round the weights to integers and write the network for signs that `ContextModel` runs.

    Raises
    ------
    ValueError
        As `export_context`.
    """
    tables = {
        "near": _integers(networks.near, FIRST_UNIT / INPUT_UNIT),
        "near_bias": _integers(networks.bias, FIRST_UNIT),
        "out": _integers(networks.out, NEXT_UNIT)[..., None],
    }
    _check_exact(
        {
            "near": _reach(tables["near"], LARGEST_FEATURE) + np.abs(tables["near_bias"]),
            "out": _reach(tables["out"], LARGEST_HIDDEN) + 2**INDEX_BITS // 2,
        }
    )
    _write(path, tables)


def _write(path: Path, tables: dict[str, NDArray[np.float32]]) -> None:
    arrays: dict[str, Any] = {}
    for name, table in tables.items():
        kind = np.int32 if name.endswith("bias") else np.int16
        largest = np.iinfo(kind).max
        if np.abs(table).max() > largest:
            raise ValueError(f"a weight of {name} is above {largest}")
        arrays[name] = np.ascontiguousarray(table, kind)
    np.savez_compressed(path, **arrays)


def _integers(weights: Tensor | None, scale: float) -> NDArray[np.float32]:
    assert weights is not None
    return np.rint(weights.detach().numpy().astype(np.float64) * scale).astype(np.float32)


def _by_slot(kernels: NDArray[np.float32], slots: int) -> NDArray[np.float32]:
    """Arrange kernels (n, channels, 3, 3) as weights (n, 9 * slots) of a neighbourhood."""
    padded = np.pad(kernels, ((0, 0), (0, slots - kernels.shape[1]), (0, 0), (0, 0)))
    return padded.transpose(0, 2, 3, 1).reshape(len(kernels), -1)


def _by_network(table: NDArray[np.float32], each: int) -> NDArray[np.float32]:
    """Split by network: weights become (each, inputs, outputs), biases (each, outputs)."""
    if table.ndim == 1:
        return table.reshape(each, -1)
    return table.reshape(each, -1, table.shape[-1]).transpose(0, 2, 1)


def _check_exact(bounds: dict[str, NDArray[np.float32]]) -> None:
    for name, bound in bounds.items():
        if bound.max() >= 2**24:
            raise ValueError(f"layer {name} of the network could exceed 2**24")


def _reach(weights: NDArray[np.float32], largest: float) -> NDArray[np.float32]:
    """Largest sum that inputs up to ``largest`` give in each output (places, outputs)."""
    sums: NDArray[np.float32] = np.abs(weights).sum(1) * np.float32(largest)
    return sums


def prior_probabilities(even: int) -> NDArray[np.int64]:
    """Return what the indices stand for before calibration, in 1/65536; ``even``: one half."""
    nats = (np.arange(128) - even) / INDICES_PER_NAT
    return np.clip(np.rint(2**16 / (1 + np.exp(-nats))), 1, 2**16 - 1).astype(np.int64)


def calibrate(symbols: NDArray[np.int64], even: int) -> NDArray[np.int64]:
    """Return the probability table that symbols (128, 2) suggest, kept near the prior.

    They are counts of 0 and 1 at each index; ``even`` is the index of one half.
    """
    weight = 200.0
    prior = prior_probabilities(even) / 2**16
    share = (symbols[:, 1] + weight * prior) / (symbols.sum(1) + weight)
    return np.clip(np.rint(share * 2**16), 1, 2**16 - 1).astype(np.int64)
