"""The key of one image as text that people can read out, copy and type.

``primis-key-1:preview:ABCD-EFGH-...``: version, level, then the Base32 (RFC 4648) of the 32 key
bytes followed by a checksum, the first 3 bytes of the SHA-256 of prefix and key. Case, blanks and
hyphens do not matter when reading; a mistyped character passes with probability 2**-24.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from primis.errors import InputError, UsageError
from primis.keys.source import ImageKey
from primis.obfuscation import Level

_SCHEME = "primis-key-1"
_KEY_LENGTH, _CHECKSUM_LENGTH, _GROUP = 32, 3, 4
_TEXT_LENGTH = (_KEY_LENGTH + _CHECKSUM_LENGTH) * 8 // 5
_COPY = "copy the whole key again, from 'primis-key-1:' to the end"


def format_key(key: ImageKey) -> str:
    """Write a 32-byte image key as text.

    Raises
    ------
    UsageError
        If the key is the kilobytes of an ambiguated image: those travel in a grant.
    """
    if not isinstance(key.material, bytes) or len(key.material) != _KEY_LENGTH:
        raise UsageError("only a 32-byte key has a text form", hint="make a grant instead")
    prefix = f"{_SCHEME}:{Level(key.level).label}:"
    encoded = base64.b32encode(key.material + _checksum(prefix, key.material)).decode()
    return prefix + "-".join(
        encoded[start : start + _GROUP] for start in range(0, _TEXT_LENGTH, _GROUP)
    )


def parse_key(text: str) -> ImageKey:
    """Read what `format_key` wrote; no error repeats any part of the key.

    Raises
    ------
    InputError
        If the text is not a key, or was mistyped.
    """
    scheme, _, rest = "".join(text.split()).lower().partition(":")
    label, _, groups = rest.partition(":")
    if scheme != _SCHEME:
        raise InputError(f"this is not a primis key: it does not start with '{_SCHEME}:'")
    level = next((level for level in Level if level.label == label), None)
    if level is None:
        raise InputError("the key names no known level after its first colon", hint=_COPY)
    encoded = groups.replace("-", "")
    if len(encoded) != _TEXT_LENGTH:
        raise InputError(
            f"the key has {len(encoded)} characters after its level instead of {_TEXT_LENGTH}",
            hint=_COPY,
        )
    try:
        decoded = base64.b32decode(encoded.upper())
    except (binascii.Error, ValueError):
        raise InputError(
            "the key has a character that is none of A to Z and 2 to 7", hint=_COPY
        ) from None
    material, checksum = decoded[:_KEY_LENGTH], decoded[_KEY_LENGTH:]
    if checksum != _checksum(f"{_SCHEME}:{level.label}:", material):
        raise InputError("the key was mistyped: its checksum does not match", hint=_COPY)
    return ImageKey(level, material)


def _checksum(prefix: str, material: bytes) -> bytes:
    return hashlib.sha256(prefix.encode() + material).digest()[:_CHECKSUM_LENGTH]
