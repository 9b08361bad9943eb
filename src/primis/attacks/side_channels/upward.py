"""Whether the key of a lower level, or of other images, opens what it should not."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from primis import container
from primis.attacks.record import AttackResult
from primis.attacks.side_channels.publication import Publication, Victims, share_of
from primis.errors import PrimisError
from primis.keys import Grant
from primis.keys.derive import image_key
from primis.obfuscation import Level, keystream
from primis.obfuscation.keystream import KEY_LENGTH

if TYPE_CHECKING:
    from primis.attacks.attack import Report, Settings
    from primis.study.dataset import Dataset
    from primis.study.workspace import Workspace


def run(dataset: Dataset, _: Workspace, settings: Settings, report: Report) -> list[AttackResult]:
    """See `primis.attacks.attack.Attack`."""
    victims = Victims.of(dataset, settings)
    report("trying lower keys")
    publication = victims.publish(original=True)
    return [*upward(publication), *grants(publication)]


def upward(publication: Publication) -> list[AttackResult]:
    """Try to open upper levels with the key of a lower one and all that it opens.

    Guesses at a key above: the keys below, hashes and derivations of them, and every 32 bytes of
    the opened levels. The planted leak derives each upper key from the lowest.

    Parameters
    ----------
    publication
        With the level `original`, so that a key of level full has something above it.
    """
    fell: dict[str, list[bool]] = {"keystream": [], "planted: upper key from lower": []}
    for file, image_id in zip(publication.files, publication.ids, strict=True):
        parsed = container.parse(file)
        header = parsed.header.to_bytes()
        made = [publication.keyring.image_key(image_id, n) for n in range(len(parsed.payloads))]
        keys = [key.material for key in made if isinstance(key.material, bytes)]
        bodies = keystream.open_levels(parsed.payloads, len(keys) - 1, keys[-1], header)
        chained = [keys[0], *(image_key(keys[0], image_id, n) for n in range(1, len(keys)))]
        planted = keystream.seal(bodies, chained, header)
        for payloads, held, opened in zip(
            (parsed.payloads, planted), (keys, chained), fell.values(), strict=True
        ):
            opened.append(_climbs(payloads, held, bodies, image_id, header))
    return [
        AttackResult(
            attack="lower key against upper levels",
            kind="side channel",
            target=target,
            metric="share of images of which an upper level opened",
            score=share_of(opened),
            floor=0.0,
            ceiling=1.0,
            knowledge="the key of a lower level of the image, and what it opens",
            pairs=None,
        )
        for target, opened in fell.items()
    ]


def _climbs(
    payloads: Sequence[bytes],
    keys: Sequence[bytes],
    bodies: Sequence[bytes],
    image_id: bytes,
    header: bytes,
) -> bool:
    """Tell whether the level above any level opens with what that one and those below hold."""
    guesses: list[bytes] = []
    for level, (key, body) in enumerate(zip(keys[:-1], bodies, strict=False)):
        guesses += _guesses(key, body, image_id)
        if _opens(payloads, level + 1, guesses, header):
            return True
    return False


def grants(publication: Publication) -> list[AttackResult]:
    """Let the holders of grants for half of the images, and of a preview of all, join forces.

    They try all their keys, and what can be derived from these, on the upper levels of the other
    half. The planted leak is a grant of the whole data set.
    """
    half = len(publication.ids) // 2
    known, secret = publication.ids[:half], publication.ids[half:]
    chosen = publication.keyring.grant(Level.ORIGINAL, known)
    previews = publication.keyring.grant(Level.PREVIEW)
    whole = publication.keyring.grant(Level.ORIGINAL)
    results = []
    for target, held in (
        ("keystream", (chosen, previews)),
        ("planted: grant of the data set", (chosen, whole)),
    ):
        opened = [
            _opened_by(publication.files[half + index], image_id, held)
            for index, image_id in enumerate(secret)
        ]
        results.append(
            AttackResult(
                attack="grants joined",
                kind="side channel",
                target=target,
                metric="share of other images opened above preview",
                score=share_of(opened),
                floor=0.0,
                ceiling=1.0,
                knowledge=f"full grants of {half} images and a preview grant of all",
                pairs=None,
            )
        )
    return results


def _opened_by(file: bytes, image_id: bytes, held: Iterable[Grant]) -> bool:
    parsed = container.parse(file)
    header = parsed.header.to_bytes()
    materials: list[bytes] = []
    for grant in held:
        materials += [key for keys in grant.keys.values() for key in keys]
        materials += grant.secrets
    guesses = [guess for material in materials for guess in _guesses(material, b"", image_id)]
    upper = range(1, len(parsed.payloads))
    return any(_opens(parsed.payloads, level, guesses, header) for level in upper)


def _guesses(key: bytes, opened: bytes, image_id: bytes) -> Iterator[bytes]:
    """Yield what a key above ``key`` might be, if keys were badly made."""
    yield key
    yield key[::-1]
    yield bytes(byte ^ 0xFF for byte in key)
    yield hashlib.sha256(key).digest()
    for level in Level:
        yield hashlib.sha256(key + bytes([level])).digest()
        yield hmac.digest(key, image_id + bytes([level]), "sha256")
        yield image_key(key, image_id, level)
    for start in range(len(opened) - KEY_LENGTH + 1):
        yield opened[start : start + KEY_LENGTH]


def _opens(payloads: Sequence[bytes], level: int, guesses: Iterable[bytes], header: bytes) -> bool:
    for guess in guesses:
        try:
            keystream.open_levels(payloads, level, guess, header)
        except PrimisError as error:
            if error.exit_code != 4:
                return True  # this level opened, one below did not
        else:
            return True
    return False
