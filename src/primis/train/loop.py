"""The training loop: one resumable command on one CPU, one GPU or many processes."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from primis.errors import InputError
from primis.train.data import WHITE, Picture, random_crops
from primis.train.networks import SCALES
from primis.train.objective import PASSES, TrainedAutoEncoder
from primis.train.start import Weights, first_weights

CHECKPOINT_EVERY = 500  # steps
CELL = 2**SCALES  # sides of an image are multiples of it in training
MAX_GRADIENT = 10.0
CONTEXT_SPEED = 3.0  # times the learning rate of the auto-encoder
ENCODER = ("codec.scales.", "codec.sparsifiers.")


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides the outcome of a run.

    ``steps`` optimiser steps on ``batch`` crops of ``crop`` pixels; the learning rate falls from
    ``learning_rate`` to zero along a half cosine. Quantiser steps are drawn log-uniformly between
    ``finest`` and ``coarsest`` grey levels (of 255). A share ``plain`` of the steps leaves out the
    sparsifier and the restorer, as the encoder does where they do harm. A share ``structure`` of
    the distortion is MS-SSIM. The first weights are those of ``start``, a checkpoint or a model
    bundle, if there is one, as far as it has them. With ``freeze_encoder`` analysis and sparsifier
    stay what they are before any training: the CDF 9/7 wavelet and no shift. ``context_width`` is
    that of the context networks that tell the rate.
    """

    steps: int = 16_000
    batch: int = 8
    crop: int = 192
    learning_rate: float = 8e-4
    finest: float = 2.0
    coarsest: float = 80.0
    seed: int = 1
    plain: float = 0.0
    structure: float = 0.0
    start: str = ""
    freeze_encoder: bool = False
    context_width: int = 24


def step_size(config: TrainConfig, step: int) -> float:
    """Learning rate at ``step``: short warm-up, then half a cosine."""
    warm = min(1.0, (step + 1) / 200)
    return config.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * step / config.steps))


def train_autoencoder(
    config: TrainConfig,
    pictures: Sequence[Picture],
    validation: Sequence[Picture],
    folder: Path,
    *,
    accelerator: str = "auto",
    report: Callable[[str], None] = lambda _: None,
) -> TrainedAutoEncoder:
    """Train into ``folder``, resuming from the checkpoint there if there is one.

    Writes ``config.json``, ``checkpoint.pt``, ``curve.jsonl`` and TensorBoard events.

    Returns
    -------
    TrainedAutoEncoder
        With the exponential moving average of the weights.

    Raises
    ------
    InputError
        If a validation picture is smaller than 64 pixels a side, or what to start from cannot be
        read or has context networks of another width.
    """
    fabric = Fabric(accelerator=accelerator, devices="auto" if accelerator != "cpu" else 1)
    fabric.launch()
    images = [_validation_image(picture).to(fabric.device) for picture in validation]
    fabric.seed_everything(config.seed + fabric.global_rank)
    checkpoint = folder / "checkpoint.pt"
    goes_on = checkpoint.exists()
    start_from = first_weights(Path(config.start)) if config.start and not goes_on else {}
    folder.mkdir(parents=True, exist_ok=True)
    if fabric.is_global_zero:
        (folder / "config.json").write_text(json.dumps(asdict(config), indent=1) + "\n")

    bare = TrainedAutoEncoder(config.context_width, config.structure)
    if config.freeze_encoder:
        for part in (bare.codec.scales, bare.codec.sparsifiers):
            part.requires_grad_(False)
        start_from = {
            name: value for name, value in start_from.items() if not name.startswith(ENCODER)
        }
    _load(bare, start_from)
    with torch.no_grad():  # sets the limits of eight-bit values, before processes share them
        bare(*_drawn(config, pictures, torch.Generator().manual_seed(config.seed)))
    average = torch.optim.swa_utils.AveragedModel(
        bare, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998)
    ).to(fabric.device)
    groups = [
        {"params": [p for p in part.parameters() if p.requires_grad], "speed": speed}
        for part, speed in ((bare.codec, 1.0), (bare.entropy, CONTEXT_SPEED))
    ]
    model, optimiser = fabric.setup(bare, torch.optim.Adam(groups))
    start = 0
    if goes_on:
        state = torch.load(checkpoint, map_location=fabric.device, weights_only=True)
        bare.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        start = state["step"]
    writer = SummaryWriter(str(folder)) if fabric.is_global_zero else None
    generator = torch.Generator().manual_seed(hash((config.seed, start, fabric.global_rank)))

    began = time.monotonic()
    for step in range(start, config.steps):
        for group in optimiser.param_groups:
            group["lr"] = group["speed"] * step_size(config, step)
        drawn = _drawn(config, pictures, generator)
        plain = torch.rand((), generator=generator).item() < config.plain
        cost = model(*(values.to(fabric.device) for values in drawn), plain)
        if cost.loss.requires_grad:  # not in a plain step of a frozen encoder without teaching
            fabric.backward(cost.loss)
            fabric.clip_gradients(model, optimiser, max_norm=MAX_GRADIENT, error_if_nonfinite=False)
            optimiser.step()
        optimiser.zero_grad()
        average.update_parameters(bare)
        if writer is not None and (step + 1) % 50 == 0:
            writer.add_scalar("train/loss", cost.loss.item(), step + 1)
            writer.add_scalar("train/seconds", time.monotonic() - began, step + 1)
        if fabric.is_global_zero and (
            (step + 1) % CHECKPOINT_EVERY == 0 or step + 1 == config.steps
        ):
            state = {
                "model": bare.state_dict(),
                "average": average.state_dict(),
                "optimiser": optimiser.state_dict(),
                "step": step + 1,
            }
            torch.save(state, checkpoint.with_suffix(".tmp"))
            checkpoint.with_suffix(".tmp").replace(checkpoint)
            assert isinstance(average.module, TrainedAutoEncoder)
            scores = validate(average.module, images)
            record = {"step": step + 1, "seconds": round(time.monotonic() - began, 1), **scores}
            with (folder / "curve.jsonl").open("a") as curve:
                curve.write(json.dumps(record) + "\n")
            if writer is not None:
                for name, value in scores.items():
                    writer.add_scalar(f"validation/{name}", value, step + 1)
            report(f"step {step + 1} of {config.steps}: validation loss {scores['loss']:.5f}")
    assert isinstance(average.module, TrainedAutoEncoder)
    return average.module


def _load(model: TrainedAutoEncoder, weights: Weights) -> None:
    own = model.state_dict()
    for name, value in weights.items():
        if name not in own or own[name].shape != value.shape:
            raise InputError(
                f"the weights to start from do not fit: {name}",
                hint="set autoencoder.context_width to that of the run or bundle in "
                "autoencoder.start (48 in shipped bundles)",
            )
    model.load_state_dict(own | weights)


def _drawn(
    config: TrainConfig, pictures: Sequence[Picture], generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw crops, quantiser steps and ends of the last bit-plane for one step."""
    return (
        random_crops(pictures, config.batch, config.crop, generator),
        random_steps(config, generator),
        random_cuts(config.batch, generator),
    )


def random_steps(config: TrainConfig, generator: torch.Generator) -> Tensor:
    """Draw quantiser steps (batch, 1, 1, 1)."""
    low, high = math.log(config.finest), math.log(config.coarsest)
    draw = torch.rand(config.batch, 1, 1, 1, generator=generator)
    return torch.exp(low + (high - low) * draw)


def random_cuts(count: int, generator: torch.Generator) -> Tensor:
    """Draw how much is known of the last bit-plane (count,): all of it for half of the images."""
    whole = torch.rand(count, generator=generator) < 0.5
    cut = torch.randint(4 * (SCALES - 3), PASSES, (count,), generator=generator)
    return torch.where(whole, torch.full_like(cut, PASSES), cut)


@torch.no_grad()
def validate(model: TrainedAutoEncoder, images: Sequence[Tensor]) -> dict[str, float]:
    """Lagrangian (as ``loss``), PSNR (dB) and bits per pixel at four quantiser steps.

    With MS-SSIM in the distortion, also -10 log10(1 - MS-SSIM), as ``ms_ssim`` in dB.

    ``images`` are (1, 1, h, w), h and w multiples of 64, with values 0 to 255.
    """
    model.eval()
    scores: dict[str, float] = {}
    losses = []
    for quantiser in (6.0, 12.0, 24.0, 48.0):
        error, bits, likeness = 0.0, 0.0, 0.0
        for x in images:
            step = torch.full((1, 1, 1, 1), quantiser, device=x.device)
            cost = model(x, step, torch.tensor([PASSES], device=x.device))
            losses.append(cost.lagrangian.item())
            error += 10 * math.log10(255**2 / (cost.distortion.item() * quantiser**2))
            bits += cost.bits.item()
            likeness -= 10 * math.log10(cost.unlike.item()) if model.structure else 0.0
        scores[f"psnr_{quantiser:g}"] = round(error / len(images), 3)
        scores[f"bpp_{quantiser:g}"] = round(bits / len(images), 4)
        if model.structure:
            scores[f"ms_ssim_{quantiser:g}"] = round(likeness / len(images), 3)
    scores["loss"] = round(sum(losses) / len(losses), 5)
    model.train()
    return scores


def _validation_image(picture: Picture) -> Tensor:
    """Scale like training images and cut to whole cells."""
    rows, columns = (extent // CELL * CELL for extent in picture.shape)
    if not rows or not columns:
        raise InputError(
            f"a validation image has {picture.shape[0]} x {picture.shape[1]} pixels, "
            f"less than {CELL} a side",
            hint="leave small images out of the split val",
        )
    x = picture[:rows, :columns].astype(np.float32) * np.float32(WHITE / max(1, picture.max()))
    return torch.from_numpy(x)[None, None]
