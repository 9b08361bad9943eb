"""Decoding what is public as if nothing were hidden."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from primis.attacks import pictures
from primis.attacks.record import AttackResult
from primis.attacks.supervised.scoring import above_floor
from primis.attacks.targets import Grey
from primis.attacks.unsupervised.files import Files, against_targets, cleaned, decode

if TYPE_CHECKING:
    from primis.attacks.attack import Report, Settings
    from primis.study.dataset import Dataset
    from primis.study.workspace import Workspace

PICTURES = 4


def run(
    dataset: Dataset, workspace: Workspace, settings: Settings, report: Report
) -> list[AttackResult]:
    """See `primis.attacks.attack.Attack`."""

    def attack(files: Files) -> Iterator[AttackResult]:
        originals = [published.pixels for published in files.published]
        recovered = [decode(published, cleaned(published)) for published in files.published]
        pictures.keep(workspace, "decoding", pictures.ORIGINAL, originals[:PICTURES])
        pictures.keep(workspace, "decoding", files.target, recovered[:PICTURES])
        best = int(np.argmax(list(map(_correlation, originals, recovered))))
        pictures.keep_best(workspace, "decoding", files.target, originals[best], recovered[best])
        return decoding(files, recovered)

    return against_targets(attack, dataset, settings, report)


def decoding(files: Files, decoded: Sequence[Grey]) -> Iterator[AttackResult]:
    """Compare what the public codes, less noise that sticks out, decode to with the originals.

    Of the keystream that is the sealed bytes in the place of code bytes. The floor is the same
    comparison with the pictures that other patients' files give.
    """
    for metric, compare, largest in (
        ("PSNR (dB)", _psnr, math.inf),
        ("correlation of pixels", _correlation, 1.0),
    ):
        own, without = [], []
        for index, (published, picture) in enumerate(zip(files.published, decoded, strict=True)):
            own.append(compare(published.pixels, picture))
            foreign = [compare(published.pixels, decoded[other]) for other in files.others(index)]
            without.append(np.mean(foreign))
        score, floor = above_floor(
            files.patients, np.array(own), np.array(without), files.seed, largest=largest
        )
        yield AttackResult(
            attack="decoding",
            kind="unsupervised",
            target=files.target,
            metric=metric,
            score=score,
            floor=floor,
            ceiling=None,
            knowledge="the public file and the program",
            pairs=None,
            notes="floor: what other patients' files decode to",
        )


def _psnr(original: Grey, picture: Grey) -> float:
    error = float(np.mean((original.astype(np.float64) - picture) ** 2))
    return 10 * math.log10(255**2 / max(error, 1e-2))


def _correlation(original: Grey, picture: Grey) -> float:
    one, other = (p.astype(np.float64).ravel() - p.mean() for p in (original, picture))
    scale = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / scale if scale else 0.0
