"""Whatever opens images: keyrings, grants and single keys look alike to `reconstruct`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from primis.errors import NoKeyError, UsageError
from primis.obfuscation import Level


@dataclass(frozen=True, slots=True)
class ImageKey:
    """The key of one image; by itself a `KeySource` for that image.

    Parameters
    ----------
    level
        The highest level it opens, 0 to 3.
    material
        32 bytes (keystream), or the coded supports of levels 0 to `level` (ambiguation).
    """

    level: int
    material: bytes | tuple[bytes, ...] = field(repr=False)

    @property
    def publisher(self) -> bytes | None:
        """None: a bare key does not say who published its image."""
        return None

    def highest_level(self, image_id: bytes) -> int:  # noqa: ARG002
        """Return the key's level, for any image: whether it fits shows when it opens."""
        return self.level

    def image_key(self, image_id: bytes, level: int) -> ImageKey:
        """Return this very key if it reaches `level`; see `KeySource.image_key`."""
        check_reach(level, self.highest_level(image_id), "this key")
        return self


class KeySource(Protocol):
    """Gives the keys of images.

    To reconstruct at the best level, take the lower of ``highest_level(image_id)`` and the
    highest level of the public file, and ask for the key of that.
    """

    @property
    def publisher(self) -> bytes | None:
        """Ed25519 public key (32 bytes) that must have signed the public files, if known."""

    def highest_level(self, image_id: bytes) -> int:
        """Return the highest level this source opens for an image.

        It may exceed the levels that the image has.

        Raises
        ------
        NoKeyError
            If the source has nothing for this image.
        """

    def image_key(self, image_id: bytes, level: int) -> ImageKey:
        """Return a key that opens `level` of an image; its own level may be higher.

        Raises
        ------
        NoKeyError
            If the source does not reach that level of that image.
        UsageError
            If there is no such level.
        """


def check_reach(level: int, highest: int, holder: str) -> None:
    """Raise unless a holder who reaches level `highest` may open `level`."""
    if level not in set(Level):
        raise UsageError(f"there is no level {level}", hint="levels are 0 to 3")
    if level > highest:
        raise NoKeyError(
            f"{holder} opens this image up to {Level(highest).label}, not {Level(level).label}"
        )
