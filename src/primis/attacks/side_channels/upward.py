"""Whether the key of a lower level, or of other images, opens what it should not."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from primis import container
from primis.attacks.record import LEVEL, AttackResult
from primis.attacks.side_channels.publication import Publication, Victims
from primis.errors import PrimisError
from primis.keys import Grant
from primis.keys.derive import image_key
from primis.obfuscation import Level, keystream
from primis.obfuscation.keystream import KEY_LENGTH
from primis.study.statistics import bootstrap

if TYPE_CHECKING:
    from primis.attacks.attack import Report, Settings
    from primis.study.dataset import Dataset
    from primis.study.workspace import Workspace


def run(dataset: Dataset, _: Workspace, settings: Settings, report: Report) -> list[AttackResult]:
    """See `primis.attacks.attack.Attack`."""
    victims = Victims.of(dataset, settings)
    report("trying lower keys")
    publication = victims.publish()
    return [*upward(publication), *grants(publication)]


def upward(publication: Publication) -> list[AttackResult]:
    """Try to open upper levels with a preview key and all that it opens.

    Guesses at the key above: the key itself, hashes and derivations of it, and every 32 bytes of
    the opened level. The planted leak derives each upper key from the one below.
    """
    shares: dict[str, list[float]] = {"keystream": [], "planted: upper key from lower": []}
    for file, image_id in zip(publication.files, publication.ids, strict=True):
        parsed = container.parse(file)
        header = parsed.header.to_bytes()
        held = [publication.keyring.image_key(image_id, n) for n in range(len(parsed.payloads))]
        keys = [key.material for key in held if isinstance(key.material, bytes)]
        bodies = keystream.open_levels(parsed.payloads, len(keys) - 1, keys[-1], header)
        chained = [keys[0], *(image_key(keys[0], image_id, n) for n in range(1, len(keys)))]
        planted = keystream.seal(bodies, chained, header)
        for payloads, opened in zip((parsed.payloads, planted), shares.values(), strict=True):
            guesses = list(_guesses(keys[0], bodies[0], image_id))
            upper = range(1, len(keys))
            opened.append(
                float(np.mean([_opens(payloads, level, guesses, header) for level in upper]))
            )
    return [
        AttackResult(
            attack="lower key against upper levels",
            kind="side channel",
            target=target,
            metric="share of upper levels opened",
            score=bootstrap(np.mean, publication.patients, np.array(opened), level=LEVEL),
            floor=0.0,
            ceiling=1.0,
            knowledge="the preview key of the image, and what it opens",
            pairs=None,
        )
        for target, opened in shares.items()
    ]


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
                score=bootstrap(
                    np.mean, publication.patients[half:], np.array(opened, float), level=LEVEL
                ),
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
    return any(_opens(parsed.payloads, level, guesses, header) for level in (1, 2))


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


def _opens(payloads: Iterable[bytes], level: int, guesses: Iterable[bytes], header: bytes) -> bool:
    payloads = list(payloads)
    for guess in guesses:
        try:
            keystream.open_levels(payloads, level, guess, header)
        except PrimisError as error:
            if error.exit_code != 4:
                return True  # this level opened, one below did not
        else:
            return True
    return False
