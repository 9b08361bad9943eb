"""Networks that tell two classes of images apart, from pixels or from codes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image as Pillow
from torch import nn

from primis.codec.codes import SparseCodes
from primis.evaluate.plan import Task
from primis.study.dataset import Dataset, content
from primis.study.learning import Classifier, RandomView, fit, one_thread, predict, trained
from primis.study.renditions import ORIGINAL, Renditions
from primis.study.workspace import Workspace

PIXELS, CODES = "pixels", "codes"

CODE_SCALES = 5
CODE_CHANNELS = 3 * CODE_SCALES + 1
_CODE_UNIT = 13  # of the logarithm of a coefficient: 8 bits reach 2**14 grey levels

_VIEWS = {
    PIXELS: RandomView(),
    CODES: RandomView(degrees=0, contrast=0),  # bands have a direction, and logarithms no contrast
}

Array = NDArray[Any]
Outputs = dict[str, Any]


@dataclass(frozen=True)
class Training:
    """Settings of the networks.

    Parameters
    ----------
    side
        Rows and columns of an input of pixels; of codes, about half as many.
    width
        Channels of the first stage.
    images
        How many are shown in all; the number of epochs follows from it within `fewest` and `most`.
    fewest, most
        Epochs.
    """

    side: int = 112
    width: int = 16
    images: int = 30_000
    fewest: int = 6
    most: int = 20

    def epochs(self, count: int) -> int:
        """Return the number of epochs for a training split of ``count`` images."""
        return min(self.most, max(self.fewest, round(self.images / count)))


@dataclass(frozen=True)
class Networks:
    """Networks that share all but their seeds.

    Parameters
    ----------
    input
        `PIXELS` or `CODES`.
    trained_on
        A rendition.
    tested_on
        Renditions.
    seeds
        One network for each.
    """

    input: str
    trained_on: str
    tested_on: tuple[str, ...]
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Experiment:
    """What the networks of one evaluation share.

    Parameters
    ----------
    dataset
        Images of the two classes only.
    task
        The classes.
    renditions
        What is seen of the images.
    workspace
        Keeps networks and their outputs.
    training
        Settings of the networks.
    """

    dataset: Dataset
    task: Task
    renditions: Renditions
    workspace: Workspace
    training: Training

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What decides the results, besides the choice of networks."""
        return {
            "task": self.task,
            "data": _digest(self.dataset),
            "renditions": self.renditions.settings,
            "training": self.training,
            "networks": [
                hashlib.sha256(repr(build_classifier(name, self.training)).encode()).hexdigest()
                for name in (PIXELS, CODES)
            ],
        }

    def truth(self, split: str) -> NDArray[np.float32]:
        """Return 1 for the positive images of a split and 0 for the negative ones."""
        column, positive = self.task.column, self.task.positive
        cases = self.dataset.split(split)
        return np.array([case.labels[column] in positive for case in cases], np.float32)

    def outputs(self, group: Networks) -> list[Outputs]:
        """Return the logits that each network of a group gives, unless they are kept.

        Each is a dict of ``val``, for the rendition trained on, and ``test``, by rendition.
        """

        @cache
        def inputs(split: str, rendition: str) -> Array:
            return self._inputs(split, group.input, rendition)

        def compute(seed: int) -> Outputs:
            network = self._trained(group, seed, partial(inputs, rendition=group.trained_on))
            return {
                "val": predict(network, inputs("val", group.trained_on)).round(5),
                "test": {
                    name: predict(network, inputs("test", name)).round(5)
                    for name in group.tested_on
                },
            }

        with one_thread():
            return [
                self.workspace.result(
                    "classifier",
                    {**self.settings, **self._key(group, seed), "tested_on": group.tested_on},
                    partial(compute, seed),
                )
                for seed in group.seeds
            ]

    def _key(self, group: Networks, seed: int) -> dict[str, Any]:
        """Return all that decides a network; one that saw originals serves all rates and models."""
        unseen = {"renditions"} if group.trained_on == ORIGINAL else set()
        return {
            **{name: value for name, value in self.settings.items() if name not in unseen},
            "input": group.input,
            "trained_on": group.trained_on,
            "seed": seed,
        }

    def _inputs(self, split: str, input_: str, rendition: str) -> Array:
        """Return the inputs (n, channels, rows, columns) made of the images of a split."""
        side, cases = self.training.side, self.dataset.split(split)
        if input_ == CODES:
            codes = (self.renditions.codes(case, rendition) for case in cases)
            return np.stack([code_maps(one, side // 2) for one in codes])
        pixels = (self.renditions.pixels(case, rendition) for case in cases)
        return np.stack([reduced(one, side)[None] for one in pixels])

    def _trained(self, group: Networks, seed: int, inputs: Callable[[str], Array]) -> Classifier:
        val_y = torch.from_numpy(self.truth("val"))

        def fitness(network: nn.Module) -> float:
            outputs = torch.from_numpy(predict(network, inputs("val")))
            return -F.binary_cross_entropy_with_logits(outputs, val_y).item()

        def train(network: Classifier) -> None:
            fit(
                network,
                inputs("train"),
                self.truth("train"),
                F.binary_cross_entropy_with_logits,
                epochs=self.training.epochs(len(self.dataset.split("train"))),
                seed=seed,
                validate=fitness,
                augment=_VIEWS[group.input],
            )

        return trained(
            self.workspace.cache,
            self._key(group, seed),
            partial(build_classifier, group.input, self.training),
            train,
        )


def build_classifier(input_: str, training: Training) -> Classifier:
    """Build a network; one for codes has a stage less, as its input is half as large."""
    if input_ == CODES:
        return Classifier(channels=CODE_CHANNELS, width=training.width, stages=4)
    return Classifier(width=training.width, stages=5)


def code_maps(codes: SparseCodes, side: int) -> NDArray[np.int8]:
    """Lay the coarser bands of an image's codes over each other as channels of one size.

    The finest band used is the one whose size is nearest to ``side``; it and the four scales above
    it give three channels each, the smooth band one. Bands are brought to one size by repeating
    (or leaving out) coefficients; scales that a small image lacks are zero. Coefficients are in
    grey levels on a logarithmic scale, log(1 + |x|) with the sign of x, in steps of 1/13.

    Parameters
    ----------
    codes
        As far as they are known.
    side
        Rows and columns of the result.

    Returns
    -------
    int8 array
        (16, side, side).
    """
    layout = codes.layout
    sizes = [min(layout.band_shape(scale)) for scale in range(layout.scales)]
    finest = int(np.argmin([abs(np.log(size / side)) for size in sizes]))
    *details, smooth = codes.coefficients()
    maps = np.zeros((CODE_CHANNELS, side, side), np.float32)
    for place, bands in enumerate(details[finest : finest + CODE_SCALES]):
        maps[3 * place : 3 * place + 3] = _stretched(bands, side)
    maps[-1:] = _stretched(smooth, side)
    logarithm = np.log1p(np.abs(maps) * np.float32(codes.step)) * _CODE_UNIT
    return np.asarray(np.rint(np.copysign(logarithm, maps)).clip(-127, 127), np.int8)


def reduced(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Average a picture over areas, to ``side`` rows and columns whatever its shape."""
    return np.array(Pillow.fromarray(pixels).resize((side, side), Pillow.Resampling.BOX))


def _stretched(bands: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    rows, columns = (
        ((np.arange(side) + 0.5) * length / side).astype(int) for length in bands.shape[1:]
    )
    return bands[:, rows[:, None], columns]


def _digest(dataset: Dataset) -> str:
    """Stand for the images, their patients, splits and labels."""
    digest = hashlib.sha256()
    for case in dataset.cases:
        labels = sorted(case.labels.items())
        digest.update(repr([content(case.path), case.patient, case.split, labels]).encode())
    return digest.hexdigest()
