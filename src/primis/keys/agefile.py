"""Age files (https://age-encryption.org/v1): sealing bytes to recipients, opening with identities.

Recipients are X25519 (``age1...``) or SSH public keys; a passphrase stands alone, as age demands.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import pyrage
from pyrage import passphrase, ssh, x25519

from primis.errors import DamagedFileError, InputError, NoKeyError, UsageError
from primis.files import read_bounded, write_atomically

MAX_SEALED_LENGTH = 2**29
_MAX_IDENTITY_LENGTH = 2**20
_MAGIC = b"age-encryption.org/v1\n"
_ARMOR = b"-----BEGIN AGE ENCRYPTED FILE-----"
_SCRYPT = _MAGIC + b"-> scrypt "
_NO_MATCH = {"No matching keys found", "Decryption failed"}  # the second: wrong passphrase

Identity: TypeAlias = "x25519.Identity | ssh.Identity"


@dataclass(frozen=True, slots=True)
class Passphrase:
    """A passphrase, in place of recipients when sealing and of identities when opening."""

    text: str = field(repr=False)

    def __post_init__(self) -> None:
        if not self.text:
            raise UsageError("the passphrase is empty")


Recipients: TypeAlias = Sequence[str] | Passphrase
Identities: TypeAlias = Sequence[Identity] | Passphrase


def seal(data: bytes, recipients: Recipients) -> bytes:
    """Encrypt `data` into a binary age file that every recipient can open.

    Raises
    ------
    UsageError
        If there is no recipient, or one is not an age or SSH public key.
    """
    if isinstance(recipients, Passphrase):
        return bytes(passphrase.encrypt(data, recipients.text))
    parsed = [_recipient(text, n) for n, text in enumerate(recipients, 1)]
    if not parsed:
        raise UsageError("nobody to seal to", hint="name at least one recipient (age1...)")
    return bytes(pyrage.encrypt(data, parsed))


def open_(data: bytes, identities: Identities) -> bytes:
    """Decrypt an age file, binary or armored.

    Raises
    ------
    NoKeyError
        If no identity, or not the passphrase, opens it.
    DamagedFileError
        If it is not an age file, or was altered or cut.
    """
    if len(data) > MAX_SEALED_LENGTH:
        raise DamagedFileError(f"age file is longer than {MAX_SEALED_LENGTH} bytes")
    if data.lstrip().startswith(_ARMOR):
        data = data.strip()
    elif not data.startswith(_MAGIC):
        raise DamagedFileError("this is not an age file", hint="expected a keyring or a grant")
    by_passphrase = isinstance(identities, Passphrase)
    if by_passphrase != needs_passphrase(data):
        raise NoKeyError(
            "this age file is sealed to recipients, not with a passphrase"
            if by_passphrase
            else "this age file is sealed with a passphrase",
            hint="open it with an identity file" if by_passphrase else "give its passphrase",
        )
    try:
        if isinstance(identities, Passphrase):
            return bytes(passphrase.decrypt(data, identities.text))
        return bytes(pyrage.decrypt(data, list(identities)))
    except pyrage.DecryptError as error:
        if str(error) not in _NO_MATCH:
            raise DamagedFileError("age file is damaged: it does not decrypt") from error
        raise NoKeyError(
            "the passphrase is wrong" if by_passphrase else "no identity opens this age file",
            hint="try again" if by_passphrase else "use an identity it was sealed to",
        ) from None


def needs_passphrase(data: bytes) -> bool:
    """Tell whether an age file, binary or armored, is opened with a passphrase."""
    if data.lstrip().startswith(_ARMOR):
        body = data.lstrip()[len(_ARMOR) :].lstrip()[: len(_SCRYPT) // 3 * 4 + 4]
        try:
            data = base64.b64decode(body)
        except binascii.Error:
            return False
    return data.startswith(_SCRYPT)


def check_recipients(recipients: Sequence[str]) -> None:
    """Raise UsageError unless every recipient can be sealed to."""
    for n, text in enumerate(recipients, 1):
        _recipient(text, n)


def read_recipients(path: Path) -> list[str]:
    """Read a recipients file as ``age -R`` does: one per line, ``#`` comments, SSH keys allowed.

    Raises
    ------
    InputError
        If the file cannot be read or has no recipient.
    UsageError
        If a line is not an age or SSH public key.
    """
    recipients = [line for _, line in _lines(path, read_bounded(path, _MAX_IDENTITY_LENGTH))]
    if not recipients:
        raise InputError(f"{path} holds no recipient")
    check_recipients(recipients)
    return recipients


def read_identities(path: Path) -> list[Identity]:
    """Read an identity file: what ``age-keygen`` writes, or an unencrypted SSH private key.

    Raises
    ------
    InputError
        If the file cannot be read, or a line is not an identity (its text is not shown).
    """
    data = read_bounded(path, _MAX_IDENTITY_LENGTH)
    if data.startswith((_MAGIC, _ARMOR)):
        raise InputError(
            f"{path} is itself an age file", hint="decrypt it with age, or use a plain identity"
        )
    if data.startswith(b"-----BEGIN"):
        return [_ssh_identity(path, data)]
    identities = []
    for number, line in _lines(path, data):
        try:
            identities.append(x25519.Identity.from_str(line))
        except pyrage.IdentityError:
            raise InputError(
                f"{path}, line {number}: not an identity that primis knows",
                hint="expected AGE-SECRET-KEY-1..., as age-keygen writes it",
            ) from None
    if not identities:
        raise InputError(f"{path} holds no identity", hint="make one with primis keygen")
    return identities


def keygen(path: Path) -> str:
    """Write a new identity file in the form of ``age-keygen``, mode 0600; return its recipient.

    Raises
    ------
    UsageError
        If `path` exists.
    """
    identity = x25519.Identity.generate()
    recipient = str(identity.to_public())
    created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = f"# created: {created}\n# public key: {recipient}\n{identity}\n"
    write_atomically(path, text.encode(), private=True)
    return recipient


def _recipient(text: str, number: int) -> x25519.Recipient | ssh.Recipient:
    """Parse a recipient; errors name its position only, lest a secret key be echoed."""
    text = text.strip()
    if text.upper().startswith("AGE-SECRET-KEY-") or "PRIVATE KEY" in text:
        raise UsageError(
            f"recipient {number} is a secret key",
            hint="give its public key (age1...), and consider the secret key exposed",
        )
    kind = ssh.Recipient if text.startswith("ssh-") else x25519.Recipient
    try:
        return kind.from_str(text)
    except pyrage.RecipientError:
        raise UsageError(
            f"recipient {number} is not a public key that primis can seal to",
            hint="use an age recipient (age1...) or an ssh-ed25519 or ssh-rsa public key",
        ) from None


def _ssh_identity(path: Path, data: bytes) -> ssh.Identity:
    try:
        return ssh.Identity.from_buffer(data)
    except pyrage.IdentityError as error:
        if "decrypted" in str(error):
            message = f"{path} is an SSH key locked with a passphrase, which is not supported"
        else:
            message = f"{path} is not an SSH private key that primis knows (Ed25519 or RSA)"
        raise InputError(message, hint="use an identity made with primis keygen") from None


def _lines(path: Path, data: bytes) -> list[tuple[int, str]]:
    """Return numbered lines that are neither blank nor comments."""
    try:
        lines = [line.strip() for line in data.decode().splitlines()]
    except UnicodeDecodeError:
        raise InputError(f"{path} is not a text file") from None
    return [(n, line) for n, line in enumerate(lines, 1) if line and not line.startswith("#")]
