"""Write docs/cli.md from the program itself: ``python docs/generate_cli.py``."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import click

from primis.cli import main
from primis.cli.program import EXIT_CODES

PAGE = Path(__file__).with_name("cli.md")

_INTRODUCTION = """\
# Command line

Made by `python docs/generate_cli.py`; do not edit.

Results go to stdout, one line each, or as one JSON document with `--json`; everything else goes to
stderr, with the prefix `primis:`. No file is overwritten without `--force`, and a verb that fails
leaves no output for the input that failed. A batch reports each failure and goes on.

Secrets are never arguments. Files that hold secrets get mode 0600.
"""

_VARIABLES = """\
## Environment

| variable | meaning |
|---|---|
| `PRIMIS_MODELS` | more folders to look for model bundles in, separated as in `PATH` |
| `PRIMIS_DEBUG` | `1` shows the traceback of an unexpected error |
"""


def render() -> str:
    """Return the page."""
    verbs = "\n\n".join(_verb(name, command) for name, command in main.commands.items())
    codes = "\n".join(f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items())
    exits = f"## Exit codes\n\n| code | meaning |\n|---|---|\n{codes}\n"
    return "\n".join([_INTRODUCTION, verbs, "", exits, _VARIABLES])


def _verb(name: str, command: click.Command) -> str:
    arguments = [p for p in command.params if isinstance(p, click.Argument)]
    usage = " ".join([f"primis {name}", *(a.metavar or "" for a in arguments), "[OPTIONS]"])
    options = "\n".join(_options(command))
    example = (command.epilog or "").removeprefix("\b\n").partition("\n")[2]
    return (
        f"## primis {name}\n\n    {usage}\n\n{inspect.cleandoc(command.help or '')}\n\n"
        f"| option | |\n|---|---|\n{options}\n\n"
        f"```sh\n{inspect.cleandoc(example)}\n```"
    )


def _options(command: click.Command) -> Iterator[str]:
    for option in command.params:
        if isinstance(option, click.Option):
            names = ", ".join(option.opts)
            value = f" {option.metavar}" if option.metavar else ""
            required = " **Required.**" if option.required else ""
            yield f"| `{names}{value}` | {option.help}{required} |"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
