"""Training and export of the context model: float weights first, then exact integers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from primis.codec import context as integer
from primis.codec.layout import BANDS, PLACES
from primis.train.data import Picture, random_crops
from primis.train.networks import AutoEncoder

INPUT_UNIT = 16.0  # integer features per unit of the float network
HIDDEN_UNIT = 32
INDICES_PER_NAT = 8
FIRST_BITS, NEXT_BITS, MAX_HIDDEN = 12, 8, 1023
INDEX_UNIT = HIDDEN_UNIT * 2**NEXT_BITS // INDICES_PER_NAT
OPSET = 18


class ContextNetwork(nn.Module):
    """Log-odds of significance and refinement bits, for the twelve places of one scale class."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.width = width
        places = len(PLACES)
        self.near = nn.Conv2d(
            places * integer.CHANNELS, places * width, 3, padding=1, groups=places
        )
        self.overall = nn.Linear(2 * BANDS, places * width, bias=False)
        self.middle = nn.Conv2d(places * width, places * width, 1, groups=places)
        self.out = nn.Conv2d(places * width, places * 2, 1, groups=places)
        with torch.no_grad():
            assert self.out.bias is not None
            self.out.bias.view(places, 2)[:, 0] = -4.0

    def forward(self, cells: Tensor, densities: Tensor) -> Tensor:
        """Map (n, 12 * 15, h, w) and (n, 6) integer features to (n, 12, 2, h, w) log-odds."""
        hidden = self.near(cells / INPUT_UNIT)
        hidden = hidden + self.overall(densities / INPUT_UNIT)[:, :, None, None]
        hidden = F.relu(self.middle(F.relu(hidden)))
        return self.out(hidden).unflatten(1, (len(PLACES), 2))


class ContextNetworks(nn.Module):
    """One network per scale class, and the bits they spend."""

    def __init__(self) -> None:
        super().__init__()
        self.classes = nn.ModuleList(ContextNetwork() for _ in range(integer.SCALE_CLASSES))
        self.register_buffer("current", torch.from_numpy(integer._CURRENT))
        self.register_buffer("above", torch.from_numpy(integer._ABOVE))
        self.current: Tensor
        self.above: Tensor

    def forward(self, magnitudes: Sequence[Tensor]) -> Tensor:
        """Bits of plane 0 of int64 magnitudes (n, 3, h, w), h and w even, finest scale first."""
        total = torch.zeros(())
        for scale, values in enumerate(magnitudes):
            coarser = scale + 1 < len(magnitudes)
            parents = magnitudes[scale + 1] if coarser else torch.zeros_like(values[..., ::2, ::2])
            total = total + self._bits(scale, values, parents)
        return total

    def _bits(self, scale: int, values: Tensor, parents: Tensor) -> Tensor:
        now = torch.stack([values[:, band, r::2, c::2] for band, r, c in PLACES], 1)
        above = self.above[(now >> 1).clamp(max=15)]
        current = self.current[now.clamp(max=15)]
        coarse = self.current[parents.clamp(max=15)]
        cells = [
            torch.cat((current[:, :place], above[:, place:], coarse), 1)
            for place in range(len(PLACES))
        ]
        densities = torch.cat((_density(values >> 1), _density(parents)), 1)
        network = self.classes[min(scale, integer.SCALE_CLASSES - 1)]
        odds = network(torch.cat(cells, 1), densities)
        chosen = torch.where(now > 1, odds[:, :, 1], odds[:, :, 0])
        bits = F.binary_cross_entropy_with_logits(chosen, (now & 1).float(), reduction="sum")
        return bits / math.log(2)


def _density(values: Tensor) -> Tensor:
    rows = [integer.density(image.numpy().astype(np.int32)) for image in values]
    return torch.from_numpy(np.stack(rows))


@torch.no_grad()
def magnitudes(codec: AutoEncoder, images: Tensor, step: Tensor, plane: int) -> list[Tensor]:
    """Magnitudes of the detail bands of ``images`` (n, 1, h, w), their lowest bit ``plane``.

    Plane 0 is where the sparsifier sees the step; planes below are negative.
    """
    _, bands = codec.analyse(images)
    codes = codec.sparsify(bands, step)
    return [torch.floor(code.abs() * 2.0**-plane).long() for code in codes]


def train_context(
    codec: AutoEncoder,
    pictures: Sequence[Picture],
    *,
    steps: int,
    seed: int = 1,
    report: Callable[[str], None] = lambda _: None,
) -> ContextNetworks:
    """Fit context networks to the codes of a trained auto-encoder."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    draw = np.random.default_rng(seed)
    networks = ContextNetworks()
    optimiser = torch.optim.Adam(networks.parameters())
    average = 0.0
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = 3e-3 * 0.5 * (1 + math.cos(math.pi * step / steps))
        images = random_crops(pictures, 3, 256, generator)
        quantiser = torch.exp(torch.from_numpy(draw.uniform(0.4, 4.0, (3, 1, 1, 1)))).float()
        plane = int(draw.choice([0, 0, 0, 0, 1, 1, 2, 3, -1]))
        bits = networks(magnitudes(codec, images, quantiser, plane)) / images.numel()
        optimiser.zero_grad()
        (5 * bits).backward()
        optimiser.step()
        average = 0.98 * average + 0.02 * float(bits.detach())
        if (step + 1) % 200 == 0:
            report(f"step {step + 1} of {steps}: {average:.4f} bits per pixel and plane")
    return networks


def export_context(networks: ContextNetworks, path: Path) -> None:
    """Round the weights to integers and write the network that `ContextModel` runs.

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
                "near": _integers(network.near.weight, first / INPUT_UNIT),
                "overall": _integers(network.overall.weight, first / INPUT_UNIT)[..., None, None],
                "near_bias": _integers(network.near.bias, first),
                "middle": _integers(network.middle.weight, following),
                "middle_bias": _integers(network.middle.bias, HIDDEN_UNIT * following),
                "out": _integers(network.out.weight, following),
                "out_bias": last_bias,
            }
        )
    tables = {name: np.concatenate([_by_place(part[name]) for part in parts]) for name in parts[0]}
    _check_exact(tables)
    onnx.save(_graph(tables), path)


def _integers(weights: Tensor | None, scale: float) -> NDArray[np.float32]:
    assert weights is not None
    return np.rint(weights.detach().numpy().astype(np.float64) * scale).astype(np.float32)


def _by_place(table: NDArray[np.float32]) -> NDArray[np.float32]:
    """Split output channels by place; biases become (places, 1, channels, 1, 1)."""
    if table.ndim == 1:
        return table.reshape(len(PLACES), 1, -1, 1, 1)
    return table.reshape(len(PLACES), -1, *table.shape[1:])


def _check_exact(tables: dict[str, NDArray[np.float32]]) -> None:
    feature = float(max(integer._CURRENT.max(), integer._ABOVE.max()))
    bounds = {
        "near": _reach(tables["near"], feature) + _reach(tables["overall"], len(integer._SHARES)),
        "middle": _reach(tables["middle"], MAX_HIDDEN),
        "out": _reach(tables["out"], MAX_HIDDEN),
    }
    for name, bound in bounds.items():
        bias = np.abs(tables[f"{name}_bias"]).reshape(bound.shape)
        if (bound + bias).max() >= 2**24:
            raise ValueError(f"layer {name} of the context network could exceed 2**24")


def _reach(weights: NDArray[np.float32], largest: float) -> NDArray[np.float32]:
    """Largest sum that inputs up to ``largest`` give in each output channel."""
    sums: NDArray[np.float32] = np.abs(weights).sum((2, 3, 4)) * np.float32(largest)
    return sums


def _graph(tables: dict[str, NDArray[np.float32]]) -> onnx.ModelProto:
    def constant(name: str, value: float) -> TensorProto:
        return numpy_helper.from_array(np.array(value, dtype=np.float32), name)

    weights = [numpy_helper.from_array(table, f"all_{name}") for name, table in tables.items()]
    constants = [
        constant("near_unit", HIDDEN_UNIT / 2**FIRST_BITS),
        constant("middle_unit", 1 / 2**NEXT_BITS),
        constant("out_unit", 1 / INDEX_UNIT),
        constant("zero", 0),
        constant("max_hidden", MAX_HIDDEN),
        constant("even", integer.EVEN_ODDS),
        constant("max_index", 127),
        numpy_helper.from_array(np.array([0], dtype=np.int64), "first_axis"),
    ]
    nodes = [helper.make_node("Gather", [f"all_{name}", "place"], [name]) for name in tables]

    def node(operation: str, inputs: str, output: str, **attributes: Any) -> None:
        nodes.append(helper.make_node(operation, inputs.split(), [output], **attributes))

    reach = tables["near"].shape[-1] // 2
    node("Conv", "cells near", "a", pads=[reach] * 4)
    node("Conv", "densities overall", "b")
    node("Add", "b near_bias", "c")
    node("Add", "a c", "near_sum")
    for layer, source, following in (
        ("near", "near_sum", "middle"),
        ("middle", "middle_sum", "out"),
    ):
        node("Mul", f"{source} {layer}_unit", f"{layer}_scaled")
        node("Floor", f"{layer}_scaled", f"{layer}_floor")
        node("Clip", f"{layer}_floor zero max_hidden", f"{layer}_hidden")
        node("Conv", f"{layer}_hidden {following}", f"{following}_product")
        node("Add", f"{following}_product {following}_bias", f"{following}_sum")
    node("Mul", "out_sum out_unit", "nats")
    node("Floor", "nats", "steps")
    node("Add", "steps even", "shifted")
    node("Clip", "shifted zero max_index", "clipped")
    node("Squeeze", "clipped first_axis", "indices")
    floats = TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "context",
        [
            helper.make_tensor_value_info(
                "cells", floats, [1, integer.CHANNELS, "rows", "columns"]
            ),
            helper.make_tensor_value_info("densities", floats, [1, 2 * BANDS, 1, 1]),
            helper.make_tensor_value_info("place", TensorProto.INT64, []),
        ],
        [helper.make_tensor_value_info("indices", floats, [2, "rows", "columns"])],
        [*weights, *constants],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def prior_probabilities() -> NDArray[np.int64]:
    """Return the probability table that the indices stand for before calibration, in 1/65536."""
    nats = (np.arange(128) - integer.EVEN_ODDS) / INDICES_PER_NAT
    return np.clip(np.rint(2**16 / (1 + np.exp(-nats))), 1, 2**16 - 1).astype(np.int64)


def calibrate(ones: NDArray[np.int64], total: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the probability table that counted bits per index suggest, kept near the prior."""
    weight = 200.0
    prior = prior_probabilities() / 2**16
    share = (ones + weight * prior) / (total + weight)
    return np.clip(np.rint(share * 2**16), 1, 2**16 - 1).astype(np.int64)
