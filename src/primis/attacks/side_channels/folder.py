"""What a folder of public files tells by its names and dates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from primis.attacks.record import LEVEL, AttackResult
from primis.attacks.side_channels.publication import Victims, concordance, share_of
from primis.attacks.targets import image
from primis.batch import Published, protect_files
from primis.images.raster import encode_png
from primis.study.renditions import throwaway_keyring
from primis.study.statistics import bootstrap

if TYPE_CHECKING:
    from primis.attacks.attack import Report, Settings
    from primis.study.dataset import Dataset
    from primis.study.workspace import Workspace

Ranks = NDArray[np.int64]


def run(dataset: Dataset, _: Workspace, settings: Settings, report: Report) -> list[AttackResult]:
    """See `primis.attacks.attack.Attack`."""
    report("protecting a folder")
    return folder(Victims.of(dataset, settings))


def folder(victims: Victims) -> list[AttackResult]:
    """Protect a folder of images named by patient, and look at the folder that comes out.

    Which of two images came first in the input is guessed from the order of their public files by
    name and by date; and the names of the inputs are looked for in the public files.
    """
    with TemporaryDirectory() as place:
        made = _protect(victims, Path(place))
        names = [path.name for path in made]
        dates = [path.stat().st_mtime_ns for path in made]
        contents = [path.name.encode() + path.read_bytes() for path in made]
    positions = np.arange(len(made))
    results = [
        AttackResult(
            attack="order of files",
            kind="side channel",
            target=target,
            metric=f"chance to tell by {what} which of two images came first",
            score=bootstrap(concordance, victims.patients, positions, ranks, level=LEVEL),
            floor=0.5,
            ceiling=1.0,
            knowledge=f"{what} of the public files",
            pairs=None,
            either_way=True,
        )
        for target, what, ranks in (
            ("keystream", "names", _ranks(names)),
            ("planted: numbered names", "names", positions),
            ("keystream", "dates", _ranks(dates)),
            ("planted: dates of writing", "dates", positions),
        )
    ]
    inputs = [_input_name(index, victims).encode() for index in range(len(made))]
    planted = [
        content + name.removesuffix(b".png") for content, name in zip(contents, inputs, strict=True)
    ]
    return results + [
        AttackResult(
            attack="names in files",
            kind="side channel",
            target=target,
            metric="share of files that name their input",
            score=share_of(_named(seen, inputs)),
            floor=0.0,
            ceiling=1.0,
            knowledge="names and content of the public files",
            pairs=None,
        )
        for target, seen in (("keystream", contents), ("planted: name in file", planted))
    ]


def _protect(victims: Victims, place: Path) -> list[Path]:
    """Protect the images as files; return the public files in the order of the inputs."""
    inputs = place / "study"
    inputs.mkdir()
    paths = []
    for index, pixels in enumerate(victims.pixels):
        paths.append(inputs / _input_name(index, victims))
        paths[-1].write_bytes(encode_png(image(pixels).pixels))
    outcomes = protect_files(
        paths, throwaway_keyring(), place / "owner.keyring", place / "public", rate=victims.rate
    )
    return [outcome.path for outcome in outcomes if isinstance(outcome, Published)]


def _input_name(index: int, victims: Victims) -> str:
    patient = "".join(c if c.isalnum() else "-" for c in victims.patients[index])
    return f"patient-{patient[:64]}-{index:03}.png"


def _ranks(values: Sequence[Any]) -> Ranks:
    return np.unique(np.asarray(values), return_inverse=True)[1].astype(np.int64)


def _named(contents: Sequence[bytes], names: Sequence[bytes]) -> list[bool]:
    stems = [name.removesuffix(b".png") for name in names]
    return [any(stem in content for stem in stems) for content in contents]
