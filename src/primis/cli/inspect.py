"""``primis inspect``."""

from __future__ import annotations

from pathlib import Path

import click

from primis.cli import options, output
from primis.cli.describe import describe


@click.command(epilog=options.example("primis inspect public/3f2a.primis --json"))
@click.argument("file", type=options.FILE, metavar="FILE")
@options.as_json
def inspect(file: Path, as_json: bool) -> None:
    """Show all that a stranger can read from a file.

    FILE is a public file, a grant or a keyring. No key is needed or used. A signature
    that does not match is shown, not an error; use `primis verify` for that.
    """
    record = describe(file)
    output.show(record, _lines(record), as_json=as_json)


def _lines(record: dict[str, object]) -> list[str]:
    lines = []
    for name, value in record.items():
        label = name.replace("_", " ")
        if isinstance(value, dict):
            lines += [f"{label} {key}: {item}" for key, item in value.items()]
        elif isinstance(value, list):
            lines += [f"{label}: {item}" for item in value]
        else:
            lines.append(f"{label}: {value}")
    return lines
