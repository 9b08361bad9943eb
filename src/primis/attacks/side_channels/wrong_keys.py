"""What a wrong key gives: it must be the same error for all of them, and no picture."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from primis.api import reconstruct
from primis.attacks.record import AttackResult
from primis.attacks.side_channels.publication import Publication, Victims, share_of
from primis.errors import PrimisError
from primis.keys import ImageKey
from primis.obfuscation import Level, Scheme
from primis.obfuscation.keystream import KEY_LENGTH

if TYPE_CHECKING:
    from primis.attacks.attack import Report, Settings
    from primis.study.dataset import Dataset
    from primis.study.workspace import Workspace

_RANDOM_KEYS = 8
_FLIPPED_BITS = (0, 7, 128, 255)


def run(dataset: Dataset, _: Workspace, settings: Settings, report: Report) -> list[AttackResult]:
    """See `primis.attacks.attack.Attack`."""
    victims = Victims.of(dataset, settings)
    report("trying wrong keys")
    return wrong_keys(victims.publish(), victims.publish(scheme=Scheme.AMBIGUATION))


def wrong_keys(keystream: Publication, ambiguated: Publication) -> list[AttackResult]:
    """Count images of which a wrong key shows a picture, or an error unlike the others.

    Tried are random keys, right keys with one bit flipped, keys of other levels and of other
    images. Under ambiguation the wrong keys are the supports of other images: there is no tag, so
    each gives a picture, of nothing; that is the positive control.
    """
    return [
        AttackResult(
            attack="wrong key",
            kind="side channel",
            target=target,
            metric="share of images of which a wrong key shows something",
            score=share_of(map(partial(_shows, publication), range(len(publication.files)))),
            floor=0.0,
            ceiling=1.0,
            knowledge="public files, and keys of other images and levels",
            pairs=None,
            notes=notes,
        )
        for target, publication, notes in (
            ("keystream", keystream, "right is one error text for all, and no picture"),
            (
                "planted: ambiguation, which has no tag",
                ambiguated,
                "every wrong key gives a meaningless picture in place of an error",
            ),
        )
    ]


def _shows(publication: Publication, index: int) -> bool:
    file = publication.files[index]
    outcomes = {_outcome(file, key) for key in _guesses(publication, index)}
    return len(outcomes) > 1 or "picture" in outcomes


def _outcome(file: bytes, key: ImageKey) -> str:
    try:
        reconstruct(file, key, threads=1)
    except PrimisError as error:
        return f"{type(error).__name__}: {error} {error.hint}"
    return "picture"


def _guesses(publication: Publication, index: int) -> Iterator[ImageKey]:
    keyring, others = publication.keyring, [*publication.ids[:index], *publication.ids[index + 1 :]]
    true = keyring.image_key(publication.ids[index], Level.FULL).material
    if isinstance(true, tuple):
        yield from (keyring.image_key(other, Level.FULL) for other in others[:1])
        return
    for _ in range(_RANDOM_KEYS):
        yield ImageKey(Level.FULL, secrets.token_bytes(KEY_LENGTH))
    for bit in _FLIPPED_BITS:
        number = int.from_bytes(true, "big") ^ 1 << bit
        yield ImageKey(Level.FULL, number.to_bytes(KEY_LENGTH, "big"))
    for level in (Level.PREVIEW, Level.DIAGNOSTIC, Level.ORIGINAL):
        yield ImageKey(Level.FULL, keyring.image_key(publication.ids[index], level).material)
    for other in others[:4]:
        yield keyring.image_key(other, Level.FULL)
