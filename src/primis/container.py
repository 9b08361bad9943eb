"""The `.primis` public file: header, sealed payloads, publisher's signature.

The byte layout is specified in docs/format.md. Limits are the same when writing and reading.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from primis.errors import DamagedFileError, UsageError
from primis.obfuscation import AMBIGUATION_LEVELS, Scheme

MAGIC = b"\x8aPRIMIS\n"
VERSION = 1
MAX_PAYLOAD_LENGTH = 2**28
MAX_FILE_LENGTH = 2**29
SIGNATURE_LENGTH = 64

_FIXED = struct.Struct(">8sBBBB8s16sHH")
_MODEL_LENGTH, _IMAGE_ID_LENGTH, _PUBLISHER_LENGTH = 8, 16, 32
_SIGNATURE_CONTEXT = b"primis public file v1\n"
_LEVEL_COUNTS = {Scheme.KEYSTREAM: (3, 4), Scheme.AMBIGUATION: (AMBIGUATION_LEVELS,)}
_UPGRADE = "a newer release of primis may read it"


def _header_length(levels: int) -> int:
    return _FIXED.size + 4 * levels + _PUBLISHER_LENGTH


MAX_HEADER_LENGTH = _header_length(4)
"""No header is longer: this many bytes from the start of a file suffice for `Header.parse`."""


@dataclass(frozen=True, slots=True)
class Header:
    """All that a public file says in clear; also the associated data of every sealed payload.

    Parameters
    ----------
    scheme
        The obfuscation scheme.
    model
        First 8 bytes of the SHA-256 of the model bundle's manifest.
    image_id
        16 random bytes.
    rows, columns
        Image shape in pixels, each 1 to 65535.
    lengths
        Payload lengths in bytes, level 0 first, each at most `MAX_PAYLOAD_LENGTH`.
    publisher
        Ed25519 public key, 32 bytes.

    Raises
    ------
    UsageError
        If a field is outside its limits, or the file would exceed `MAX_FILE_LENGTH`.
    """

    scheme: Scheme
    model: bytes
    image_id: bytes
    rows: int
    columns: int
    lengths: tuple[int, ...]
    publisher: bytes

    def __post_init__(self) -> None:
        for name, length in (
            ("model", _MODEL_LENGTH),
            ("image_id", _IMAGE_ID_LENGTH),
            ("publisher", _PUBLISHER_LENGTH),
        ):
            if len(getattr(self, name)) != length:
                raise UsageError(f"{name} has {len(getattr(self, name))} bytes instead of {length}")
        if not (0 < self.rows < 2**16 and 0 < self.columns < 2**16):
            raise UsageError(f"image shape {self.rows} x {self.columns} is outside 1 to 65535")
        if len(self.lengths) not in _LEVEL_COUNTS[self.scheme]:
            raise UsageError(
                f"a {self.scheme.name.lower()} file cannot have {len(self.lengths)} levels"
            )
        if not all(0 <= length <= MAX_PAYLOAD_LENGTH for length in self.lengths):
            raise UsageError(f"a payload is longer than {MAX_PAYLOAD_LENGTH} bytes")
        if self.file_length > MAX_FILE_LENGTH:
            raise UsageError(f"the file would be longer than {MAX_FILE_LENGTH} bytes")

    @property
    def offsets(self) -> tuple[int, ...]:
        """Where each payload starts in the file; the last value is where the signature starts."""
        return tuple(accumulate(self.lengths, initial=_header_length(len(self.lengths))))

    @property
    def file_length(self) -> int:
        """Length of the whole file in bytes."""
        return self.offsets[-1] + SIGNATURE_LENGTH

    def to_bytes(self) -> bytes:
        """Encode the header; 84 bytes with 3 levels, 88 with 4."""
        fixed = _FIXED.pack(
            MAGIC,
            VERSION,
            self.scheme,
            len(self.lengths),
            0,
            self.model,
            self.image_id,
            self.rows,
            self.columns,
        )
        return fixed + struct.pack(f">{len(self.lengths)}I", *self.lengths) + self.publisher

    @classmethod
    def parse(cls, data: bytes) -> Header:
        """Read the header from the first bytes of a file (`MAX_HEADER_LENGTH` always suffice).

        Raises
        ------
        DamagedFileError
            If the bytes are not the start of a public file that this release reads.
        """
        if not data.startswith(MAGIC):
            raise _foreign(data)
        if len(data) > len(MAGIC) and (version := data[len(MAGIC)]) != VERSION:
            raise DamagedFileError(
                f"public file has unknown format version {version}", hint=_UPGRADE
            )
        if len(data) < _FIXED.size:
            raise DamagedFileError(
                f"public file is truncated: {len(data)} of at least {_FIXED.size} bytes"
            )
        _, _, scheme, levels, reserved, model, image_id, rows, columns = _FIXED.unpack_from(data)
        if scheme not in set(Scheme):
            raise DamagedFileError(
                f"public file uses unknown obfuscation scheme {scheme}", hint=_UPGRADE
            )
        if levels not in _LEVEL_COUNTS[Scheme(scheme)]:
            raise DamagedFileError(f"public file has an impossible number of levels: {levels}")
        if reserved:
            raise DamagedFileError("public file has a reserved byte that is not zero")
        length = _header_length(levels)
        if len(data) < length:
            raise DamagedFileError(
                f"public file is truncated: {len(data)} of at least {length} bytes"
            )
        lengths = struct.unpack_from(f">{levels}I", data, _FIXED.size)
        publisher = data[length - _PUBLISHER_LENGTH : length]
        try:
            return cls(Scheme(scheme), model, image_id, rows, columns, lengths, publisher)
        except UsageError as error:
            raise DamagedFileError(f"public file has an impossible header: {error}") from error


@dataclass(frozen=True, slots=True)
class PublicFile:
    """A parsed public file; `verify` tells whether it is what its publisher signed."""

    header: Header
    payloads: tuple[bytes, ...] = field(repr=False)
    signature: bytes = field(repr=False)

    def verify(self) -> None:
        """Check the publisher's signature over everything else in the file.

        It shows that the holder of `header.publisher` made the file; whether that publisher is
        the one you trust is for a grant or a fingerprint to say.

        Raises
        ------
        DamagedFileError
            If the signature does not match.
        """
        signed = _SIGNATURE_CONTEXT + self.header.to_bytes() + b"".join(self.payloads)
        try:
            Ed25519PublicKey.from_public_bytes(self.header.publisher).verify(self.signature, signed)
        except (InvalidSignature, ValueError):
            raise DamagedFileError(
                "public file was altered: its signature does not match"
            ) from None


def pack(header: Header, payloads: Sequence[bytes], signing_key: Ed25519PrivateKey) -> bytes:
    """Assemble and sign a public file.

    Raises
    ------
    UsageError
        If the payloads do not have the lengths in the header, or the key is not its publisher's.
    """
    if tuple(map(len, payloads)) != header.lengths:
        raise UsageError("payload lengths differ from those in the header")
    if signing_key.public_key().public_bytes_raw() != header.publisher:
        raise UsageError("the signing key is not that of the publisher in the header")
    content = header.to_bytes() + b"".join(payloads)
    return content + signing_key.sign(_SIGNATURE_CONTEXT + content)


def parse(data: bytes) -> PublicFile:
    """Take a public file apart; checks its structure, not its signature.

    Raises
    ------
    DamagedFileError
        If `data` is not exactly one public file that this release reads.
    """
    header = Header.parse(data)
    if len(data) < header.file_length:
        raise DamagedFileError(
            f"public file is truncated: {len(data)} of {header.file_length} bytes"
        )
    if len(data) > header.file_length:
        raise DamagedFileError(
            f"public file has {len(data) - header.file_length} bytes after its end"
        )
    offsets = header.offsets
    payloads = tuple(data[start:end] for start, end in pairwise(offsets))
    return PublicFile(header, payloads, data[offsets[-1] :])


def _foreign(data: bytes) -> DamagedFileError:
    """Explain what arrived in place of a public file."""
    start = data[:256].lstrip().lower()
    if not data:
        return DamagedFileError("public file is empty")
    if MAGIC.startswith(data):
        return DamagedFileError(
            f"public file is truncated: {len(data)} of at least {_FIXED.size} bytes"
        )
    if start.startswith(b"version https://git-lfs"):
        return DamagedFileError(
            "this is a git-LFS pointer, not the public file it stands for", hint="run git lfs pull"
        )
    if start.startswith((b"<!doctype html", b"<html", b"<?xml")):
        return DamagedFileError(
            "this is a web page or a server's error message, not a public file",
            hint="check the address, and that the server gives the file without a login",
        )
    if start.startswith((b"age-encryption.org/", b"-----begin age")):
        return DamagedFileError(
            "this is an age file, perhaps a grant or a keyring, not a public file",
            hint="give it as the key (-k), and the public file as input",
        )
    return DamagedFileError("this is not a primis public file: its first bytes are others")
