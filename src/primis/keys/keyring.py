"""The owner's keyring: the secrets of one data set, its signing key, and what was published."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from primis.errors import DamagedFileError, NoKeyError, UsageError
from primis.files import read_bounded, write_atomically
from primis.keys import agefile, derive, record
from primis.keys.grant import Grant
from primis.keys.lock import locked
from primis.keys.source import ImageKey, check_reach
from primis.obfuscation import AMBIGUATION_LEVELS, Level

KIND = "primis keyring"
MAX_NAME_LENGTH = 4096
_FIELDS = {"data_set", "secrets", "signing_key", "recipients", "images"}
_SIGNING_KEY_LENGTH = 32


@dataclass(frozen=True, slots=True)
class Entry:
    """What the owner remembers of one published image.

    Parameters
    ----------
    name
        The input it was made from, at most 4096 bytes of UTF-8; never leaves the keyring.
    supports
        Ambiguated image: its coded support at each of the three levels. Keystream: empty.
    """

    name: str
    supports: tuple[bytes, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _is_short_text(self.name):
            raise UsageError(f"the name of an image is not text of at most {MAX_NAME_LENGTH} bytes")
        if not record.are_bytes(self.supports) or len(self.supports) not in (0, AMBIGUATION_LEVELS):
            raise UsageError(f"an ambiguated image has {AMBIGUATION_LEVELS} supports")


class Keyring:
    """All keys of one data set; a `KeySource` that opens every image at every level.

    Make one with `create` or `load`. Images are only ever added, so two processes may protect into
    the same data set: `save` merges what another one saved meanwhile.
    """

    def __init__(
        self,
        data_set: bytes,
        secrets: tuple[bytes, ...],
        signing_key: Ed25519PrivateKey,
        recipients: agefile.Recipients,
        images: Mapping[bytes, Entry],
    ) -> None:
        self.data_set = data_set
        self.signing_key = signing_key
        self._secrets = secrets
        self._recipients = recipients
        self._images = dict(images)
        self._identities: agefile.Identities | None = None
        self._on_disk: bytes | None = None  # digest of the file last loaded or saved

    def __repr__(self) -> str:
        return f"<Keyring of data set {self.data_set.hex()}, {len(self._images)} images>"

    @classmethod
    def create(cls, recipients: agefile.Recipients) -> Keyring:
        """Make the keyring of a new data set, to be sealed to `recipients` whenever it is saved.

        Raises
        ------
        UsageError
            If a recipient is not an age or SSH public key, or there is none.
        """
        if not isinstance(recipients, agefile.Passphrase):
            recipients = tuple(recipients)
            if not recipients:
                raise UsageError("a keyring needs a recipient or a passphrase")
            agefile.check_recipients(recipients)
        return cls(
            derive.new_id(),
            derive.new_level_secrets(),
            Ed25519PrivateKey.generate(),
            recipients,
            {},
        )

    @classmethod
    def load(cls, path: Path, identities: agefile.Identities) -> Keyring:
        """Open a keyring file.

        Raises
        ------
        InputError
            If the file cannot be read.
        NoKeyError
            If no identity opens it.
        DamagedFileError
            If it is not a keyring as primis writes it.
        """
        sealed = read_bounded(path, agefile.MAX_SEALED_LENGTH)
        return cls.from_sealed(sealed, identities)

    @classmethod
    def from_sealed(cls, sealed: bytes, identities: agefile.Identities) -> Keyring:
        """Open the bytes of a keyring file; see `load`."""
        kind, fields = record.decode(agefile.open_(sealed, identities))
        if kind != KIND:
            raise DamagedFileError(
                "this is a grant, not a keyring" if kind == "primis grant" else "not a keyring",
                hint="give the owner's keyring",
            )
        return cls.from_fields(fields, sealed, identities)

    @classmethod
    def from_fields(
        cls, fields: Mapping[str, object], sealed: bytes, identities: agefile.Identities
    ) -> Keyring:
        """Build a keyring from a decoded record, the file it came from and what opened that.

        Raises
        ------
        DamagedFileError
            If the fields are not those of a keyring.
        """
        try:
            keyring = cls(*_checked(fields, identities))
        except (UsageError, TypeError, ValueError) as error:
            raise DamagedFileError("keyring has fields that primis never writes") from error
        keyring._identities = identities
        keyring._on_disk = hashlib.sha256(sealed).digest()
        return keyring

    @property
    def publisher(self) -> bytes:
        """Ed25519 public key that signs this data set's public files, 32 bytes."""
        return self.signing_key.public_key().public_bytes_raw()

    @property
    def images(self) -> Mapping[bytes, Entry]:
        """Image id to entry, for every published image."""
        return MappingProxyType(self._images)

    def add(self, image_id: bytes, entry: Entry) -> None:
        """Remember a published image.

        Raises
        ------
        UsageError
            If the id is not 16 bytes, or is taken.
        """
        if not record.is_bytes(image_id, derive.ID_LENGTH):
            raise UsageError(f"an image id has {derive.ID_LENGTH} bytes")
        if image_id in self._images:
            raise UsageError(f"image {image_id.hex()} is already in the keyring")
        self._images[image_id] = entry

    def highest_level(self, image_id: bytes) -> int:
        """Return the highest level of an image; see `KeySource`."""
        return AMBIGUATION_LEVELS - 1 if self._supports(image_id) else Level.ORIGINAL

    def image_key(self, image_id: bytes, level: int) -> ImageKey:
        """Return the key of an image at a level; see `KeySource`.

        Keystream keys are derived, so they exist for every id, in `images` or not.
        """
        check_reach(level, self.highest_level(image_id), "the keyring")
        if supports := self._supports(image_id):
            return ImageKey(level, supports[: level + 1])
        return ImageKey(level, derive.image_key(self._secrets[level], image_id, level))

    def grant(self, level: int, only: Collection[bytes] | None = None) -> Grant:
        """Make a grant up to `level`, of the whole data set or of chosen images only.

        A grant of the whole data set also opens keystream images published later; of ambiguated
        images it holds those published so far.

        Raises
        ------
        UsageError
            If there is no such level, or no image is chosen.
        NoKeyError
            If a chosen image is not in the keyring.
        """
        check_reach(level, Level.ORIGINAL, "the keyring")
        chosen = self._images.keys() if only is None else set(only)
        if missing := chosen - self._images.keys():
            raise NoKeyError(
                f"image {min(missing).hex()} is not in the keyring",
                hint="list the data set's images and choose among their ids",
            )
        supports = {i: self._supports(i)[: level + 1] for i in chosen if self._supports(i)}
        secrets, keys = self._secrets[: level + 1], {}
        if only is not None:
            keys = {
                image_id: tuple(
                    derive.image_key(secret, image_id, below)
                    for below, secret in enumerate(secrets)
                )
                for image_id in chosen - supports.keys()
            }
            secrets = ()
        return Grant(self.data_set, self.publisher, level, secrets, keys, supports)

    def to_bytes(self) -> bytes:
        """Encode as a canonical record, in clear: for `save` and tests."""
        sealed_to = [] if isinstance(self._recipients, agefile.Passphrase) else self._recipients
        return record.encode(
            KIND,
            {
                "data_set": self.data_set,
                "secrets": self._secrets,
                "signing_key": self.signing_key.private_bytes_raw(),
                "recipients": list(sealed_to),
                "images": {i: [e.name, e.supports] for i, e in self._images.items()},
            },
        )

    def save(self, path: Path) -> None:
        """Seal the keyring and put it at `path`, atomically and with mode 0600.

        A lock file (`path` with ``.lock`` appended) keeps two processes from saving at once. If
        the file changed since this keyring was loaded, the images added there are merged in.

        Raises
        ------
        UsageError
            If `path` holds something other than an earlier state of this keyring.
        StoreError
            If the file system refuses, or the lock stays taken.
        """
        path = Path(path)
        with locked(path):
            exists = os.path.lexists(path)
            if exists:
                self._merge(path)
            sealed = agefile.seal(self.to_bytes(), self._recipients)
            write_atomically(path, sealed, private=True, overwrite=exists)
            self._on_disk = hashlib.sha256(sealed).digest()

    def _merge(self, path: Path) -> None:
        """Take over the images that the file at `path` has beyond ours."""
        sealed = read_bounded(path, agefile.MAX_SEALED_LENGTH)
        if hashlib.sha256(sealed).digest() == self._on_disk:
            return
        occupied = UsageError(
            f"{path} already exists and is not this keyring, or changed since it was created",
            hint="choose another name, or load the keyring again",
        )
        if self._identities is None:
            raise occupied
        try:
            other = Keyring.from_sealed(sealed, self._identities)
        except (NoKeyError, DamagedFileError) as error:
            raise occupied from error
        merged = {**other._images, **self._images}
        if (
            (other.data_set, other._secrets, other.publisher)
            != (self.data_set, self._secrets, self.publisher)
        ) or any(merged[image_id] != entry for image_id, entry in other._images.items()):
            raise occupied
        self._images = merged

    def _supports(self, image_id: bytes) -> tuple[bytes, ...]:
        entry = self._images.get(image_id)
        return entry.supports if entry else ()


def _checked(
    fields: Mapping[str, object], identities: agefile.Identities
) -> tuple[bytes, tuple[bytes, ...], Ed25519PrivateKey, agefile.Recipients, dict[bytes, Entry]]:
    """Return the arguments of `Keyring`, or raise UsageError, TypeError or ValueError."""
    if fields.keys() != _FIELDS:
        raise UsageError("keyring lacks a field or has one too many")
    data_set, signing_key, listed = fields["data_set"], fields["signing_key"], fields["images"]
    secrets, recipients = fields["secrets"], fields["recipients"]
    if not isinstance(secrets, list) or not isinstance(recipients, list):
        raise TypeError("not an array")
    secrets = tuple(secrets)
    if not (
        record.is_bytes(data_set, derive.ID_LENGTH)
        and record.are_bytes(secrets, derive.SECRET_LENGTH)
        and len(secrets) == len(Level)
        and record.is_bytes(signing_key, _SIGNING_KEY_LENGTH)
        and isinstance(listed, dict)
        and all(record.is_bytes(image_id, derive.ID_LENGTH) for image_id in listed)
        and all(isinstance(text, str) for text in recipients)
    ):
        raise UsageError("keyring has a field of the wrong type or length")
    images = {image_id: _entry(value) for image_id, value in listed.items()}
    sealed_to: agefile.Recipients = tuple(recipients)
    if not recipients:
        if not isinstance(identities, agefile.Passphrase):
            raise UsageError("keyring names no recipient")
        sealed_to = identities
    else:
        agefile.check_recipients(recipients)
    return (data_set, secrets, Ed25519PrivateKey.from_private_bytes(signing_key), sealed_to, images)


def _entry(value: object) -> Entry:
    if not isinstance(value, list):
        raise TypeError("not an array")
    name, supports = value
    if not isinstance(supports, list):
        raise TypeError("not an array")
    return Entry(name, tuple(supports))


def _is_short_text(text: str) -> bool:
    try:
        return len(text.encode()) <= MAX_NAME_LENGTH
    except UnicodeEncodeError:  # a file name that is not UTF-8
        return False
