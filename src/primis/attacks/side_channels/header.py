"""What the clear header of a public file tells about its content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from primis.attacks.record import AttackResult
from primis.attacks.side_channels.publication import Publication, Victims
from primis.container import Header
from primis.study.statistics import Interval

if TYPE_CHECKING:
    from primis.attacks.attack import Report, Settings
    from primis.study.dataset import Dataset
    from primis.study.workspace import Workspace


def run(dataset: Dataset, _: Workspace, settings: Settings, report: Report) -> list[AttackResult]:
    """See `primis.attacks.attack.Attack`."""
    victims = Victims.of(dataset, settings)
    report("comparing headers")
    return header_fields(victims.publish())


def header_fields(publication: Publication) -> list[AttackResult]:
    """Count header fields, other than the random image id, that differ among images of one shape.

    A field that is the same in all files of one owner, shape and rate tells nothing about any.
    The planted leak rounds each image's brightness into the field `rows`.
    """
    headers = [Header.parse(file) for file in publication.files]
    leaking = [
        replace(header, rows=1 + int(pixels.mean()))
        for header, pixels in zip(headers, publication.pixels, strict=True)
    ]
    return [
        AttackResult(
            attack="header fields",
            kind="side channel",
            target=target,
            metric="fields that differ between images",
            score=Interval(len(differing), len(differing), len(differing)),
            floor=0.0,
            ceiling=None,
            knowledge="the clear headers of public files of one owner, shape and rate",
            pairs=None,
            notes=f"differing: {', '.join(differing) or 'none'}",
        )
        for target, differing in (
            ("keystream", _differing(headers)),
            ("planted: brightness in header", _differing(leaking)),
        )
    ]


def _differing(headers: Sequence[Header]) -> list[str]:
    records = [
        {name: value for name, value in asdict(header).items() if name != "image_id"}
        for header in headers
    ]
    return [name for name in records[0] if len({record[name] for record in records}) > 1]
