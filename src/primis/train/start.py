"""First weights of a training run: from the checkpoint of an earlier one, or from a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor

from primis.codec.context import (
    CHANNELS,
    NETWORK,
    PARENT_NETWORK,
    SCALE_CLASSES,
    SIGN_NETWORK,
)
from primis.codec.integers import INDEX_BITS, SIDE, read_weights
from primis.codec.layout import BANDS
from primis.errors import InputError
from primis.train.context import INPUT_UNIT
from primis.train.integers import FIRST_UNIT, HIDDEN_UNIT, NEXT_UNIT
from primis.train.networks import DISTINCT_SCALES

Weights: TypeAlias = dict[str, Tensor]
Arrays: TypeAlias = Mapping[str, NDArray[np.float32]]

_HINT = (
    "name the checkpoint.pt of an earlier run or the folder of a model bundle in "
    "autoencoder.start, or leave that out"
)


def first_weights(source: Path) -> Weights:
    """Return weights of `primis.train.objective.TrainedAutoEncoder`, as far as ``source`` has them.

    Parameters
    ----------
    source
        A checkpoint, whose averaged weights are taken, or the folder of a model bundle. A bundle
        holds weights as float16 and those of the context networks as integers, so training goes
        on from a little beside where it ended.

    Raises
    ------
    InputError
        If it is neither.
    """
    return _from_bundle(source) if source.is_dir() else _from_checkpoint(source)


def _from_checkpoint(path: Path) -> Weights:
    try:
        average = torch.load(path, map_location="cpu", weights_only=True)["average"]
    except Exception as error:  # torch.load raises errors of many kinds
        raise InputError(f"{path} is not a checkpoint to start from", hint=_HINT) from error
    parts = ("module.codec.", "module.entropy.")
    return {
        name.removeprefix("module."): value
        for name, value in average.items()
        if name.startswith(parts)
    }


def _from_bundle(folder: Path) -> Weights:
    try:
        weights = _restorer(_tensors(folder / "restore.onnx"))
        for number in range(DISTINCT_SCALES):
            transform = _tensors(folder / f"analysis_{number}.onnx")
            weights |= {
                f"codec.scales.{number}.{name}": torch.from_numpy(array)
                for name, array in _scale(transform).items()
            }
            sparsifier = _tensors(folder / f"sparsify_{number}.onnx")
            weights |= _renamed(sparsifier, "sparsifier.", f"codec.sparsifiers.{number}.")
        weights |= _bits(read_weights(folder / NETWORK), "classes", CHANNELS)
        if (folder / PARENT_NETWORK).exists():  # not in radiograph-6 and before
            weights |= _bits(read_weights(folder / PARENT_NETWORK), "parents", BANDS)
        weights |= _signs(read_weights(folder / SIGN_NETWORK))
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{folder} is not a model bundle to start from", hint=_HINT) from error
    return weights


def _tensors(path: Path) -> Arrays:
    """Return the tensors of an ONNX file as float32, by the names they had before export."""
    try:
        graph = onnx.load(path).graph
    except Exception as error:  # protobuf raises errors of its own
        raise ValueError(f"{path} is not an ONNX file") from error
    return {
        tensor.name.removesuffix("_half"): numpy_helper.to_array(tensor).astype(np.float32)
        for tensor in graph.initializer
    }


def _renamed(tensors: Arrays, old: str, new: str) -> Weights:
    """Choose tensors whose names begin with ``old``, and let them begin with ``new``."""
    return {
        new + name.removeprefix(old): torch.from_numpy(array)
        for name, array in tensors.items()
        if name.startswith(old)
    }


def _restorer(tensors: Arrays) -> Weights:
    """Undo what `primis.train.export` does to blocks of eight-bit integers."""
    weights = {}
    for name, array in tensors.items():
        layer, _, kind = name.rpartition(".")
        if kind == "weight" and f"{layer}.unit" in tensors:
            array = array * tensors[f"{layer}.unit"].reshape(-1, 1, 1, 1)
        elif kind == "bias" and f"{layer}.bias_unit" in tensors:
            array = array * tensors[f"{layer}.bias_unit"]
        elif kind == "unit" and f"{layer}.weight" not in tensors:
            name, array = f"{layer}.log_unit", np.log(array)
        elif kind not in ("weight", "bias"):
            continue
        weights[name] = np.asarray(array, dtype=np.float32)
    return _renamed(weights, "restorer.", "codec.restorer.")


def _scale(tensors: Arrays) -> dict[str, NDArray[np.float32]]:
    """Take the weights of one scale out of its analysis.

    The exporter folds what does not depend on the image and names it as it likes: lifting taps are
    repeated by channel (one along rows, two along columns) and stand in the order of their steps,
    gains likewise, and the first kernel has its mean subtracted.
    """

    def shaped(*shape: int) -> list[NDArray[np.float32]]:
        return [array for array in tensors.values() if array.shape == shape]

    weights = {
        "predict.first.weight": next(a for a in tensors.values() if a.shape[1:] == (1, 5, 5)),
        "predict.middle.weight": tensors["scale.predict.middle.weight"],
        "predict.last.weight": tensors["scale.predict.last.weight"],
    }
    for channels, direction, gain in zip((1, 2), ("rows", "columns"), shaped(), strict=True):
        taps = np.stack([kernel[0, 0, 0] for kernel in shaped(channels, 1, 1, 4)])
        weights[f"along_{direction}.taps"] = taps
        weights[f"along_{direction}.log_gain"] = np.asarray(np.log(gain))
    return weights


def _bits(integers: Arrays, name: str, channels: int) -> Weights:
    """Undo `primis.train.integers.export_context` and `export_parents`."""
    each = len(integers["near"]) // SCALE_CLASSES
    return {
        f"entropy.context.{name}.{number}.{layer}": torch.from_numpy(
            np.concatenate(array[each * number : each * (number + 1)])
        )
        for layer, array in _layers(integers, channels).items()
        for number in range(SCALE_CLASSES)
    }


def _layers(integers: Arrays, channels: int) -> dict[str, NDArray[np.float32]]:
    """Return the layers of networks for bits (networks, outputs, ...), as they were in training."""
    networks, inputs, width = integers["near"].shape
    kernels = integers["near"].reshape(networks, SIDE, SIDE, inputs // SIDE**2, width)
    last_unit = HIDDEN_UNIT * NEXT_UNIT
    layers = {
        "near.weight": kernels[..., :channels, :].transpose(0, 4, 3, 1, 2)
        * (INPUT_UNIT / FIRST_UNIT),
        "near.bias": integers["near_bias"] / FIRST_UNIT,
        "overall.weight": integers["overall"].transpose(0, 2, 1) * (INPUT_UNIT / FIRST_UNIT),
        "middle.weight": integers["middle"].transpose(0, 2, 1)[..., None, None] / NEXT_UNIT,
        "middle.bias": integers["middle_bias"] / last_unit,
        "out.weight": integers["out"].transpose(0, 2, 1)[..., None, None] / NEXT_UNIT,
        "out.bias": (integers["out_bias"] - 2**INDEX_BITS // 2) / last_unit,
    }
    return {name: np.ascontiguousarray(layer, np.float32) for name, layer in layers.items()}


def _signs(integers: Arrays) -> Weights:
    """Undo `primis.train.integers.export_signs`."""
    floats = {
        "near": integers["near"] * (INPUT_UNIT / FIRST_UNIT),
        "bias": integers["near_bias"] / FIRST_UNIT,
        "out": integers["out"][..., 0] / NEXT_UNIT,
    }
    return {
        f"entropy.signs.{name}": torch.from_numpy(array.astype(np.float32))
        for name, array in floats.items()
    }
