"""One command from a folder of images to a model bundle; every stage resumes."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch

from primis.codec.bundle import ModelBundle
from primis.codec.rim import fit_gains
from primis.errors import InputError, UsageError
from primis.train.bundle import write_bundle
from primis.train.data import Picture, load_split, without_rim
from primis.train.entropy import EntropyNetworks, train_entropy
from primis.train.loop import TrainConfig, train_autoencoder
from primis.train.networks import untrained_selectors
from primis.train.objective import TrainedAutoEncoder
from primis.train.selection import train_selectors


@dataclass(frozen=True)
class Recipe:
    """A training configuration as read from TOML.

    Parameters
    ----------
    name
        Name and version of the model.
    data
        Folder of images; relative paths start at the configuration file.
    facts
        Table ``facts`` of the file: what the manifest says of data, licence and use.
    autoencoder
        Table ``autoencoder``.
    entropy_steps, entropy_width, entropy_learning_rate
        ``steps``, ``width`` and ``learning_rate`` of the table ``entropy``: training of the context
        and sign networks, and units of the former. They go on from those of the auto-encoder's
        training where these have as many units.
    selection_crops, selection_epochs
        ``crops``, a list with a number for each round, and ``epochs`` of the table ``selection``:
        training of the selectors; without it, the model has none.
    validation
        How many validation images to use.
    """

    name: str
    data: Path
    facts: dict[str, Any]
    autoencoder: TrainConfig
    entropy_steps: int
    entropy_width: int = 48
    entropy_learning_rate: float = 3e-3
    selection_crops: tuple[int, ...] = ()
    selection_epochs: int = 4
    validation: int = 8


def read_recipe(path: Path) -> Recipe:
    """Read a configuration file.

    Raises
    ------
    InputError
        If it cannot be read or is not TOML.
    UsageError
        If something in it is missing or unknown.
    """
    try:
        table = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the configuration {path}: {error}") from error
    try:
        settings = dict(table.get("autoencoder", {}))
        known = {field.name for field in fields(TrainConfig)}
        if unknown := sorted(settings.keys() - known):
            raise UsageError(f"unknown setting autoencoder.{unknown[0]} in {path}")
        if "start" in settings:
            settings["start"] = str(path.parent / settings["start"])
        selection = table.get("selection", {})
        crops = tuple(int(count) for count in selection.get("crops", ()))
        if any(count < 1 for count in crops):
            raise UsageError(f"selection.crops in {path} has a round without crops")
        return Recipe(
            name=table["name"],
            data=path.parent / table["data"],
            facts=dict(table.get("facts", {})),
            autoencoder=TrainConfig(**settings),
            entropy_steps=int(table["entropy"]["steps"]),
            entropy_width=int(table["entropy"].get("width", 48)),
            entropy_learning_rate=float(table["entropy"].get("learning_rate", 3e-3)),
            selection_crops=crops,
            selection_epochs=int(selection.get("epochs", 4)),
            validation=int(table.get("validation", 8)),
        )
    except KeyError as error:
        raise UsageError(f"{path} does not say {error.args[0]}") from error
    except (TypeError, ValueError) as error:
        raise UsageError(f"{path} has a setting of the wrong type: {error}") from error


def train_model(
    recipe: Recipe,
    work: Path,
    output: Path,
    *,
    accelerator: str = "auto",
    report: Callable[[str], None] = lambda _: None,
) -> ModelBundle:
    """Train, or go on training, what ``recipe`` says and write the bundle.

    Parameters
    ----------
    recipe
        The configuration.
    work
        Folder of checkpoints, curves and TensorBoard events; what is there is gone on from.
    output
        Folder of the bundle.
    accelerator
        ``cpu``, ``cuda`` or ``auto``, for lightning-fabric.
    report
        Called with a line of progress now and then.
    """
    pictures = load_split(recipe.data, "train")
    validation = load_split(recipe.data, "val")
    validation = validation[:: max(1, len(validation) // recipe.validation)]
    report(f"{len(pictures)} training images, {len(validation)} for validation")
    rim = fit_gains(pictures)
    even, validation = (without_rim(split, rim) for split in (pictures, validation))
    trained = train_autoencoder(
        recipe.autoencoder, even, validation, work, accelerator=accelerator, report=report
    )
    codec = trained.cpu().codec
    if recipe.selection_crops:
        _add_selectors(recipe, trained, even, work, report)
    saved = work / "entropy.pt"
    if saved.exists():
        entropy = EntropyNetworks(recipe.entropy_width)
        entropy.load_state_dict(torch.load(saved, weights_only=True))
    else:
        entropy = train_entropy(
            codec,
            even,
            steps=recipe.entropy_steps,
            width=recipe.entropy_width,
            learning_rate=recipe.entropy_learning_rate,
            start=trained.entropy,
            report=report,
        )
        torch.save(entropy.state_dict(), saved)
    report("measuring and exporting")
    return write_bundle(
        codec,
        entropy,
        output,
        name=recipe.name,
        rim=rim,
        pictures=pictures[:: max(1, len(pictures) // 48)],
        facts=recipe.facts,
    )


def _add_selectors(
    recipe: Recipe,
    trained: TrainedAutoEncoder,
    pictures: Sequence[Picture],
    work: Path,
    report: Callable[[str], None],
) -> None:
    saved = work / "selectors.pt"
    if saved.exists():
        trained.codec.selectors = untrained_selectors()
        trained.codec.selectors.load_state_dict(torch.load(saved, weights_only=True))
        return
    train_selectors(
        trained,
        pictures,
        work,
        crops=recipe.selection_crops,
        epochs=recipe.selection_epochs,
        report=report,
    )
    assert trained.codec.selectors is not None
    torch.save(trained.codec.selectors.state_dict(), saved)
