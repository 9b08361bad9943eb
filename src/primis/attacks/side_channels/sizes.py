"""What the length of a public file tells about its content."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from primis.attacks.record import LEVEL, AttackResult
from primis.attacks.side_channels.publication import Publication, Victims, busy, lossless_sizes
from primis.container import Header
from primis.study.statistics import Interval, auc, bootstrap

if TYPE_CHECKING:
    from primis.attacks.attack import Report, Settings
    from primis.study.dataset import Dataset
    from primis.study.workspace import Workspace

_KNOWLEDGE = "lengths of public files of one shape and rate, and of each level in them"


def run(dataset: Dataset, _: Workspace, settings: Settings, report: Report) -> list[AttackResult]:
    """See `primis.attacks.attack.Attack`."""
    victims = Victims.of(dataset, settings)
    report("comparing sizes")
    return sizes(victims.publish(), victims.publish(original=True))


def sizes(plain: Publication, with_original: Publication) -> list[AttackResult]:
    """Tell busy images from plain ones by the length of their files.

    Parameters
    ----------
    plain
        Images of one shape, levels preview to full.
    with_original
        The same images with the level `original`, whose length says how well the image compresses
        (rounded up to sixteenths of the raw pixels).
    """
    truth = busy(plain.pixels)

    def told_by(lengths: Sequence[int] | NDArray[np.int64]) -> Interval:
        return bootstrap(auc, plain.patients, truth, np.asarray(lengths), level=LEVEL)

    return [
        AttackResult(
            attack="sizes",
            kind="side channel",
            target=target,
            metric="AUC, busy against plain images",
            score=told_by(lengths),
            floor=0.5,
            ceiling=1.0,
            knowledge=_KNOWLEDGE,
            pairs=None,
            notes=notes,
            either_way=True,
        )
        for target, lengths, notes in (
            ("keystream", _lengths(plain), _distinct(plain)),
            (
                "documented: level original",
                _lengths(with_original),
                f"{_distinct(with_original)}; documented: leave the level out where this matters",
            ),
            ("planted: JPEG XL file", lossless_sizes(plain.pixels), "lossless, sized by content"),
        )
    ]


def _lengths(publication: Publication) -> list[int]:
    return [len(file) for file in publication.files]


def _distinct(publication: Publication) -> str:
    levels = {Header.parse(file).lengths for file in publication.files}
    return f"{len(levels)} different sets of level lengths among {len(publication.files)} files"
