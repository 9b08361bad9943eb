"""``primis verify``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from primis.cli import options, output
from primis.cli.inputs import find_public_files
from primis.errors import DamagedFileError, InputError


@click.command(
    epilog=options.example(
        "primis verify public/", "primis verify public/ --publisher hospital.publisher"
    )
)
@options.inputs("PUBLIC...")
@click.option(
    "--publisher",
    metavar="HEX-or-FILE",
    help="The publisher who must have signed: 64 hexadecimal digits, or a file that holds them.",
)
@options.as_json
@options.quiet
def verify(inputs: Sequence[Path], publisher: str | None, as_json: bool, quiet: bool) -> None:
    """Check public files without any key.

    Checks their structure and signature. A good signature shows that nothing changed
    since the file's publisher made it. Anyone can be a publisher: give --publisher to check that
    it is the one you expect. Exits with 5 if any file is not as published.
    """
    expected = _publisher(publisher) if publisher else None
    paths = find_public_files(inputs)
    from primis.batch import attempt

    def check(path: Path) -> str:
        return _check(path, expected)

    report = output.Report("good", as_json=as_json, quiet=quiet)

    def show(path: Path, image_id: str) -> None:
        report.succeeded(f"{path}: good", input=output.printable(path), image_id=image_id)

    report.follow(paths, (attempt(check, path) for path in paths), show)
    report.conclude(failure=DamagedFileError)


def _check(path: Path, expected: bytes | None) -> str:
    """Return the image id of a good file, hexadecimal."""
    from primis import container
    from primis.files import read_bounded

    file = container.parse(read_bounded(path, container.MAX_FILE_LENGTH))
    file.verify()
    if expected not in (None, file.header.publisher):
        raise DamagedFileError("public file was signed by another publisher")
    return file.header.image_id.hex()


def _publisher(text: str) -> bytes:
    from primis.files import read_bounded

    key = _key(text)
    if key is None:
        key = _key(read_bounded(Path(text), 4096).decode("ascii", "replace"))
    if key is None:
        raise InputError(f"{text} does not hold a publisher: 64 hexadecimal digits")
    return key


def _key(text: str) -> bytes | None:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        return None
    return key if len(key) == 32 else None
