"""Secrets of a data set, and the keys of single images derived from them."""

from __future__ import annotations

import secrets

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from primis.errors import UsageError
from primis.obfuscation import Level

ID_LENGTH = 16
SECRET_LENGTH = 32
_INFO = b"primis v1 image key"


def new_id() -> bytes:
    """Draw a random id of 16 bytes for an image or a data set; never derived from patient data."""
    return secrets.token_bytes(ID_LENGTH)


def new_level_secrets() -> tuple[bytes, ...]:
    """Draw the independent secrets of a data set, 32 bytes for each of the four levels."""
    return tuple(secrets.token_bytes(SECRET_LENGTH) for _ in Level)


def image_key(secret: bytes, image_id: bytes, level: int) -> bytes:
    """Derive the 32-byte key of one image at one level.

    HKDF-SHA-256 (RFC 5869) with the empty salt and the info string
    ``"primis v1 image key" || image id || level``.

    Parameters
    ----------
    secret
        The data set's secret of that level, 32 bytes.
    image_id
        16 bytes.
    level
        0 to 3.

    Raises
    ------
    UsageError
        If an argument has the wrong length or range.
    """
    if len(secret) != SECRET_LENGTH or len(image_id) != ID_LENGTH or level not in set(Level):
        raise UsageError("a key is derived from 32 secret bytes, a 16-byte image id and a level")
    info = _INFO + image_id + bytes([level])
    return HKDF(SHA256(), length=32, salt=None, info=info).derive(secret)
