"""Small networks that train within minutes on a few cores, and their training."""

from __future__ import annotations

import copy
import io
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from primis.errors import InputError
from primis.files import write_atomically
from primis.study.workspace import make_folder, settings_hash

Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]
Augment: TypeAlias = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]
Network = TypeVar("Network", bound=nn.Module)

BATCH = 32


class Classifier(nn.Module):
    """A compact residual network (He et al., CVPR 2016, with squeeze-and-excitation).

    Parameters
    ----------
    classes
        Number of outputs (logits); 1 for a binary task, whose output has shape (n,).
    channels
        Of the input, of any size from 16 pixels a side and any scale of values: each channel is
        normalised by the statistics of the training data.
    width
        Channels of the first stage; each later one has twice as many.
    stages
        How often the input is halved, after a first halving by the stem.
    stem
        Stride of the first convolution: 2, or 1 for small inputs.
    """

    def __init__(
        self,
        classes: int = 1,
        *,
        channels: int = 1,
        width: int = 16,
        stages: int = 4,
        stem: int = 2,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        widths = [width * 2**stage for stage in range(stages)]
        self.scale = nn.BatchNorm2d(channels, affine=False)
        self.stem = _convolution(channels, width, 5, stem)
        self.blocks = nn.Sequential(
            *(_Residual(before, after, 2) for before, after in pairwise([width, *widths]))
        )
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(widths[-1], classes))

    def forward(self, images: Tensor) -> Tensor:
        """Map (n, channels, rows, columns) to logits (n, classes), or (n,) for one class."""
        maps = self.blocks(F.relu(self.stem(self.scale(images))))
        logits: Tensor = self.head(maps.mean((2, 3)))
        return logits[:, 0] if logits.shape[1] == 1 else logits


class UNet(nn.Module):
    """A residual U-Net (Ronneberger, Fischer, Brox, MICCAI 2015) for inputs of any size.

    Parameters
    ----------
    in_channels, out_channels
        Of input and output, which have the same rows and columns. Each channel of the input is
        normalised by the statistics of the training data.
    width
        Channels at full resolution; doubled at every halving.
    depth
        Number of halvings.
    """

    def __init__(
        self, in_channels: int = 1, out_channels: int = 1, width: int = 12, depth: int = 4
    ) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(depth + 1)]
        self.depth = depth
        self.scale = nn.BatchNorm2d(in_channels, affine=False)
        self.start = _convolution(in_channels, width, 3, 1)
        self.down = nn.ModuleList(_Residual(before, after, 2) for before, after in pairwise(widths))
        self.up = nn.ModuleList(
            _Residual(above + below, below, 1) for below, above in reversed(list(pairwise(widths)))
        )
        self.head = nn.Conv2d(width, out_channels, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Map (n, in_channels, rows, columns) to (n, out_channels, rows, columns)."""
        rows, columns = images.shape[2:]
        cell = 2**self.depth
        padded = F.pad(self.scale(images), (0, -columns % cell, 0, -rows % cell), mode="replicate")
        maps = F.relu(self.start(padded))
        kept = []
        for down in self.down:
            kept.append(maps)
            maps = down(maps)
        for up in self.up:
            larger = F.interpolate(maps, scale_factor=2.0, mode="bilinear", align_corners=False)
            maps = up(torch.cat([larger, kept.pop()], 1))
        result: Tensor = self.head(maps)
        return result[:, :, :rows, :columns]


class RandomView:
    """Augmentation of images by turning, resizing, shifting, and changing the contrast.

    Targets that are maps move along (nearest neighbour); others are left as they are.

    Parameters
    ----------
    degrees, zoom, shift
        Largest rotation; largest relative change of size; largest shift as part of the side.
    contrast
        Largest relative change of the values around their mean.
    flip
        Mirror left and right for half of the images.
    """

    def __init__(
        self,
        degrees: float = 7,
        zoom: float = 0.1,
        shift: float = 0.06,
        contrast: float = 0.2,
        flip: bool = False,
    ) -> None:
        self.degrees, self.zoom, self.shift = degrees, zoom, shift
        self.contrast, self.flip = contrast, flip

    def __call__(
        self, images: Tensor, targets: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Change a batch."""
        draws = 2 * torch.rand(6, len(images), generator=generator) - 1
        angle = draws[0] * math.radians(self.degrees)
        scale = 1 + draws[1] * self.zoom
        mirror = torch.where(draws[5] < 0, -1.0, 1.0) if self.flip else torch.ones(len(images))
        ratio = images.shape[2] / images.shape[3]
        cos, sin = scale * angle.cos(), scale * angle.sin()
        rows = [
            torch.stack([cos * mirror, -sin * ratio, draws[2] * self.shift * 2], 1),
            torch.stack([sin / ratio * mirror, cos, draws[3] * self.shift * 2], 1),
        ]
        grid = F.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
        moved = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
        mean = moved.mean((1, 2, 3), keepdim=True)
        gain = (1 + draws[4] * self.contrast)[:, None, None, None]
        if targets.ndim == 4:
            maps = F.grid_sample(targets.float(), grid, mode="nearest", align_corners=False)
            targets = maps.to(targets.dtype)
        return mean + (moved - mean) * gain, targets


def fit(
    model: nn.Module,
    inputs: ArrayLike,
    targets: ArrayLike,
    loss: Loss,
    *,
    epochs: int,
    seed: int,
    validate: Callable[[nn.Module], float] | None = None,
    patience: int | None = None,
    batch: int = BATCH,
    learning_rate: float = 2e-3,
    weight_decay: float = 0.02,
    augment: Augment | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> None:
    """Train a network in place with AdamW and the one-cycle schedule.

    AdamW: Loshchilov and Hutter, ICLR 2019; one cycle: Smith and Topin, 2019.

    Parameters
    ----------
    model
        Left in evaluation mode, with the weights of the epoch that validated best.
    inputs, targets
        (n, ...) each, of any type; cast to float32 batch by batch, integer targets to int64.
    loss
        Of the outputs and targets of a batch.
    epochs, batch, learning_rate, weight_decay
        Settings of the optimiser; the learning rate is the peak of its cycle.
    seed
        Decides the order, the augmentation and the dropout. Equal seeds give equal weights.
    validate
        Score of the network, in evaluation mode, after each epoch; higher is better. Must look
        at validation data alone. Without it the last weights stay.
    patience
        Stop after so many epochs without a better score; None never stops early.
    augment
        Changes the inputs and targets of a batch, as `RandomView` does.
    report
        Called with a line after each epoch.
    """
    x, y = _tensor(inputs), _tensor(targets)
    _arrange(model)
    steps = math.ceil(len(x) / batch)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=learning_rate, weight_decay=weight_decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: _one_cycle(step / (epochs * steps))
    )
    generator = torch.Generator().manual_seed(seed)
    best, best_epoch, kept = -math.inf, 0, None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for epoch in range(epochs):
            model.train()
            total = 0.0
            for chosen in torch.split(torch.randperm(len(x), generator=generator), batch):
                some_x, some_y = _floats(x[chosen]), _target(y[chosen])
                if augment is not None:
                    some_x, some_y = augment(some_x, some_y, generator)
                optimiser.zero_grad(set_to_none=True)
                cost = loss(model(some_x), some_y)
                torch.autograd.backward(cost)
                optimiser.step()
                schedule.step()
                total += cost.item() * len(chosen)
            line = f"epoch {epoch + 1} of {epochs}: loss {total / len(x):.4f}"
            if validate is not None:
                model.eval()
                score = validate(model)
                line += f", validation {score:.4f}"
                if score > best:
                    best, best_epoch, kept = score, epoch, copy.deepcopy(model.state_dict())
            report(line)
            if patience is not None and validate is not None and epoch - best_epoch >= patience:
                break
    if kept is not None:
        model.load_state_dict(kept)
    model.eval()


@torch.no_grad()
def predict(model: nn.Module, inputs: ArrayLike, batch: int = 2 * BATCH) -> NDArray[np.float32]:
    """Return the outputs of a network, in evaluation mode, for (n, ...) inputs."""
    _arrange(model)
    model.eval()
    outputs = [model(_floats(some)) for some in torch.split(_tensor(inputs), batch)]
    return np.asarray(torch.cat(outputs).numpy(), np.float32)


def trained(
    cache: Path,
    settings: Mapping[str, Any],
    build: Callable[[], Network],
    train: Callable[[Network], None],
) -> Network:
    """Return a trained network, from the cache if it is there.

    Parameters
    ----------
    cache
        Folder; the network is kept under the hash of its settings.
    settings
        All that decides the weights: data, architecture, training, ``seed``.
    build
        Makes the network; its random numbers start from ``settings["seed"]`` (0 if missing).
    train
        Trains it in place.

    Raises
    ------
    InputError
        If the cached weights do not fit the network.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(settings.get("seed", 0)))
        model = build()
    path = cache / "networks" / f"{settings_hash(settings)}.pt"
    if path.exists():
        try:
            model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        except Exception as error:  # torch raises nearly anything for a damaged file
            raise InputError(f"{path} is damaged", hint="delete it, to train again") from error
    else:
        train(model)
        buffer = io.BytesIO()
        torch.save(model.state_dict(), buffer)
        make_folder(path.parent)
        write_atomically(path, buffer.getvalue(), overwrite=True)
    return model.eval()


def _one_cycle(progress: float, rise: float = 0.2) -> float:
    """Learning rate, as part of its peak: up linearly, down along half a cosine."""
    if progress < rise:
        return 0.05 + 0.95 * progress / rise
    return 0.5 * (1 + math.cos(math.pi * (progress - rise) / (1 - rise)))


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread: sums, and so trained weights, depend on how many there are."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class _Residual(nn.Module):
    """Two convolutions beside a shortcut, with squeeze-and-excitation (Hu et al., CVPR 2018)."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = _convolution(before, after, 3, stride)
        self.second = _convolution(after, after, 3, 1)
        self.squeeze = nn.Conv2d(after, max(4, after // 4), 1)
        self.excite = nn.Conv2d(max(4, after // 4), after, 1)
        self.pool = nn.AvgPool2d(stride, ceil_mode=True) if stride > 1 else nn.Identity()
        self.shortcut = nn.Conv2d(before, after, 1) if before != after else nn.Identity()

    def forward(self, maps: Tensor) -> Tensor:
        residual = self.second(F.relu(self.first(maps)))
        gate = self.excite(F.relu(self.squeeze(residual.mean((2, 3), keepdim=True))))
        shortcut = self.shortcut(self.pool(maps))
        residual = residual * torch.sigmoid(gate)
        return F.relu(residual + shortcut)


def _convolution(before: int, after: int, size: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, size, stride, size // 2, bias=False), nn.BatchNorm2d(after)
    )


def _arrange(model: nn.Module) -> None:
    """Let convolutions work on channels last, which is twice as fast and rounds differently."""
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _tensor(values: ArrayLike | Tensor) -> Tensor:
    return values if isinstance(values, Tensor) else torch.from_numpy(np.asarray(values))


def _floats(values: Tensor) -> Tensor:
    return values.to(torch.float32)


def _target(values: Tensor) -> Tensor:
    return values.to(torch.float32) if values.is_floating_point() else values.long()
