"""Image ids as people write them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import TYPE_CHECKING

from primis.errors import NoKeyError, UsageError

if TYPE_CHECKING:
    from primis.keys import Keyring

_MIN_LENGTH = 4


def select_images(keyring: Keyring, texts: Sequence[str]) -> list[bytes]:
    """Find the images of a keyring whose hexadecimal ids begin with the given texts.

    Raises
    ------
    UsageError
        If a text is shorter than 4 characters or fits several images.
    NoKeyError
        If a text fits none.
    """
    ids = sorted(image_id.hex() for image_id in keyring.images)
    return list(dict.fromkeys(bytes.fromhex(_only_match(ids, text.lower())) for text in texts))


def _only_match(ids: Sequence[str], text: str) -> str:
    if len(text) < _MIN_LENGTH:
        raise UsageError(f"an image id needs at least its first {_MIN_LENGTH} characters")
    place = bisect_left(ids, text)
    matches = [image_id for image_id in ids[place : place + 2] if image_id.startswith(text)]
    if not matches:
        raise NoKeyError(
            "no image of the keyring has an id that begins as given",
            hint="primis images lists the ids",
        )
    if len(matches) > 1:
        raise UsageError(f"several images have an id that begins with {text}")
    return matches[0]
