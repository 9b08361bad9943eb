"""One image ambiguated several times: noise differs between the copies, true signs agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from primis.attacks.record import LEVEL, AttackResult
from primis.attacks.side_channels.publication import Victims
from primis.attacks.targets import Ambiguation, Published, RawCodes, Target
from primis.obfuscation.ambiguation import AMBIGUATED_SCALES
from primis.study.statistics import auc, bootstrap

if TYPE_CHECKING:
    from primis.attacks.attack import Report, Settings
    from primis.study.dataset import Dataset
    from primis.study.workspace import Workspace

_IMAGES = 8
_COPIES = (2, 4)


def run(dataset: Dataset, _: Workspace, settings: Settings, report: Report) -> list[AttackResult]:
    """See `primis.attacks.attack.Attack`."""
    victims = Victims.of(dataset, settings)
    report("ambiguating images several times")
    return copies(victims, settings.seed)


def copies(victims: Victims, seed: int = 0) -> list[AttackResult]:
    """Tell true positions from noise: where the signs of all copies agree.

    Copies of a keystream file are compared in `reuse`. The floor is what the copies of the next
    image tell about the support of this one.
    """
    rate, most = victims.rate, max(_COPIES)
    targets: tuple[Target, ...] = (RawCodes(rate), Ambiguation(0.25, rate), Ambiguation(1.0, rate))
    results = []
    for target in targets:
        published = [
            [target.publish(pixels, seed + most * index + copy) for copy in range(most)]
            for index, pixels in enumerate(victims.pixels[:_IMAGES])
        ]
        for number in _COPIES:
            agreed = [_agreed(same[:number]) for same in published]
            own, others = (
                [auc(_support(same[0]), told) for same, told in zip(published, some, strict=True)]
                for some in (agreed, agreed[1:] + agreed[:1])
            )
            results.append(
                AttackResult(
                    attack="copies of one image",
                    kind="side channel",
                    target=target.name,
                    metric=f"AUC, true positions against noise by agreement of {number} copies",
                    score=bootstrap(
                        np.nanmean, victims.patients[:_IMAGES], np.array(own), level=LEVEL
                    ),
                    floor=float(np.nanmean(others)),
                    ceiling=1.0,
                    knowledge=f"{number} public files of the same image",
                    pairs=None,
                )
            )
    return results


def _agreed(same: Sequence[Published]) -> NDArray[np.bool_]:
    """Tell where all copies have the same sign, of all positions with public signs."""
    signs = [np.sign(_flat(published.bands)) for published in same]
    return np.abs(np.sum(signs, axis=0)) == len(same)


def _support(published: Published) -> NDArray[np.bool_]:
    return _flat(published.support).astype(np.bool_)


def _flat(bands: Sequence[NDArray[np.int32] | NDArray[np.bool_]]) -> NDArray[np.int32]:
    return np.concatenate([band.ravel() for band in bands[:AMBIGUATED_SCALES]]).astype(np.int32)
