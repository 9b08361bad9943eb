"""``primis images``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from primis.cli import options, output, unlock


@click.command(epilog=options.example("primis images -k owner.keyring -i me.txt"))
@options.keyring()
@options.identity
@options.as_json
def images(keyring_path: Path, identities: Sequence[Path], as_json: bool) -> None:
    """List what was published with a keyring.

    That is image ids, and the inputs they were made from. The list is for the
    owner's eyes: input names may tell who a patient is.
    """
    keyring = unlock.open_keyring(keyring_path, identities)
    listed = {
        image_id.hex(): output.printable(entry.name)
        for image_id, entry in sorted(keyring.images.items(), key=lambda item: item[1].name)
    }
    output.show(
        {
            "publisher": keyring.publisher.hex(),
            "images": [{"image_id": image_id, "name": name} for image_id, name in listed.items()],
        },
        [f"{image_id}  {name}" for image_id, name in listed.items()],
        as_json=as_json,
    )
