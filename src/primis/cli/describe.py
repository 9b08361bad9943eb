"""What a stranger can read from a file."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

from primis.cli.output import printable
from primis.errors import DamagedFileError

_AGE_MAGIC = b"age-encryption.org/"
_ARMOR = b"-----BEGIN AGE ENCRYPTED FILE-----"
_TEXT_KEY = b"primis-key-"
_MAX_AGE_HEADER = 2**20


def describe(path: Path) -> dict[str, object]:
    """Describe a public file, an age file or a key in text form.

    Raises
    ------
    InputError
        If the file cannot be read.
    DamagedFileError
        If it is none of these, or has no complete header.
    """
    from primis import container
    from primis.files import read_bounded

    data = read_bounded(path, container.MAX_FILE_LENGTH)
    start = data[:64].lstrip()
    if start.startswith((_AGE_MAGIC, _ARMOR)):
        return _describe_age(data)
    if start.lower().startswith(_TEXT_KEY):
        return {"kind": "key in text form: whoever reads the file can use it", "bytes": len(data)}
    return _describe_public(data)


def _describe_public(data: bytes) -> dict[str, object]:
    from primis import container
    from primis.obfuscation import Level

    file = container.parse(data)
    try:
        file.verify()
        signature = "valid"
    except DamagedFileError:
        signature = "does not match"
    header = file.header
    return {
        "kind": "public file",
        "format_version": container.VERSION,
        "scheme": header.scheme.name.lower(),
        "model": header.model.hex(),
        "image_id": header.image_id.hex(),
        "rows": header.rows,
        "columns": header.columns,
        "bytes": len(data),
        "bits_per_pixel": round(8 * len(data) / (header.rows * header.columns), 4),
        "level_bytes": {Level(n).label: length for n, length in enumerate(header.lengths)},
        "publisher": header.publisher.hex(),
        "signature": signature,
    }


def _describe_age(data: bytes) -> dict[str, object]:
    armored = data.lstrip().startswith(_ARMOR)
    return {
        "kind": "age file, perhaps a grant or a keyring",
        "bytes": len(data),
        "armored": armored,
        "sealed_to": _stanzas(_unarmor(data) if armored else data),
    }


def _stanzas(data: bytes) -> list[str]:
    """List the recipient stanzas of an age header: their type, and a tag or work factor if any.

    An X25519 stanza tells nothing about its recipient; an SSH stanza carries a tag of the public
    key. Decoy stanzas ("grease") are left out.
    """
    stanzas: list[str] = []
    for line in data[:_MAX_AGE_HEADER].split(b"\n"):
        if line.startswith(b"--- "):
            return stanzas
        if line.startswith(b"-> "):
            kind, *arguments = line[3:].decode("ascii", "replace").split(" ")
            if kind.endswith("-grease"):
                continue
            tells = {
                "scrypt": arguments[1:2],
                "ssh-ed25519": arguments[:1],
                "ssh-rsa": arguments[:1],
            }
            stanzas.append(printable(" ".join([kind, *tells.get(kind, [])])))
    raise DamagedFileError("age file has no complete header")


def _unarmor(data: bytes) -> bytes:
    body = b"".join(data.split(b"\n")[1:])[:_MAX_AGE_HEADER].partition(b"-----")[0]
    try:
        return base64.b64decode(b"".join(body.split())[: len(body) // 4 * 4])
    except binascii.Error:
        raise DamagedFileError("age file is damaged: its armor is not Base64") from None
