"""Options that several verbs share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from primis.errors import UsageError
from primis.obfuscation import Level

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

_SECRET_PREFIXES = ("primis-key-1:", "age-secret-key-")


class _File(click.Path):
    """A path; refuses a secret given in its place, without repeating it."""

    def __init__(self, *, folder: bool = False) -> None:
        super().__init__(path_type=Path, file_okay=not folder)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if str(value).strip().lower().startswith(_SECRET_PREFIXES):
            raise UsageError(
                "a secret was given where a file is expected",
                hint="others can read command lines: put it into a file, give the file's name",
            )
        return super().convert(value, param, ctx)


FILE, FOLDER = _File(), _File(folder=True)

_LEVELS = [level.label for level in Level]


def _level(_: click.Context, __: click.Parameter, label: str | None) -> Level | None:
    return None if label is None else Level(_LEVELS.index(label))


def inputs(metavar: str) -> Decorator:
    """One or more files or folders."""
    return click.argument("inputs", nargs=-1, required=True, type=FILE, metavar=metavar)


def keyring(help_: str = "The owner's keyring.") -> Decorator:
    """Name the keyring file."""
    return click.option(
        "-k", "keyring_path", type=FILE, required=True, metavar="KEYRING", help=help_
    )


def out_file(help_: str) -> Decorator:
    """Name the output file."""
    return click.option("-o", "out", type=FILE, required=True, metavar="FILE", help=help_)


def out_folder(help_: str) -> Decorator:
    """Name the output folder."""
    return click.option("-o", "out", type=FOLDER, required=True, metavar="DIR", help=help_)


def level(help_: str, default: Level | None = None) -> Decorator:
    """Choose an access level."""
    return click.option(
        "--level",
        type=click.Choice(_LEVELS),
        default=default.label if default is not None else None,
        callback=_level,
        metavar="LEVEL",
        help=f"{', '.join(_LEVELS[:-1])} or {_LEVELS[-1]}. {help_}",
    )


identity = click.option(
    "-i",
    "identities",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="File with your age or SSH identity; may be repeated. Not needed where a passphrase or "
    "a key in text form opens; a passphrase is asked for on the terminal.",
)

force = click.option("--force", is_flag=True, help="Overwrite files that are already there.")

as_json = click.option("--json", "as_json", is_flag=True, help="Print results as JSON.")

quiet = click.option("--quiet", is_flag=True, help="Say nothing but results and errors.")

jobs = click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Number of processes. Default: one for a single input, else one per core.",
)


def processes(jobs: int | None, inputs: int) -> int:
    """Return how many processes work on a number of inputs."""
    if jobs is None:
        affinity = getattr(os, "sched_getaffinity", None)
        jobs = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min(jobs, inputs))


def check_source(images: Path | None, data: Path | None, **own: object) -> None:
    """See that images come from one place, and what describes one's own not beside --data.

    Raises
    ------
    UsageError
        If not.
    """
    if (images is None) == (data is None):
        raise UsageError("give either --images, for your own images, or --data")
    if data is not None and any(own.values()):
        *others, last = (f"--{name}" for name in own)
        raise UsageError(f"{', '.join(others)} and {last} belong to --images")


def example(*lines: str) -> str:
    """Format examples for the end of a verb's help."""
    return "\n".join(
        ["\b", "Example:" if len(lines) == 1 else "Examples:", *map("  ".__add__, lines)]
    )
