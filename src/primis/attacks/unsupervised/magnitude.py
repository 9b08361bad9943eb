"""Telling true values from noise by their magnitudes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from primis.attacks.record import AttackResult
from primis.attacks.supervised.scoring import above_floor
from primis.attacks.targets import Published
from primis.attacks.unsupervised.files import Files, against_targets
from primis.errors import InputError
from primis.obfuscation.ambiguation import AMBIGUATED_SCALES
from primis.study.statistics import auc

if TYPE_CHECKING:
    from primis.attacks.attack import Report, Settings
    from primis.study.dataset import Dataset
    from primis.study.workspace import Workspace


def run(dataset: Dataset, _: Workspace, settings: Settings, report: Report) -> list[AttackResult]:
    """See `primis.attacks.attack.Attack`."""
    return against_targets(magnitude, dataset, settings, report)


def magnitude(files: Files) -> Iterator[AttackResult]:
    """Rank positions of the two finest scales: small values first, empty ones last.

    Noise outside the range of the true values ends up between the two, and the support lies open.

    Raises
    ------
    InputError
        If no image has both true values and empty positions there.
    """
    patients, own, without = [], [], []
    for index, published in enumerate(files.published):
        support = np.concatenate([s.ravel() for s in published.support[:AMBIGUATED_SCALES]])
        if support.all() or not support.any():
            continue
        patients.append(files.patients[index])
        own.append(auc(support, _likelihood(published)))
        others = (files.published[other] for other in files.others(index))
        without.append(np.mean([auc(support, _likelihood(other)) for other in others]))
    if not own:
        raise InputError(
            "the finest scales of all images are empty, or full: there is nothing to tell apart",
            hint="attack at another rate",
        )
    score, floor = above_floor(patients, np.array(own), np.array(without), files.seed, largest=1.0)
    yield AttackResult(
        attack="magnitude",
        kind="unsupervised",
        target=files.target,
        metric="AUC, true values against the rest",
        score=score,
        floor=floor,
        ceiling=1.0,
        knowledge="the public file",
        pairs=None,
        notes="floor: the same ranking from other patients' files",
    )


def _likelihood(published: Published) -> NDArray[np.float64]:
    bands = published.bands[:AMBIGUATED_SCALES]
    values = np.concatenate([np.abs(band).ravel() for band in bands]).astype(np.float64)
    return np.divide(1, values, out=np.zeros_like(values), where=values > 0)
