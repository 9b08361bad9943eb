"""``primis protect``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from primis.cli import options, output, unlock
from primis.cli.inputs import find_images, image_kind, refuse_folder_of
from primis.errors import UsageError
from primis.obfuscation import Scheme

_SCHEMES = [scheme.name.lower() for scheme in Scheme]


@click.command(
    epilog=options.example(
        "primis protect study/ -o public -k owner.keyring -i me.txt",
        "primis protect chest.dcm -o public -k owner.keyring -i me.txt --rate high --original",
        "primis protect study/ -o public -k owner.keyring -i me.txt --dry-run",
    )
)
@options.inputs("INPUT...")
@options.out_folder("Folder for the public files; made if missing.")
@options.keyring("Your keyring; made if missing, sealed to the identity or a passphrase.")
@options.identity
@click.option(
    "--rate",
    default="medium",
    metavar="RATE",
    help="Size of a public file: low, medium or high, or bits per pixel. Default: medium.",
)
@click.option(
    "--scheme",
    type=click.Choice(_SCHEMES),
    default=_SCHEMES[0],
    metavar="SCHEME",
    help=f"{' or '.join(_SCHEMES)}; the second is for research. Default: {_SCHEMES[0]}.",
)
@click.option("--original", is_flag=True, help="Add a level that returns the exact pixels.")
@click.option(
    "--allow-burned-in",
    is_flag=True,
    help="Accept images that declare text burned into their pixels. Every key holder will read it.",
)
@options.jobs
@click.option("--dry-run", is_flag=True, help="Only list the inputs and what is wrong with them.")
@options.as_json
@options.quiet
def protect(
    inputs: Sequence[Path],
    out: Path,
    keyring_path: Path,
    identities: Sequence[Path],
    rate: str,
    scheme: str,
    original: bool,
    allow_burned_in: bool,
    jobs: int | None,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Turn images into public files that anyone may store.

    An INPUT is a grey-scale DICOM, PNG, JPEG, TIFF or WebP file, or a folder, which is searched.
    The public files get random names; the keyring remembers which is which (see `primis images`).
    """
    chosen = Scheme[scheme.upper()]
    if original and chosen is Scheme.AMBIGUATION:
        raise UsageError("--original needs the keystream scheme")
    paths, skipped = find_images(inputs)
    refuse_folder_of(paths, out)
    if dry_run:
        _list(paths, skipped, allow_burned_in=allow_burned_in, as_json=as_json, quiet=quiet)
        return
    from primis.api import parse_rate
    from primis.batch import protect_files

    bits_per_pixel = parse_rate(rate)
    outcomes = protect_files(
        paths,
        unlock.open_or_create_keyring(keyring_path, identities),
        keyring_path,
        out,
        rate=bits_per_pixel,
        scheme=chosen,
        original=original,
        allow_burned_in=allow_burned_in,
        processes=options.processes(jobs, len(paths)),
    )
    report = output.Report("protected", as_json=as_json, quiet=quiet)
    report.follow(paths, outcomes, report.published)
    report.conclude(skipped=skipped)


def _list(
    paths: Sequence[Path], skipped: int, *, allow_burned_in: bool, as_json: bool, quiet: bool
) -> None:
    """Read every input as `protect` would, and write nothing."""
    from primis.batch import attempt
    from primis.images import Image, read_image

    def read(path: Path) -> Image:
        return read_image(path, allow_burned_in=allow_burned_in)

    report = output.Report("can be protected", as_json=as_json, quiet=quiet)

    def show(path: Path, image: Image) -> None:
        kind, (rows, columns) = image_kind(path), image.pixels.shape
        report.succeeded(
            f"{path}: {kind}, {rows} x {columns}, {image.bits} bits",
            input=output.printable(path),
            kind=kind,
            rows=rows,
            columns=columns,
            bits=image.bits,
        )

    report.follow(paths, (attempt(read, path) for path in paths), show)
    report.conclude(skipped=skipped)
