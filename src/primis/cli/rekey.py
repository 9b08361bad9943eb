"""``primis rekey``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from primis.cli import options, output, unlock
from primis.cli.inputs import find_public_files, refuse_folder_of, refuse_same


@click.command(
    epilog=options.example(
        "primis rekey public/ -k owner.keyring -i me.txt --new-keyring new.keyring -o public2"
    )
)
@options.inputs("PUBLIC...")
@options.keyring("The keyring the files were made with.")
@options.identity
@click.option(
    "--new-keyring",
    "new_path",
    type=options.FILE,
    required=True,
    metavar="KEYRING",
    help="The keyring with the new secrets; made if missing.",
)
@options.out_folder("Folder for the new public files; made if missing.")
@options.as_json
@options.quiet
def rekey(
    inputs: Sequence[Path],
    keyring_path: Path,
    identities: Sequence[Path],
    new_path: Path,
    out: Path,
    as_json: bool,
    quiet: bool,
) -> None:
    """Copy public files under new secrets.

    The copies have new names and lose nothing. Old grants do not open the copies. What
    somebody copied or opened before cannot be taken back; delete the old public files wherever
    they are stored. Files of the ambiguation scheme have to be protected again.
    """
    refuse_same(new_path, keyring_path)
    paths = find_public_files(inputs)
    refuse_folder_of(paths, out)
    old = unlock.open_keyring(keyring_path, identities)
    new = unlock.open_or_create_keyring(new_path, identities)
    from primis.batch import rekey_files

    outcomes = rekey_files(paths, old, new, new_path, out)
    report = output.Report("rekeyed", as_json=as_json, quiet=quiet)
    report.follow(paths, outcomes, report.published)
    report.conclude()
