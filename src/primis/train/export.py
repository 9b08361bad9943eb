"""From trained weights to a model bundle: ONNX files, integer tables, manifest, golden example."""

from __future__ import annotations

import logging
import warnings
from copy import deepcopy
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import helper, numpy_helper
from torch import Tensor, nn
from torch.onnx.ops import symbolic

from primis.codec.networks import FIRST_SELECTED
from primis.train.eight_bit import EightBitConv2d, Rounding
from primis.train.lifting import Scale
from primis.train.networks import (
    DISTINCT_SCALES,
    AutoEncoder,
    Coded,
    ResidualBlock,
    Restorer,
    Selector,
    Sparsifier,
    Transform,
)

OPSET = 18
LARGE_WEIGHT = 512  # values; smaller tensors (lifting taps, biases) stay in float32


class _Analysis(nn.Module):
    def __init__(self, scale: Scale) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        return self.scale.analyse(image)


class _Synthesis(nn.Module):
    def __init__(self, scale: Scale) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, smooth: Tensor, details: Tensor) -> Tensor:
        return self.scale.synthesise(smooth, details)


class _Sparsification(nn.Module):
    def __init__(self, sparsifier: Sparsifier) -> None:
        super().__init__()
        self.sparsifier = sparsifier

    def forward(self, details: Tensor, parents: Tensor) -> Tensor:
        return details + self.sparsifier(details, parents)


class _Selection(nn.Module):
    def __init__(self, selector: Selector) -> None:
        super().__init__()
        self.selector = selector

    def forward(
        self,
        exact: Tensor,
        shifted: Tensor,
        coarser_exact: Tensor,
        coarser_shifted: Tensor,
        finer_exact: Tensor,
        finer_shifted: Tensor,
    ) -> Tensor:
        own, coarser = Coded(exact, shifted), Coded(coarser_exact, coarser_shifted)
        selected: Tensor = self.selector(own, coarser, Coded(finer_exact, finer_shifted))
        return selected


class _Rounding(nn.Module):
    """To eight bits and back, as operators that onnxruntime merges into integer convolutions."""

    def __init__(self, rounding: Rounding) -> None:
        super().__init__()
        self.unit = nn.Buffer(rounding.unit().detach())
        self.zero = nn.Buffer(torch.tensor(-rounding.lowest, dtype=torch.uint8))

    def forward(self, x: Tensor) -> Tensor:
        level = (self.unit, self.zero)
        whole = symbolic("QuantizeLinear", (x, *level), dtype=torch.uint8, shape=x.shape)
        return symbolic("DequantizeLinear", (whole, *level), dtype=torch.float32, shape=x.shape)


class _EightBitConv2d(nn.Module):
    """A convolution with the integers of one in training; ``seen`` is the unit of its input."""

    def __init__(self, conv: EightBitConv2d, seen: Tensor) -> None:
        super().__init__()
        assert conv.bias is not None
        units = conv.unit().detach()
        self.unit = nn.Buffer(units.flatten())
        self.weight = nn.Buffer((conv.weight.detach() / units).round().to(torch.int8))
        self.bias_unit = nn.Buffer(self.unit * seen)
        self.bias = nn.Buffer((conv.bias.detach() / self.bias_unit).round().int())

    def forward(self, x: Tensor) -> Tensor:
        weight = _dequantised(self.weight, self.unit)
        return F.conv2d(x, weight, _dequantised(self.bias, self.bias_unit), padding=1)


def _dequantised(whole: Tensor, unit: Tensor) -> Tensor:
    return symbolic(
        "DequantizeLinear",
        (whole, unit),
        attrs={"axis": 0},
        dtype=torch.float32,
        shape=whole.shape,
    )


class _IntegerBlock(nn.Module):
    def __init__(self, block: ResidualBlock) -> None:
        super().__init__()
        self.seen = _Rounding(block.seen)
        self.first = _EightBitConv2d(block.first, self.seen.unit)
        self.between = _Rounding(block.between)
        self.second = _EightBitConv2d(block.second, self.between.unit)
        self.added = _Rounding(block.added)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.between(self.first(self.seen(x)))
        added: Tensor = self.added(self.second(hidden))
        return x + added


class _Restoration(nn.Module):
    def __init__(self, restorer: Restorer) -> None:
        super().__init__()
        self.restorer = deepcopy(restorer)
        for stage in (self.restorer.before, self.restorer.deep, self.restorer.after):
            for number, block in enumerate(stage):
                assert isinstance(block, ResidualBlock)
                stage[number] = _IntegerBlock(block)

    def forward(
        self, image: Tensor, fine: Tensor, coarse: Tensor, fine_half: Tensor, coarse_half: Tensor
    ) -> Tensor:
        return image + self.restorer(image, fine, coarse, fine_half, coarse_half)


def export_networks(codec: AutoEncoder, folder: Path) -> None:
    """Write the networks of ``codec`` as ONNX files into ``folder``."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it warns of absent torchvision
    codec = codec.eval().cpu()
    _export_transform(Transform(width=0).scale(0), "plain", folder)
    for number in range(DISTINCT_SCALES):
        _export_transform(codec.scale(number), str(number), folder)
        sparsifier = codec.sparsifiers[number]
        assert isinstance(sparsifier, Sparsifier)
        _export(
            _Sparsification(sparsifier),
            {"details": torch.zeros(1, 3, 32, 48), "parents": torch.ones(1, 3, 32, 48)},
            ("codes",),
            folder / f"sparsify_{number}",
        )
    for stale in folder.glob("select_*.onnx"):
        stale.unlink()
    for number, selector in enumerate(codec.selectors or (), FIRST_SELECTED):
        assert isinstance(selector, Selector)
        _export_selector(selector, folder / f"select_{number}")
    _export(
        _Restoration(codec.restorer),
        {
            "image": torch.zeros(1, 1, 64, 96),
            "fine": torch.zeros(1, 3, 32, 48),
            "coarse": torch.zeros(1, 3, 16, 24),
            "fine_half": torch.zeros(1, 3, 32, 48),
            "coarse_half": torch.zeros(1, 3, 16, 24),
        },
        ("restored",),
        folder / "restore",
    )


def _export_selector(selector: Selector, stem: Path) -> None:
    inputs = {
        f"{scale}{kind}": torch.zeros(1, 3, *shape)
        for scale, shape in (("", (32, 48)), ("coarser_", (32, 48)), ("finer_", (64, 96)))
        for kind in ("exact", "shifted")
    }
    _export(_Selection(selector), inputs, ("codes",), stem)


def _export_transform(scale: Scale, name: str, folder: Path) -> None:
    smooth, details = torch.zeros(1, 1, 32, 48), torch.zeros(1, 3, 32, 48)
    _export(
        _Analysis(scale),
        {"image": torch.zeros(1, 1, 64, 96)},
        ("smooth", "details"),
        folder / f"analysis_{name}",
    )
    _export(
        _Synthesis(scale),
        {"smooth": smooth, "details": details},
        ("image",),
        folder / f"synthesis_{name}",
    )


def _export(
    network: nn.Module, inputs: dict[str, Tensor], outputs: tuple[str, ...], stem: Path
) -> None:
    shapes = tuple(
        {2: torch.export.Dim.AUTO, 3: torch.export.Dim.AUTO} for tensor in inputs.values()
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own deprecations
        program = torch.onnx.export(
            network.eval(),
            tuple(inputs.values()),
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=shapes,
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    onnx.save(_halve_weights(_anonymous(program.model_proto)), stem.with_suffix(".onnx"))


def _anonymous(model: onnx.ModelProto) -> onnx.ModelProto:
    """Drop what the exporter notes of its source: stack traces name folders of this machine."""
    graph = model.graph
    values = [*graph.input, *graph.output, *graph.value_info, *graph.initializer]
    for part in (model, graph, *graph.node, *values):
        part.doc_string = ""
        del part.metadata_props[:]
    return model


def _halve_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store large weights as float16 and cast them back on load: half the file, same arithmetic."""
    graph = model.graph
    casts = []
    for weight in graph.initializer:
        array = numpy_helper.to_array(weight)
        if array.dtype == np.float32 and array.size >= LARGE_WEIGHT:
            name = weight.name
            weight.CopyFrom(numpy_helper.from_array(array.astype(np.float16), f"{name}_half"))
            casts.append(helper.make_node("Cast", [weight.name], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return model
