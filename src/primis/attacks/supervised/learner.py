"""Networks that read a corpus, and how an attacker trains them."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from primis.attacks.supervised.corpus import Corpus
from primis.attacks.supervised.scene import Scene
from primis.study.learning import Loss, UNet, fit, predict

_SIGNIFICANCE = 4.5  # standard deviations; of thousands of idle bits none gets there by chance
_MOST_BITS = 16


def legible(corpus: Corpus, known: NDArray[np.intp], answers: NDArray[Any]) -> NDArray[np.float16]:
    """Return the maps of a corpus, and as constant maps the bits that have to do with the answers.

    Networks of this size would learn the other bits by heart.

    Parameters
    ----------
    corpus
        n cases.
    known
        Positions of the pairs to judge the bits by.
    answers
        (n, ...): what the attacker wants to know, in a few numbers for each case.

    Returns
    -------
    array
        float16 (n, channels, rows, columns), with up to 16 channels more than the maps have.
    """
    bits, wanted = (
        array[known].reshape(len(known), -1).astype(np.float64) for array in (corpus.bits, answers)
    )
    bits, wanted = ((a - a.mean(axis=0)) / (a.std(axis=0) + 1e-9) for a in (bits, wanted))
    deviations = np.abs(bits.T @ wanted).max(axis=1, initial=0) / np.sqrt(len(known))
    order = np.argsort(-deviations)[:_MOST_BITS]
    telling = corpus.bits[:, order[deviations[order] > _SIGNIFICANCE]].astype(np.float16)
    constant = np.broadcast_to(telling[:, :, None, None], (*telling.shape, *corpus.maps.shape[2:]))
    return np.concatenate([corpus.maps, constant], axis=1)


class MapReader(nn.Module):
    """Says something of every place: a linear map of what is there, and a U-Net that adds to it.

    Parameters
    ----------
    channels, width
        Of the inputs, and of the U-Net.
    prior
        (outputs, rows, columns): what is there on average.
    weights
        (features, outputs): what the linear map starts from; see `_features`.
    """

    def __init__(
        self, channels: int, width: int, prior: NDArray[Any], weights: NDArray[Any]
    ) -> None:
        super().__init__()
        self.prior = nn.Parameter(torch.from_numpy(prior), requires_grad=False)
        self.weights = nn.Parameter(torch.from_numpy(weights))
        self.unet = silent_unet(channels, len(prior), width)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (n, channels, rows, columns) to (n, outputs, rows, columns)."""
        linear = torch.einsum("nfij,fo->noij", _features(inputs, self.prior), self.weights)
        result: Tensor = linear + self.unet(inputs)
        return result


def silent_unet(channels: int, outputs: int, width: int, depth: int = 4) -> UNet:
    """Make a U-Net whose output is zero to begin with."""
    unet = UNet(channels, outputs, width, depth)
    nn.init.zeros_(unet.head.weight)
    if unet.head.bias is not None:
        nn.init.zeros_(unet.head.bias)
    return unet


def _features(inputs: Tensor, prior: Tensor) -> Tensor:
    """Join what the file has for each place, its magnitudes, the prior, and a constant."""
    maps = inputs.float()
    known = prior.expand(len(maps), -1, -1, -1)
    return torch.cat([maps, maps.abs(), known, torch.ones_like(maps[:, :1])], 1)


def _least_squares(
    inputs: NDArray[np.float16], prior: NDArray[Any], targets: NDArray[Any]
) -> NDArray[np.float32]:
    """Fit the linear map of `MapReader` to targets (n, outputs, rows, columns)."""
    gram: NDArray[np.float64] = np.zeros(())
    moment: NDArray[np.float64] = np.zeros(())
    for maps, target in zip(inputs, targets, strict=True):
        some = _features(torch.from_numpy(maps[None]), torch.from_numpy(prior))[0]
        columns = some.flatten(1).numpy().astype(np.float64)
        gram = gram + columns @ columns.T
        moment = moment + columns @ target.reshape(len(prior), -1).T
    return np.linalg.solve(gram + 1e-3 * np.eye(len(gram)), moment).astype(np.float32)


def learn_map(
    scene: Scene, targets: NDArray[Any], loss: Loss, *, start: NDArray[Any] | None = None
) -> NDArray[np.float32]:
    """Train a `MapReader` on the known pairs and return its outputs for the test images.

    Parameters
    ----------
    scene
        See `learn`.
    targets
        (n, ..., side / 2, side / 2), for all cases of the corpus.
    loss
        Of a batch of outputs and targets.
    start
        (n, outputs, side / 2, side / 2): outputs that the linear map starts from by least squares;
        default: the targets.
    """
    start = targets if start is None else start
    inputs = legible(scene.corpus, scene.train, start.mean(axis=(2, 3)))
    known = start[scene.train].astype(np.float32)
    prior = known.mean(axis=0)
    weights = _least_squares(inputs[scene.train], prior, known)

    def build() -> nn.Module:
        return MapReader(inputs.shape[1], scene.settings.width, prior, weights)

    model = learn(scene, build, inputs, targets, loss, batch=8, start_counts=True)
    return predict(model, inputs[scene.test])


def learn(
    scene: Scene,
    build: Callable[[], nn.Module],
    inputs: NDArray[Any],
    targets: NDArray[Any],
    loss: Loss,
    *,
    score: Callable[[NDArray[np.float32], NDArray[Any]], float] | None = None,
    train: NDArray[np.intp] | None = None,
    check: NDArray[np.intp] | None = None,
    batch: int = 32,
    epochs: int | None = None,
    start_counts: bool = False,
) -> nn.Module:
    """Train a network on the known pairs and stop by the held-out ones among them.

    Parameters
    ----------
    scene
        Whose settings and known pairs to use.
    build
        Makes the network.
    inputs, targets
        (n, ...), for all cases of the corpus.
    loss
        Of a batch of outputs and targets.
    score
        Of all outputs and targets of the held-out pairs, larger is better; default: minus loss.
    train, check
        Positions in ``inputs`` and ``targets``; default: those of the scene.
    batch
        Size of a batch.
    epochs
        Default: those of the settings.
    start_counts
        Whether the network as it is built is a candidate, too: training then makes no worse, as far
        as the held-out pairs tell.
    """
    train = scene.train if train is None else train
    check = scene.check if check is None else check

    def validate(model: nn.Module) -> float:
        outputs = predict(model, inputs[check])
        if score is not None:
            return score(outputs, targets[check])
        wanted = torch.from_numpy(targets[check])
        return -float(loss(torch.from_numpy(outputs), wanted))

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(scene.settings.seed)
        model = build()
    start, start_score = None, -math.inf
    if start_counts and len(check):
        start, start_score = copy.deepcopy(model.state_dict()), validate(model)
    fit(
        model,
        inputs[train],
        targets[train],
        loss,
        epochs=epochs or scene.settings.epochs,
        seed=scene.settings.seed,
        batch=batch,
        validate=validate if len(check) else None,
        report=lambda line: scene.report(f"{scene.name}: {line}"),
    )
    if start is not None and validate(model) <= start_score:
        model.load_state_dict(start)
    return model
