"""What the clear header of a public file tells about its content."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING

from primis.attacks.record import AttackResult
from primis.attacks.side_channels.publication import Publication, Victims, share_of
from primis.container import Header

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
    """Count images whose header, but for the random image id, is not that of most images.

    A header that all files of one owner, shape and rate share tells nothing about any. The planted
    leak rounds each image's brightness into the field `rows`.
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
            metric="share of images told apart",
            score=share_of(_unusual(seen)),
            floor=0.0,
            ceiling=1.0,
            knowledge="the clear headers of public files of one owner, shape and rate",
            pairs=None,
            notes=f"fields that differ: {', '.join(_differing(seen)) or 'none'}",
        )
        for target, seen in (
            ("keystream", headers),
            ("planted: brightness in header", leaking),
        )
    ]


def _unusual(headers: Sequence[Header]) -> list[bool]:
    clear = [replace(header, image_id=bytes(len(header.image_id))) for header in headers]
    usual, _ = Counter(clear).most_common(1)[0]
    return [header != usual for header in clear]


def _differing(headers: Sequence[Header]) -> list[str]:
    names = [field.name for field in fields(Header) if field.name != "image_id"]
    return [name for name in names if len({getattr(header, name) for header in headers}) > 1]
