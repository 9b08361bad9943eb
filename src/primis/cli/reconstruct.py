"""``primis reconstruct``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from primis.cli import options, output, unlock
from primis.cli.inputs import find_public_files
from primis.obfuscation import Level

if TYPE_CHECKING:
    from primis.batch import Format, Reconstructed


@click.command(
    epilog=options.example(
        "primis reconstruct public/ -k partner.age -i me.txt -o out",
        "primis reconstruct 3f2a.primis -k key.txt -o out --level preview --as png",
    )
)
@options.inputs("PUBLIC...")
@options.keyring("A keyring, a grant, or a file with a key in text form.")
@options.identity
@options.out_folder("Folder for the images; made if missing. An image is named by its id.")
@options.level("Default: the best that the key allows.")
@click.option(
    "--as",
    "as_",
    type=click.Choice(["png", "dicom", "npy"]),
    metavar="FORMAT",
    help="png, dicom or npy. Default: DICOM for what came from DICOM, else PNG.",
)
@options.jobs
@options.force
@options.as_json
@options.quiet
def reconstruct(
    inputs: Sequence[Path],
    keyring_path: Path,
    identities: Sequence[Path],
    out: Path,
    level: Level | None,
    as_: Format | None,
    jobs: int | None,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Turn public files back into images.

    A PUBLIC is a public file, or a folder, in which files named *.primis are taken. Each file's
    signature is checked first, and its publisher if the key says who that is.
    """
    paths = find_public_files(inputs)
    keys = unlock.open_keys(keyring_path, identities)
    from primis.batch import reconstruct_files

    outcomes = reconstruct_files(
        paths,
        keys,
        out,
        level=level,
        as_=as_,
        overwrite=force,
        processes=options.processes(jobs, len(paths)),
    )
    report = output.Report("reconstructed", as_json=as_json, quiet=quiet)

    def show(path: Path, made: Reconstructed) -> None:
        report.succeeded(
            made.path,
            input=output.printable(path),
            output=output.printable(made.path),
            image_id=made.image_id.hex(),
            level=made.level.label,
            exact=made.exact,
        )

    report.follow(paths, outcomes, show)
    report.conclude()
