"""Training of the selectors: what a 1 costs more than a 0, learnt from halfway pictures.

The gradient of the squared error at a coefficient that is 0, or 1.5, tells badly what changing it
to the other is worth: the restorer answers to the jump otherwise than to its beginning. But the
mean of the gradient along the way from 0 to 1.5 is what the jump is worth, exactly (as in
integrated gradients, Sundararajan et al., ICML 2017). So in a crop that is coded as usual, a few
of the coefficients near one step are put somewhere on their way, at random, and one gradient tells
something about all of them; it is unbiased, and a network that is fitted to such examples learns
the mean.

What coefficients gain that are changed together is not the sum of what each gains alone: two may
make up for the same error. So there is a second round, in which the others are as the selectors of
the first round want them, and the selectors are fitted anew to both, each counting half. If the
error is a square, the mean of what each gains before all are changed and after that adds up to
what they gain together. docs/dev/codec.md has measurements.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from primis.codec.networks import FIRST_SELECTED
from primis.train.data import Picture, random_crops
from primis.train.networks import (
    SCALES,
    AutoEncoder,
    Coded,
    Selector,
    neighbours,
    quantised,
    selector_class,
    untrained_selectors,
)
from primis.train.objective import BIT_PRICE, TrainedAutoEncoder

CROP = 320
FINEST, COARSEST = 3.0, 64.0  # quantiser steps, in grey levels of 255
MOVED = 0.12  # share of the coefficients in reach that are on their way in one picture
DRAWS = 2  # such pictures of a crop
JUMP = 1.5  # steps from 0 to what a 1 is restored as
CURVATURE = 1.7  # squared steps by which the gradient usually rises along the way
NET_BITS = 0.95  # of a jump, per bit of its own: what becomes likelier around it saves some
CROPS_PER_FILE = 60
BATCH = 4
OUTLIER = 1.5  # squared steps from which an error counts linearly


class Example(NamedTuple):
    """What selectors see of a crop, finest scale first, and what a 1 costs more at some places.

    ``places`` (m,) are flat in a scale's coefficients (1, 3, h, w), ``prices`` (m,) in squared
    steps. ``weight`` is how much it counts.
    """

    scales: list[Coded]
    places: list[Tensor]
    prices: list[Tensor]
    weight: float = 1.0


def train_selectors(
    model: TrainedAutoEncoder,
    pictures: Sequence[Picture],
    work: Path,
    *,
    crops: Sequence[int],
    epochs: int,
    learning_rate: float = 3e-3,
    seed: int = 1,
    report: Callable[[str], None] = lambda _: None,
) -> None:
    """Give ``model`` selectors, fitted to examples of random crops, each seen ``epochs`` times.

    ``crops`` are drawn in each round. Examples are kept in ``work``, about 0.8 MB each, and those
    that are there are taken.
    """
    model.requires_grad_(False).eval()
    codec, examples = model.codec, []
    codec.selectors = None
    for number, count in enumerate(crops):
        drawn = collect(model, pictures, work, number, crops=count, seed=seed, report=report)
        examples += [example._replace(weight=crops[0] / count) for example in drawn]
        torch.manual_seed(seed)
        selectors = untrained_selectors()
        for kind, selector in enumerate(selectors):
            assert isinstance(selector, Selector)
            scales = [s for s in range(FIRST_SELECTED, SCALES) if selector_class(s) == kind]
            error = fit(selector, examples, scales, epochs=epochs, learning_rate=learning_rate)
            report(f"round {number + 1}, selector {kind}: {error:.3f} squared steps of error")
        codec.selectors = selectors.requires_grad_(False).eval()


def collect(
    model: TrainedAutoEncoder,
    pictures: Sequence[Picture],
    work: Path,
    number: int,
    *,
    crops: int,
    seed: int,
    report: Callable[[str], None],
) -> list[Example]:
    """Draw the examples of a round into files in ``work``, but those that are there; return all."""
    examples: list[Example] = []
    for part in range(math.ceil(crops / CROPS_PER_FILE)):
        path = work / f"examples_{number}_{part}.pt"
        if not path.exists():
            generator = torch.Generator().manual_seed(hash((seed, number, part)))
            count = min(CROPS_PER_FILE, crops - part * CROPS_PER_FILE)
            drawn = [draw_example(model, pictures, generator) for _ in range(count)]
            torch.save([_packed(example) for example in drawn], path.with_suffix(".tmp"))
            path.with_suffix(".tmp").replace(path)
        examples += [_unpacked(packed) for packed in torch.load(path, weights_only=True)]
        report(f"round {number + 1}: examples of {len(examples)} of {crops} crops")
    return examples


def _packed(example: Example) -> list[list[Tensor]]:
    exact, shifted = ([t.half() for t in of] for of in zip(*example.scales, strict=True))
    prices = [t.half() for t in example.prices]
    return [exact, shifted, [t.int() for t in example.places], prices]


def _unpacked(packed: list[list[Tensor]]) -> Example:
    exact, shifted, places, prices = packed
    return Example([Coded(*pair) for pair in zip(exact, shifted, strict=True)], places, prices)


def draw_example(
    model: TrainedAutoEncoder, pictures: Sequence[Picture], generator: torch.Generator
) -> Example:
    """Code a random crop at a random quantiser step, and learn prices from `DRAWS` pictures."""
    image = random_crops(pictures, 1, CROP, generator)
    draw = torch.rand((), generator=generator).item()
    step = torch.full((1, 1, 1, 1), FINEST * (COARSEST / FINEST) ** draw)
    codec = model.codec
    with torch.no_grad():
        smooth, bands = codec.analyse(image)
        scales = codec.shifted(bands, step)
        codes = codec.selected(scales)
        smooth = (torch.floor(smooth / step) + 0.5) * step
    bits = model.bits_of_one(codes)
    places: list[list[Tensor]] = [[] for _ in scales]
    prices: list[list[Tensor]] = [[] for _ in scales]
    for _ in range(DRAWS):
        moved = [own.in_reach() & (_random(own, generator) < MOVED) for own in scales]
        ways = [_random(own, generator) for own in scales]
        slopes = mean_slopes(codec, image, smooth, codes, step, moved, ways)
        for scale, (slope, where) in enumerate(zip(slopes, moved, strict=True)):
            places[scale].append(where.flatten().nonzero()[:, 0])
            prices[scale].append((slope + BIT_PRICE * NET_BITS * bits[scale])[where])
    return Example(scales, [torch.cat(p) for p in places], [torch.cat(p) for p in prices])


def _random(own: Coded, generator: torch.Generator) -> Tensor:
    return torch.rand(own.shifted.shape, generator=generator)


def mean_slopes(
    codec: AutoEncoder,
    image: Tensor,
    smooth: Tensor,
    codes: Sequence[Tensor],
    step: Tensor,
    moved: Sequence[Tensor],
    ways: Sequence[Tensor],
) -> list[Tensor]:
    """Estimate what the jump from 0 to 1 adds to the squared error, where ``moved`` (bool).

    The estimate is the gradient with these coefficients ``ways`` (0 to 1) along the jump. The
    usual slope of that gradient is taken off, whose mean over all ways is zero: it would be noise.

    Returns
    -------
    list of tensors
        In squared steps, of the shapes of ``codes``; without meaning where nothing is moved.
    """
    signs = [torch.where(code < 0, -1.0, 1.0) for code in codes]
    known = [
        torch.where(there, way * JUMP * sign, quantised(code)).requires_grad_()
        for code, sign, there, way in zip(codes, signs, moved, ways, strict=True)
    ]
    slopes = torch.autograd.grad(squared_error(codec, image, smooth, known, step), known)
    return [
        JUMP * slope * sign - CURVATURE * (way - 0.5)
        for slope, sign, way in zip(slopes, signs, ways, strict=True)
    ]


def squared_error(
    codec: AutoEncoder, image: Tensor, smooth: Tensor, known: Sequence[Tensor], step: Tensor
) -> Tensor:
    """Squared error, in squared steps and summed, of the picture made of ``known`` codes."""
    linear = codec.synthesise(smooth, [values * step for values in known])
    complete = [torch.zeros_like(values) for values in known[:2]]
    correction = codec.restorer(linear / step, known[0], known[1], *complete)
    return ((image - linear) / step - correction).square().sum()


def fit(
    selector: Selector,
    examples: Sequence[Example],
    scales: Sequence[int],
    *,
    epochs: int,
    learning_rate: float,
) -> float:
    """Fit a selector to the prices in some scales; return the mean error of the last epoch.

    Half of the examples are shown with all signs turned, which changes no price.
    """
    seen = [(example, scale) for example in examples for scale in scales]
    seen = [(example, scale) for example, scale in seen if len(example.places[scale])]
    optimiser = torch.optim.Adam(selector.parameters())
    per_epoch = math.ceil(len(seen) / BATCH)
    order, error = [0], 0.0
    for step in range(epochs * per_epoch):
        if step % per_epoch == 0:
            order, error = torch.randperm(len(seen)).tolist(), 0.0
        for group in optimiser.param_groups:
            cosine = 0.5 * (1 + math.cos(math.pi * step / (epochs * per_epoch)))
            group["lr"] = learning_rate * min(1.0, (step + 1) / 30) * cosine
        start = step % per_epoch * BATCH
        loss, count = torch.zeros(()), 0
        for number in order[start : start + BATCH]:
            example, scale = seen[number]
            sign = 1.0 if torch.rand(()) < 0.5 else -1.0
            around = neighbours(_turned(example.scales, scale, sign), scale)
            told = selector.price(*around).flatten()[example.places[scale].long()]
            price = example.prices[scale].float()
            error_here = F.huber_loss(told, price, delta=OUTLIER, reduction="sum")
            loss, count = loss + example.weight * error_here, count + len(price)
        loss = loss / count
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        error += loss.item() / per_epoch
    return error


def _turned(scales: Sequence[Coded], scale: int, sign: float) -> list[Coded]:
    """Return coefficients around a scale times ``sign``, in float32."""
    near = range(scale - 1, scale + 2)
    return [
        Coded(codes.exact.float() * sign, codes.shifted.float() * sign) if i in near else codes
        for i, codes in enumerate(scales)
    ]
