"""From trained weights to a model bundle: ONNX files, integer tables, manifest, golden example."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn

from primis.train.lifting import Scale
from primis.train.networks import (
    DISTINCT_SCALES,
    AutoEncoder,
    Restorer,
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


class _Restoration(nn.Module):
    def __init__(self, restorer: Restorer) -> None:
        super().__init__()
        self.restorer = restorer

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
