"""Whether two public files have anything in common: the same image twice, and keys used twice."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from primis import container
from primis.attacks.record import LEVEL, AttackResult
from primis.attacks.side_channels.publication import Publication, Victims, equal_bits, share_of
from primis.obfuscation import Level, keystream
from primis.study.statistics import bootstrap

if TYPE_CHECKING:
    from primis.attacks.attack import Report, Settings
    from primis.study.dataset import Dataset
    from primis.study.workspace import Workspace


def run(dataset: Dataset, _: Workspace, settings: Settings, report: Report) -> list[AttackResult]:
    """See `primis.attacks.attack.Attack`."""
    victims = Victims.of(dataset, settings)
    report("publishing twice")
    return reuse(victims.publish(), victims.publish())


def reuse(first: Publication, second: Publication) -> list[AttackResult]:
    """Compare public files of the same images and their ids bit by bit, and all keys.

    Parameters
    ----------
    first, second
        The same images protected twice. Planted leaks: the first sealed anew under its own keys,
        ids that are hashes of pixels, and two images with one key.
    """
    payloads, ids = [_payload(file) for file in first.files], first.ids
    hashes = [hashlib.sha256(pixels.tobytes()).digest()[: len(ids[0])] for pixels in first.pixels]
    bits = "share of equal bits"
    id_bits = "share of equal bits of the image id"
    fresh, again = [_payload(file) for file in second.files], _sealed_again(first)
    compared: tuple[tuple[str, str, Sequence[bytes], Sequence[bytes]], ...] = (
        ("keystream", bits, payloads, fresh),
        ("planted: keys reused", bits, payloads, again),
        ("keystream", id_bits, ids, second.ids),
        ("planted: hash of the pixels", id_bits, hashes, hashes),
    )
    results = [
        AttackResult(
            attack="same image twice",
            kind="side channel",
            target=target,
            metric=metric,
            score=bootstrap(
                np.mean,
                first.patients,
                np.array([equal_bits(a, b) for a, b in zip(ones, others, strict=True)]),
                level=LEVEL,
            ),
            floor=0.5,
            ceiling=1.0,
            knowledge="two public files of each image",
            pairs=None,
            either_way=True,
        )
        for target, metric, ones, others in compared
    ]
    keys = [_keys(first, index) for index in range(len(ids))]
    return results + [
        AttackResult(
            attack="keys of other images",
            kind="side channel",
            target=target,
            metric="share of images with a key of another image or level",
            score=share_of(_repeats(every)),
            floor=0.0,
            ceiling=1.0,
            knowledge="the keys of all images, at every level",
            pairs=None,
            notes="the nonce is constant, so that no key may serve twice",
        )
        for target, every in (
            ("keystream", keys),
            ("planted: one key for two images", [[keys[1][0], *keys[0][1:]], *keys[1:]]),
        )
    ]


def _payload(file: bytes) -> bytes:
    return b"".join(container.parse(file).payloads)


def _keys(publication: Publication, index: int) -> list[bytes]:
    """Return the keys of an image, level by level."""
    found = [publication.keyring.image_key(publication.ids[index], level) for level in Level]
    return [key.material for key in found if isinstance(key.material, bytes)]


def _repeats(keys: Sequence[Sequence[bytes]]) -> list[bool]:
    """Tell of each image whether one of its keys serves more than once among all."""
    uses = Counter(key for some in keys for key in some)
    return [any(uses[key] > 1 for key in some) for some in keys]


def _sealed_again(publication: Publication) -> list[bytes]:
    """Seal the payloads of all files once more, under the keys that they have."""
    sealed = []
    for index, data in enumerate(publication.files):
        file = container.parse(data)
        header = file.header.to_bytes()
        keys = _keys(publication, index)[: len(file.payloads)]
        bodies = keystream.open_levels(file.payloads, len(keys) - 1, keys[-1], header)
        sealed.append(b"".join(keystream.seal(bodies, keys, header)))
    return sealed
