"""Opening what holds keys; passphrases are asked for on the terminal, never taken from arguments.

In this module alone the command line handles secrets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from primis.errors import PrimisError, UsageError

if TYPE_CHECKING:
    from primis.keys import Keyring, KeySource, Passphrase
    from primis.keys.agefile import Identities, Identity


def open_keys(path: Path, identities: Sequence[Path]) -> KeySource:
    """Open a keyring, a grant, or a file with a key in text form."""
    from primis.keys import load_keys

    with _about(path):
        return read_text_key(path) or load_keys(path, _identities(path, identities))


def open_keyring(path: Path, identities: Sequence[Path]) -> Keyring:
    """Open the owner's keyring."""
    from primis.keys import Keyring

    with _about(path):
        return Keyring.load(path, _identities(path, identities))


def open_or_create_keyring(path: Path, identities: Sequence[Path]) -> Keyring:
    """Open a keyring; if there is none, make one in memory that `identities` will open.

    Without identities it will be sealed with a new passphrase.
    """
    from primis.keys import Keyring, agefile

    if path.exists():
        return open_keyring(path, identities)
    opens: Identities
    recipients: agefile.Recipients
    if identities:
        opens = _read_identities(identities)
        recipients = [text for file in identities for text in _recipients(file)]
    else:
        opens = recipients = new_passphrase(f"New passphrase for {path}")
    # Sealed and opened once, the keyring knows who opens it, and `save` can merge.
    return Keyring.from_sealed(
        agefile.seal(Keyring.create(recipients).to_bytes(), recipients), opens
    )


def read_text_key(path: Path) -> KeySource | None:
    """Read a key in text form; None if the file holds something else."""
    from primis.files import read_bounded
    from primis.keys import agefile, parse_key

    data = read_bounded(path, agefile.MAX_SEALED_LENGTH)
    if not data.lstrip().lower().startswith(b"primis-key-"):
        return None
    return parse_key(data.decode("ascii", "replace"))


def new_passphrase(prompt: str) -> Passphrase:
    """Ask for a passphrase twice."""
    return _ask(prompt, twice=True)


def _identities(path: Path, identities: Sequence[Path]) -> Identities:
    """Return what is to open the age file at `path`."""
    from primis.files import read_bounded
    from primis.keys import agefile

    if agefile.needs_passphrase(read_bounded(path, agefile.MAX_SEALED_LENGTH)):
        return _ask(f"Passphrase for {path}")
    if not identities:
        raise UsageError("no identity was given to open it", hint="give your identity file with -i")
    return _read_identities(identities)


def _read_identities(files: Sequence[Path]) -> list[Identity]:
    from primis.keys import read_identities

    return [identity for file in files for identity in read_identities(file)]


def _recipients(file: Path) -> list[str]:
    """Return the public keys of an identity file; those of SSH keys are in a file beside it."""
    from primis.keys import read_identities, read_recipients

    public = [getattr(identity, "to_public", None) for identity in read_identities(file)]
    if None in public:
        return read_recipients(file.with_name(f"{file.name}.pub"))
    return [str(to_public()) for to_public in public if to_public]


def _ask(prompt: str, *, twice: bool = False) -> Passphrase:
    from primis.keys import Passphrase

    try:
        text = click.prompt(prompt, hide_input=True, err=True, confirmation_prompt=twice)
    except click.Abort as error:
        if not isinstance(error.__context__, EOFError):
            raise
        raise UsageError("no passphrase was given", hint="run this on a terminal") from None
    return Passphrase(text)


@contextmanager
def _about(path: Path) -> Iterator[None]:
    """Name the file in errors about it."""
    try:
        yield
    except PrimisError as error:
        if str(path) in str(error):
            raise
        raise type(error)(f"{path}: {error}", hint=error.hint) from error
