"""From float networks to the exact integer networks that `ContextModel` runs, and their tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from primis.codec import context as integer
from primis.codec.layout import BANDS, PLACES
from primis.train.context import INPUT_UNIT, ContextNetwork, ContextNetworks
from primis.train.signs import SignNetworks

HIDDEN_UNIT = 32
INDICES_PER_NAT = 8
FIRST_BITS, NEXT_BITS, MAX_HIDDEN = 12, 8, 1023
INDEX_UNIT = HIDDEN_UNIT * 2**NEXT_BITS // INDICES_PER_NAT
LARGEST_FEATURE = float(max(integer._CURRENT.max(), integer._ABOVE.max()))
OPSET = 18


def export_context(networks: ContextNetworks, path: Path) -> None:
    """Round the weights to integers and write the network for bits that `ContextModel` runs.

    Raises
    ------
    ValueError
        If a sum of the integer network could exceed 2**24, where float32 stops being exact.
    """
    parts = []
    for network in networks.classes:
        assert isinstance(network, ContextNetwork)
        first, following = 2**FIRST_BITS, 2**NEXT_BITS
        last_bias = _integers(network.out.bias, HIDDEN_UNIT * following) + INDEX_UNIT // 2
        parts.append(
            {
                "near": _by_slot(_integers(network.near.weight, first / INPUT_UNIT)),
                "overall": _integers(network.overall.weight, first / INPUT_UNIT),
                "near_bias": _integers(network.near.bias, first),
                "middle": _integers(network.middle.weight, following)[..., 0, 0],
                "middle_bias": _integers(network.middle.bias, HIDDEN_UNIT * following),
                "out": _integers(network.out.weight, following)[..., 0, 0],
                "out_bias": last_bias,
            }
        )
    tables = {name: np.concatenate([_by_place(part[name]) for part in parts]) for name in parts[0]}
    _check_exact(
        {
            "near": _reach(tables["near"], LARGEST_FEATURE)
            + _reach(tables["overall"], len(integer._SHARES))
            + np.abs(tables["near_bias"]),
            "middle": _reach(tables["middle"], MAX_HIDDEN) + np.abs(tables["middle_bias"]),
            "out": _reach(tables["out"], MAX_HIDDEN) + np.abs(tables["out_bias"]),
        }
    )
    graph = _Graph(tables)
    graph.node("Cast", "cells", "numbers", to=TensorProto.FLOAT)
    graph.node("Abs", "numbers", "sizes")
    graph.node("MatMul", "sizes near", "a")
    graph.node("MatMul", "densities overall", "b")
    graph.node("Add", "b near_bias", "c")
    graph.node("Add", "a c", "near_sum")
    graph.hidden("near_sum", "near_unit", "near_hidden")
    graph.node("MatMul", "near_hidden middle", "middle_product")
    graph.node("Add", "middle_product middle_bias", "middle_sum")
    graph.hidden("middle_sum", "middle_unit", "middle_hidden")
    graph.node("MatMul", "middle_hidden out", "out_product")
    graph.node("Add", "out_product out_bias", "out_sum")
    graph.indices("out_sum", integer.EVEN_ODDS)
    densities = helper.make_tensor_value_info("densities", TensorProto.FLOAT, [1, 2 * BANDS])
    graph.save(path, [densities])


def export_signs(networks: SignNetworks, path: Path) -> None:
    """Round the weights to integers and write the network for signs that `ContextModel` runs.

    Raises
    ------
    ValueError
        If a sum of the integer network could exceed 2**24, where float32 stops being exact.
    """
    tables = {
        "near": _integers(networks.near, 2**FIRST_BITS / INPUT_UNIT),
        "near_bias": _integers(networks.bias, 2**FIRST_BITS),
        "out": _integers(networks.out, 2**NEXT_BITS)[..., None],
    }
    _check_exact(
        {
            "near": _reach(tables["near"], LARGEST_FEATURE) + np.abs(tables["near_bias"]),
            "out": _reach(tables["out"], MAX_HIDDEN) + INDEX_UNIT // 2,
        }
    )
    graph = _Graph(tables)
    graph.node("Cast", "cells", "numbers", to=TensorProto.FLOAT)
    graph.node("MatMul", "numbers near", "sum")
    graph.node("Neg", "sum", "opposite")
    for name in ("sum", "opposite"):
        graph.node("Add", f"{name} near_bias", f"{name}_biased")
        graph.hidden(f"{name}_biased", "near_unit", f"{name}_hidden")
    graph.node("Sub", "sum_hidden opposite_hidden", "odd")
    graph.node("MatMul", "odd out", "product")
    graph.node("Add", "product half", "rounded")
    graph.indices("rounded", integer.EVEN_SIGN)
    graph.save(path, [])


def _integers(weights: Tensor | None, scale: float) -> NDArray[np.float32]:
    assert weights is not None
    return np.rint(weights.detach().numpy().astype(np.float64) * scale).astype(np.float32)


def _by_slot(kernels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Arrange kernels (n, 15, 3, 3) as weights (n, 144) of a neighbourhood."""
    spare = integer.SLOTS - kernels.shape[1]
    slots = np.pad(kernels, ((0, 0), (0, spare), (0, 0), (0, 0)))
    return slots.transpose(0, 2, 3, 1).reshape(len(kernels), -1)


def _by_place(table: NDArray[np.float32]) -> NDArray[np.float32]:
    """Split by place: weights become (places, inputs, outputs), biases (places, outputs)."""
    if table.ndim == 1:
        return table.reshape(len(PLACES), -1)
    return table.reshape(len(PLACES), -1, table.shape[-1]).transpose(0, 2, 1)


def _check_exact(bounds: dict[str, NDArray[np.float32]]) -> None:
    for name, bound in bounds.items():
        if bound.max() >= 2**24:
            raise ValueError(f"layer {name} of the network could exceed 2**24")


def _reach(weights: NDArray[np.float32], largest: float) -> NDArray[np.float32]:
    """Largest sum that inputs up to ``largest`` give in each output (places, outputs)."""
    sums: NDArray[np.float32] = np.abs(weights).sum(1) * np.float32(largest)
    return sums


class _Graph:
    """An ONNX graph in the making: integers from neighbourhoods of a place to indices.

    Parameters
    ----------
    tables
        Weights by name; the place selects along their first axis.
    """

    def __init__(self, tables: dict[str, NDArray[np.float32]]) -> None:
        constants = {
            "near_unit": HIDDEN_UNIT / 2**FIRST_BITS,
            "middle_unit": 1 / 2**NEXT_BITS,
            "out_unit": 1 / INDEX_UNIT,
            "half": INDEX_UNIT // 2,
            "zero": 0,
            "max_hidden": MAX_HIDDEN,
            "max_index": 127,
        }
        self._initialisers = [
            *(numpy_helper.from_array(table, f"all_{name}") for name, table in tables.items()),
            *(
                numpy_helper.from_array(np.array(value, dtype=np.float32), name)
                for name, value in constants.items()
            ),
        ]
        self._nodes = [helper.make_node("Gather", [f"all_{n}", "place"], [n]) for n in tables]

    def node(self, operation: str, inputs: str, output: str, **attributes: Any) -> None:
        """Append an operation on the named inputs."""
        self._nodes.append(helper.make_node(operation, inputs.split(), [output], **attributes))

    def hidden(self, source: str, unit: str, output: str) -> None:
        """Append what every hidden layer does with its sums: shift right and clip."""
        self.node("Mul", f"{source} {unit}", f"{output}_scaled")
        self.node("Floor", f"{output}_scaled", f"{output}_floor")
        self.node("Clip", f"{output}_floor zero max_hidden", output)

    def indices(self, source: str, even: int) -> None:
        """Append the way from sums to indices, ``even`` standing for probability one half."""
        self._initialisers.append(numpy_helper.from_array(np.array(even, np.float32), "even"))
        self.node("Mul", f"{source} out_unit", "nats")
        self.node("Floor", "nats", "steps")
        self.node("Add", "steps even", "shifted")
        self.node("Clip", "shifted zero max_index", "clipped")
        self.node("Transpose", "clipped", "indices")

    def save(self, path: Path, inputs: Sequence[onnx.ValueInfoProto]) -> None:
        """Write the graph; ``inputs`` are those besides ``cells`` and ``place``."""
        slots = integer.SIDE**2 * integer.SLOTS
        used = {name for node in self._nodes for name in node.input}
        graph = helper.make_graph(
            self._nodes,
            path.stem,
            [
                helper.make_tensor_value_info("cells", TensorProto.INT8, ["n", slots]),
                helper.make_tensor_value_info("place", TensorProto.INT64, []),
                *inputs,
            ],
            [helper.make_tensor_value_info("indices", TensorProto.FLOAT, [None, "n"])],
            [tensor for tensor in self._initialisers if tensor.name in used],
        )
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
        onnx.checker.check_model(model)
        onnx.save(model, path)


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
