"""``primis train``."""

from __future__ import annotations

from pathlib import Path

import click

from primis.cli import options, output
from primis.errors import UsageError


@click.command(
    epilog=options.example("primis train configs/radiograph-8.toml -o models/radiograph-8")
)
@click.argument("config", type=options.FILE, metavar="CONFIG")
@options.out_folder("Folder of the model bundle; made if missing.")
@click.option(
    "--work",
    type=options.FOLDER,
    metavar="DIR",
    help="Checkpoints, curves and TensorBoard events; a run there is gone on from. "
    "Default: runs/NAME.",
)
@click.option(
    "--accelerator",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where to compute.",
)
@options.quiet
def train(config: Path, out: Path, work: Path | None, accelerator: str, quiet: bool) -> None:
    """Train a model on a folder of images and write it as a bundle.

    CONFIG is a TOML file; docs/training.md describes it. Interrupt the run whenever you like:
    the same command goes on from the last checkpoint. Needs the extra `primis[train]`.
    """
    try:
        from primis.train.pipeline import read_recipe, train_model
    except ModuleNotFoundError as error:
        raise UsageError(
            f"training needs the package {error.name}", hint="pip install 'primis[train]'"
        ) from error
    recipe = read_recipe(config)
    bundle = train_model(
        recipe,
        work or Path("runs") / recipe.name,
        out,
        accelerator=accelerator,
        report=(lambda _: None) if quiet else output.say,
    )
    click.echo(f"{out} {bundle.digest.hex()}")
