"""Grants: what an owner gives to others, for a whole data set or for chosen images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from primis.errors import DamagedFileError, NoKeyError, UsageError
from primis.keys import agefile, derive, record
from primis.keys.source import ImageKey, check_reach
from primis.obfuscation import AMBIGUATION_LEVELS, Level

KIND = "primis grant"
_PUBLISHER_LENGTH = 32


@dataclass(frozen=True, slots=True)
class Grant:
    """Keys of one data set up to one level, and nothing else; a `KeySource`.

    Parameters
    ----------
    data_set
        Data set id, 16 bytes.
    publisher
        Ed25519 public key that signs the data set's public files, 32 bytes.
    level
        The highest level granted, 0 to 3.
    secrets
        Whole data set: its secrets of levels 0 to `level`, 32 bytes each. Chosen images: empty.
    keys
        Chosen keystream images: image id to the keys of levels 0 to `level`.
    supports
        Ambiguated images: image id to the coded supports of levels 0 to `level` (2 at most).

    Raises
    ------
    UsageError
        If a field has the wrong type, length or combination.
    """

    data_set: bytes
    publisher: bytes
    level: int
    secrets: tuple[bytes, ...] = field(default=(), repr=False)
    keys: Mapping[bytes, tuple[bytes, ...]] = field(default_factory=dict, repr=False)
    supports: Mapping[bytes, tuple[bytes, ...]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.level not in set(Level):
            raise UsageError("grant is for no known level")
        levels = self.level + 1
        ids = [*self.keys, *self.supports]
        if not (
            record.is_bytes(self.data_set, derive.ID_LENGTH)
            and record.is_bytes(self.publisher, _PUBLISHER_LENGTH)
            and record.are_bytes(self.secrets, derive.SECRET_LENGTH)
            and all(record.is_bytes(image_id, derive.ID_LENGTH) for image_id in ids)
            and len(set(ids)) == len(ids)
        ):
            raise UsageError("grant has a field of the wrong type or length")
        if len(self.secrets) not in (0, levels) or (self.secrets and self.keys):
            raise UsageError("grant mixes a whole data set with chosen images")
        if not (self.secrets or ids):
            raise UsageError("grant is for no image")
        for keys in self.keys.values():
            if not (record.are_bytes(keys, 32) and len(keys) == levels):
                raise UsageError("grant has image keys of the wrong length or number")
        for supports in self.supports.values():
            if not (
                record.are_bytes(supports) and len(supports) == min(levels, AMBIGUATION_LEVELS)
            ):
                raise UsageError("grant has supports of the wrong number")

    def highest_level(self, image_id: bytes) -> int:
        """Return the highest level granted for an image; see `KeySource`."""
        if image_id in self.supports:
            return len(self.supports[image_id]) - 1
        if self.secrets or image_id in self.keys:
            return self.level
        raise NoKeyError("the grant does not cover this image")

    def image_key(self, image_id: bytes, level: int) -> ImageKey:
        """Return the key of `level` of an image; see `KeySource`."""
        check_reach(level, self.highest_level(image_id), "the grant")
        if image_id in self.supports:
            return ImageKey(level, self.supports[image_id][: level + 1])
        if image_id in self.keys:
            return ImageKey(level, self.keys[image_id][level])
        return ImageKey(level, derive.image_key(self.secrets[level], image_id, level))

    def to_bytes(self) -> bytes:
        """Encode as a canonical record, in clear: seal it before it leaves memory."""
        return record.encode(
            KIND,
            {
                "data_set": self.data_set,
                "publisher": self.publisher,
                "level": int(self.level),
                "secrets": self.secrets,
                "keys": dict(self.keys),
                "supports": dict(self.supports),
            },
        )

    @classmethod
    def from_fields(cls, fields: Mapping[str, object]) -> Grant:
        """Build a grant from the fields of a decoded record.

        Raises
        ------
        DamagedFileError
            If they are not those of a grant.
        """
        try:
            values = {name: _frozen(value) for name, value in fields.items()}
            if len(values) != 6:
                raise UsageError("grant lacks a field")
            return cls(**values)  # type: ignore[arg-type]
        except (UsageError, TypeError, AttributeError) as error:
            raise DamagedFileError("grant has fields that primis never writes") from error

    def seal(self, recipients: agefile.Recipients) -> bytes:
        """Encrypt the grant to recipients as an age file."""
        return agefile.seal(self.to_bytes(), recipients)


def _frozen(value: object) -> object:
    """Turn the lists of a decoded record into tuples."""
    if isinstance(value, list):
        return tuple(map(_frozen, value))
    if isinstance(value, dict):
        return {key: _frozen(item) for key, item in value.items()}
    return value
