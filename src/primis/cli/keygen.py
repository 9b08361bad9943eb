"""``primis keygen``."""

from __future__ import annotations

from pathlib import Path

import click

from primis.cli import options, output
from primis.errors import UsageError


@click.command(epilog=options.example("primis keygen -o me.txt"))
@options.out_file("The identity file to make. It is a secret: back it up, show it to nobody.")
@options.as_json
def keygen(out: Path, as_json: bool) -> None:
    """Make an age identity, as age-keygen does.

    Prints the recipient: the public key (age1...) that others need to grant you access. An
    existing file is never overwritten.
    """
    if out.exists():
        raise UsageError(f"{out} already exists", hint="an identity is never overwritten")
    from primis.keys import keygen

    recipient = keygen(out)
    output.show({"output": str(out), "recipient": recipient}, [recipient], as_json=as_json)
