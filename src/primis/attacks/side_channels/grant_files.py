"""What the files of grants tell to those who see them travel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyrage

from primis.attacks.record import LEVEL, AttackResult
from primis.attacks.side_channels.publication import (
    Publication,
    Victims,
    busy,
    concordance,
    equal_bits,
    lossless_sizes,
)
from primis.keys import Keyring, agefile
from primis.obfuscation import Level, Scheme
from primis.study.statistics import auc, bootstrap

if TYPE_CHECKING:
    from primis.attacks.attack import Report, Settings
    from primis.study.dataset import Dataset
    from primis.study.workspace import Workspace


def run(dataset: Dataset, _: Workspace, settings: Settings, report: Report) -> list[AttackResult]:
    """See `primis.attacks.attack.Attack`."""
    victims = Victims.of(dataset, settings)
    report("comparing grants")
    plain, ambiguated = victims.publish(), victims.publish(scheme=Scheme.AMBIGUATION)
    return [
        *same_grant_twice(plain),
        *lengths_by_content(plain, ambiguated),
        *lengths_by_number(plain),
    ]


def same_grant_twice(publication: Publication) -> list[AttackResult]:
    """Compare two sealed files of one grant, for each image; the planted leak is a copy."""
    first, second = ([_sealed(grant) for grant in _grants(publication)] for _ in range(2))
    return [
        AttackResult(
            attack="sealed grants",
            kind="side channel",
            target=target,
            metric="share of equal bits",
            score=bootstrap(
                np.mean,
                publication.patients,
                np.array([equal_bits(a, b) for a, b in zip(first, others, strict=True)]),
                level=LEVEL,
            ),
            floor=0.5,
            ceiling=1.0,
            knowledge="two files of one grant, sealed to one recipient",
            pairs=None,
            either_way=True,
        )
        for target, others in (("keystream", second), ("planted: sealed once, sent twice", first))
    ]


def lengths_by_content(plain: Publication, ambiguated: Publication) -> list[AttackResult]:
    """Tell busy images from plain ones by the length of a grant of each.

    Parameters
    ----------
    plain, ambiguated
        The same images under both schemes. The grant of an ambiguated one holds its support, whose
        length follows from shape and rate alone.
    """
    truth = busy(plain.pixels)
    with_content = [
        grant + bytes(size)
        for grant, size in zip(_grants(plain), lossless_sizes(plain.pixels), strict=True)
    ]
    return [
        AttackResult(
            attack="length of a grant",
            kind="side channel",
            target=target,
            metric="AUC, busy against plain images",
            score=bootstrap(
                auc,
                plain.patients,
                truth,
                np.array([len(_sealed(grant)) for grant in grants]),
                level=LEVEL,
            ),
            floor=0.5,
            ceiling=1.0,
            knowledge="length of a grant of one image",
            pairs=None,
            either_way=True,
        )
        for target, grants in (
            ("keystream", _grants(plain)),
            ("ambiguation 100 %", _grants(ambiguated)),
            ("planted: content in the grant", with_content),
        )
    ]


def lengths_by_number(publication: Publication) -> list[AttackResult]:
    """Tell by the lengths of two grants which one opens more images; 1 to all are granted."""
    ids = publication.ids
    whole = publication.keyring.grant(Level.ORIGINAL)
    growing = Keyring(whole.data_set, whole.secrets, publication.keyring.signing_key, (), {})
    of_all: list[bytes] = []
    of_chosen: list[bytes] = []
    listed: list[bytes] = []
    for number, image_id in enumerate(ids, start=1):
        growing.add(image_id, publication.keyring.images[image_id])
        of_all.append(growing.grant(Level.ORIGINAL).to_bytes())
        of_chosen.append(growing.grant(Level.ORIGINAL, ids[:number]).to_bytes())
        listed.append(of_all[-1] + b"".join(ids[:number]))
    numbers = np.arange(len(ids))
    return [
        AttackResult(
            attack="length of a grant",
            kind="side channel",
            target=target,
            metric="chance to tell which of two grants is of more images",
            score=bootstrap(
                concordance,
                [str(number) for number in numbers],
                numbers,
                np.array([len(_sealed(grant)) for grant in grants]),
                level=LEVEL,
            ),
            floor=0.5,
            ceiling=1.0,
            knowledge="lengths of grants of data sets, or of chosen images",
            pairs=None,
            either_way=True,
        )
        for target, grants in (
            ("keystream", of_all),
            ("documented: chosen images", of_chosen),
            ("planted: list of images", listed),
        )
    ]


def _grants(publication: Publication) -> list[bytes]:
    """Return a grant of each image, in clear."""
    return [
        publication.keyring.grant(Level.ORIGINAL, [image_id]).to_bytes()
        for image_id in publication.ids
    ]


def _sealed(grant: bytes) -> bytes:
    """Seal a grant to somebody; return what follows the age header, which is of random length."""
    recipient = str(pyrage.x25519.Identity.generate().to_public())
    _, _, rest = agefile.seal(grant, [recipient]).partition(b"\n--- ")
    _, _, body = rest.partition(b"\n")
    return body
