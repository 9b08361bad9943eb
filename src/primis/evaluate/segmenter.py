"""A network that outlines structures, and the mean mask that it has to beat.

Both work on squares of a fixed size, whatever the shape of an image, and are judged at the shape of
the image.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from primis.evaluate.masks import dice

if TYPE_CHECKING:
    from torch import Tensor, nn

Floats = NDArray[np.float32]
Masks = NDArray[np.bool_]

_SMOOTH = 1.0  # pixels: keeps the Dice loss of an absent structure defined


@dataclass(frozen=True)
class Training:
    """How a network is made: a schedule fixed beforehand, with nothing chosen by its results.

    Parameters
    ----------
    size
        Side of the square that images are resized to.
    width
        Channels of the U-Net at full resolution.
    steps
        Batches to learn from, rounded to whole passes over the training images, one at least.
    batch, learning_rate
        Of `primis.study.learning.fit`.
    """

    size: int = 128
    width: int = 8
    steps: int = 400
    batch: int = 8
    learning_rate: float = 4e-3


USUAL, QUICK = Training(), Training(size=96, steps=200)


def to_input(pixels: NDArray[np.uint8], size: int) -> Floats:
    """Resize an image to (1, size, size), with mean 0 and standard deviation 1."""
    small = _resized(pixels, (size, size))
    return np.asarray((small - small.mean()) / max(float(small.std()), 1.0), np.float32)[None]


def to_target(masks: Masks, size: int) -> Masks:
    """Resize masks (structures, rows, columns) to (structures, size, size)."""
    return np.stack([_resized(mask.astype(np.float32), (size, size)) >= 0.5 for mask in masks])


def to_masks(maps: Floats, shape: tuple[int, int], thresholds: Floats) -> Masks:
    """Resize maps (structures, size, size) to an image's shape and cut each at its threshold."""
    return np.stack(
        [_resized(one, shape) >= threshold for one, threshold in zip(maps, thresholds, strict=True)]
    )


def network(
    cache: Path,
    settings: Mapping[str, Any],
    training: Training,
    seed: int,
    structures: int,
    load: Callable[[], tuple[Floats, Masks]],
) -> nn.Module:
    """Return a U-Net from the cache, or train it.

    Parameters
    ----------
    cache, settings
        Where to keep it, and what decides its training images.
    training, seed
        How to train it.
    structures
        How many to outline.
    load
        Returns inputs (n, 1, size, size) and targets (n, structures, size, size) to learn from.
    """
    from primis.study.learning import RandomView, UNet, fit, trained

    def train(model: nn.Module) -> None:
        inputs, targets = load()
        fit(
            model,
            inputs,
            targets.astype(np.float32),
            _loss,
            epochs=max(1, round(training.steps * training.batch / len(inputs))),
            seed=seed,
            batch=training.batch,
            learning_rate=training.learning_rate,
            augment=RandomView(),
        )

    return trained(
        cache,
        {**settings, **asdict(training), "network": "segmenter", "seed": seed},
        lambda: UNet(1, structures, training.width),
        train,
    )


def outlined(model: nn.Module, inputs: Floats) -> Floats:
    """Probability of every structure at every pixel, (n, structures, size, size)."""
    from primis.study.learning import predict

    return np.asarray(1 / (1 + np.exp(-predict(model, inputs))), np.float32)


def mean_mask(targets: Masks) -> tuple[Floats, Floats]:
    """Average masks, and find where to cut the average.

    Parameters
    ----------
    targets
        Masks of the training images, (n, structures, size, size).

    Returns
    -------
    maps
        How often each pixel belongs to each structure, (structures, size, size).
    thresholds
        (structures,), of 0.05, 0.10 ... 0.95 what gives the best mean Dice on the same images: the
        best guess there is without looking at an image.
    """
    maps = targets.mean(0, dtype=np.float32)
    candidates = np.linspace(0.05, 0.95, 19, dtype=np.float32)
    thresholds = []
    for masks, average in zip(np.moveaxis(targets, 1, 0), maps, strict=True):
        masks = masks[masks.any((1, 2))]
        overlaps = [
            np.mean([dice(mask, average >= at) for mask in masks] or [0]) for at in candidates
        ]
        thresholds.append(candidates[int(np.argmax(overlaps))])
    return maps, np.array(thresholds, np.float32)


def _loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy plus one minus the Dice of each structure over the batch.

    After Isensee et al., nnU-Net, Nature Methods 18, 2021.
    """
    import torch.nn.functional as F

    probability, axes = logits.sigmoid(), (0, 2, 3)
    common = (probability * targets).sum(axes)
    total = probability.sum(axes) + targets.sum(axes)
    overlap = (2 * common + _SMOOTH) / (total + _SMOOTH)
    return F.binary_cross_entropy_with_logits(logits, targets) + 1 - overlap.mean()


def _resized(values: NDArray[Any], shape: tuple[int, int]) -> Floats:
    """Resize (rows, columns) linearly, averaging where it shrinks."""
    image = PIL.Image.fromarray(values.astype(np.float32))
    return np.asarray(image.resize(shape[::-1], PIL.Image.Resampling.BILINEAR))
