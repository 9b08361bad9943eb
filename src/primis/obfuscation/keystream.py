"""The keystream scheme: AES-256-GCM over the bytes of each level, keys chained downwards.

The plaintext of a level above 0 starts with the key of the level below, so that one key opens its
level and all beneath it. The nonce is constant, because each key encrypts exactly one message: a
level's key is derived from a secret of the data set and an image id drawn at random for each
public file (NIST SP 800-38D asks that a nonce never repeats *under the same key*).
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from primis.errors import DamagedFileError, NoKeyError, UsageError

KEY_LENGTH = 32
TAG_LENGTH = 16
_NONCE = bytes(12)


def sealed_length(level: int, body_length: int) -> int:
    """Length in bytes of the payload of `level` whose body has `body_length` bytes."""
    return body_length + TAG_LENGTH + (KEY_LENGTH if level else 0)


def seal(level_bodies: Sequence[bytes], level_keys: Sequence[bytes], header: bytes) -> list[bytes]:
    """Encrypt and authenticate the bodies of all levels of one image.

    Call it once per set of keys: sealing a second image under the same keys reveals both. The
    lengths in `header` come from `sealed_length`, before anything is sealed.

    Parameters
    ----------
    level_bodies
        The bytes of each level, level 0 first.
    level_keys
        One key of 32 bytes per level, all different.
    header
        The header of the public file; authenticated with every payload.

    Returns
    -------
    list of bytes
        One payload per level.

    Raises
    ------
    UsageError
        If the keys are not as many as the bodies, of 32 bytes, and distinct.
    """
    if len(level_keys) != len(level_bodies) or len(set(level_keys)) != len(level_keys):
        raise UsageError("sealing takes one key per level, all different")
    if any(len(key) != KEY_LENGTH for key in level_keys):
        raise UsageError(f"a key has {KEY_LENGTH} bytes")
    carried = [b"", *level_keys][: len(level_bodies)]
    return [
        AESGCM(key).encrypt(_NONCE, key_below + body, _associated_data(header, level))
        for level, (key, key_below, body) in enumerate(
            zip(level_keys, carried, level_bodies, strict=True)
        )
    ]


def open_levels(payloads: Sequence[bytes], level: int, key: bytes, header: bytes) -> list[bytes]:
    """Open `level` and, with the keys it carries, every level below.

    Parameters
    ----------
    payloads
        The payloads of at least the levels 0 to `level`.
    level
        The level that `key` is for.
    key
        32 bytes.
    header
        The header bytes of the public file.

    Returns
    -------
    list of bytes
        The bodies of levels 0 to `level`.

    Raises
    ------
    NoKeyError
        If `key` does not open `level`, or the file has no such level.
    DamagedFileError
        If `level` opens and something below does not.
    """
    if not 0 <= level < len(payloads):
        raise NoKeyError(f"the key is for level {level}, the file has {len(payloads)} levels")
    if len(key) != KEY_LENGTH:
        raise NoKeyError(f"a key of this file has {KEY_LENGTH} bytes, not {len(key)}")
    bodies = []
    for current in range(level, -1, -1):
        try:
            plaintext = AESGCM(key).decrypt(
                _NONCE, payloads[current], _associated_data(header, current)
            )
        except InvalidTag:
            if current == level:
                raise NoKeyError(f"the key does not open level {level} of this file") from None
            raise DamagedFileError(
                f"level {current} of the file does not open with the key that the level above holds"
            ) from None
        if current:
            if len(plaintext) < KEY_LENGTH:
                raise DamagedFileError(f"level {current} of the file is too short to hold a key")
            key, plaintext = plaintext[:KEY_LENGTH], plaintext[KEY_LENGTH:]
        bodies.append(plaintext)
    return bodies[::-1]


def _associated_data(header: bytes, level: int) -> bytes:
    return header + bytes([level])
