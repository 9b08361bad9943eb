"""How long the way from decrypted bytes to the output of a classifier takes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from primis.codec.codec import Codec
from primis.evaluate.classifier import (
    CODES,
    PIXELS,
    Training,
    build_classifier,
    code_maps,
    reduced,
)
from primis.study.dataset import Case
from primis.study.learning import one_thread, predict
from primis.study.renditions import Renditions

TIMED_IMAGES = 12
STEPS = ("entropy_decoding", "synthesis", "scaling", "network")

Array = NDArray[Any]


def measure_speed(
    cases: Sequence[Case], renditions: Renditions, training: Training, level: str
) -> dict[str, Any]:
    """Time the steps for both inputs; see `primis.evaluate.classification` for the result.

    The time is that of the processor, so other work on the machine hardly counts.
    """
    cases = cases[:TIMED_IMAGES]
    result: dict[str, Any] = {"level": level, "images": len(cases)}
    for input_ in (PIXELS, CODES):
        network = build_classifier(input_, training).eval()
        _steps(cases[0], renditions, training, input_, level, network)  # to warm up
        inputs, times = zip(
            *(_steps(case, renditions, training, input_, level, network) for case in cases),
            strict=True,
        )
        medians = dict(zip(STEPS, np.median(times, 0).tolist(), strict=True))
        result[input_] = {
            "shape": inputs[0].shape,
            "bytes": inputs[0].nbytes,
            "nonzero": np.mean([np.mean(x != 0) for x in inputs]),
            "multiply_adds": multiply_adds(network, inputs[0].shape),
            "parameters": sum(weights.numel() for weights in network.parameters()),
            "seconds": {**medians, "total": sum(medians.values())},
        }
    return result


def _steps(
    case: Case,
    renditions: Renditions,
    training: Training,
    input_: str,
    level: str,
    network: nn.Module,
) -> tuple[Array, list[float]]:
    """Return the input made of one image, and the seconds that each of `STEPS` took."""
    at = [time.process_time()]

    def stop() -> None:
        at.append(time.process_time())

    x: Array
    codes = renditions.unpack(case, level)
    stop()
    if input_ == CODES:
        stop()
        x = code_maps(codes, training.side // 2)
    else:
        picture = Codec.default(threads=1).decode(codes, bits=8)
        stop()
        x = reduced(np.asarray(picture, np.uint8), training.side)[None]
    stop()
    with one_thread():
        predict(network, x[None])
    stop()
    return x, np.diff(at).tolist()


def multiply_adds(network: nn.Module, shape: tuple[int, int, int]) -> int:
    """Count the multiplications of one pass through convolutions and linear layers."""
    total = 0

    def count(layer: nn.Module, _: Any, output: torch.Tensor) -> None:
        nonlocal total
        weight = layer.weight
        assert isinstance(weight, torch.Tensor)
        total += weight[0].numel() * output[0].numel()

    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    predict(network, np.zeros((1, *shape), np.uint8))
    for hook in hooks:
        hook.remove()
    return total
