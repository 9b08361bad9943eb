"""Whether two public files share keystream: the same image twice, and the keys themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from primis import container
from primis.attacks.record import LEVEL, AttackResult
from primis.attacks.side_channels.publication import Publication, Victims
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
    """Compare public files of the same images, and keys of different ones, bit by bit.

    Parameters
    ----------
    first, second
        The same images protected twice; the planted leak seals the first anew under its own keys.
    """
    resealed = [_seal_again(first, index) for index in range(len(first.files))]
    twice = [
        ("keystream", [_payload(file) for file in second.files], "fresh ids and keys"),
        ("planted: keys reused", resealed, "the same image sealed again under the same keys"),
    ]
    results = [
        _result(
            "same image twice",
            target,
            first.patients,
            [_equal_bits(_payload(a), b) for a, b in zip(first.files, others, strict=True)],
            "two public files of each image",
            notes,
        )
        for target, others, notes in twice
    ]
    keys = [_keys(first, index) for index in range(len(first.ids))]
    following = keys[1:] + keys[:1]
    compared = [
        ("keystream", following, _distinct(keys)),
        ("planted: one key for all", keys, ""),
    ]
    return results + [
        _result(
            "keys of other images",
            target,
            first.patients,
            [_equal_bits(a, b) for a, b in zip(keys, others, strict=True)],
            "the keys of one image, at every level",
            notes,
        )
        for target, others, notes in compared
    ]


def _result(
    attack: str,
    target: str,
    patients: Sequence[str],
    equal: Sequence[float],
    knowledge: str,
    notes: str,
) -> AttackResult:
    return AttackResult(
        attack=attack,
        kind="side channel",
        target=target,
        metric="share of equal bits",
        score=bootstrap(np.mean, patients, np.asarray(equal), level=LEVEL),
        floor=0.5,
        ceiling=1.0,
        knowledge=knowledge,
        pairs=None,
        notes=notes,
    )


def _payload(file: bytes) -> bytes:
    return b"".join(container.parse(file).payloads)


def _keys(publication: Publication, index: int) -> bytes:
    """Return the keys of an image at all levels, one behind the other."""
    return b"".join(
        material
        for level in Level
        if isinstance(
            material := publication.keyring.image_key(publication.ids[index], level).material, bytes
        )
    )


def _seal_again(publication: Publication, index: int) -> bytes:
    file = container.parse(publication.files[index])
    header = file.header.to_bytes()
    whole = _keys(publication, index)
    keys = [whole[start : start + 32] for start in range(0, len(whole), 32)][: len(file.payloads)]
    bodies = keystream.open_levels(file.payloads, len(keys) - 1, keys[-1], header)
    return b"".join(keystream.seal(bodies, keys, header))


def _equal_bits(one: bytes, other: bytes) -> float:
    arrays = [np.unpackbits(np.frombuffer(data, dtype=np.uint8)) for data in (one, other)]
    return float(np.mean(arrays[0] == arrays[1]))


def _distinct(keys: Sequence[bytes]) -> str:
    every = [key[start : start + 32] for key in keys for start in range(0, len(key), 32)]
    return f"{len(set(every))} different keys among {len(every)}"
