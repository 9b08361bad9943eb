"""Support prediction: which coefficients of the two finest scales are true, and their signs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from primis.attacks.attack import Report, Settings
from primis.attacks.record import AttackResult
from primis.attacks.supervised.learner import learn_map
from primis.attacks.supervised.scene import Scene, against_targets
from primis.attacks.supervised.scoring import above_floor, from_wrong_files
from primis.codec.layout import BANDS
from primis.study.dataset import Dataset
from primis.study.statistics import auc
from primis.study.workspace import Workspace

_KNOWLEDGE = "Public files with their true codes, made under other keys; code and model."

Maps = NDArray[Any]


def run(
    dataset: Dataset, workspace: Workspace, settings: Settings, report: Report
) -> list[AttackResult]:
    """Attack every target; see `primis.attacks.attack.Attack.run`."""
    return against_targets("support", _attempt, dataset, workspace, settings, report)


def _attempt(scene: Scene) -> list[AttackResult]:
    corpus, test, settings = scene.corpus, scene.test, scene.settings
    assert corpus.signs is not None
    targets = corpus.signs
    start = np.concatenate([(targets != 0) - np.float32(0.5), -targets * np.float32(2)], axis=1)
    logits = learn_map(scene, targets, _loss, start=4 * start)
    presence, minus = np.split(logits, 2, axis=1)
    truth = _coefficients(targets[test])
    patients = [corpus.patients[i] for i in test]
    results = []
    for metric, predicted, score, notes in (
        ("AUC of the support", presence, _support_auc, "mean over images; the two finest scales"),
        (
            "AUC of the true signs",
            minus,
            _sign_auc,
            "at true places only: ambiguation publishes these signs, the secret is where they are",
        ),
    ):
        guesses = _coefficients(predicted)
        own = score(truth, guesses)
        without = from_wrong_files(score, truth, guesses, patients, settings.seed)
        known = ~np.isnan(own)
        interval, floor = above_floor(
            [patient for patient, is_known in zip(patients, known, strict=True) if is_known],
            own[known],
            without[known],
            settings.seed,
            largest=1.0,
        )
        results.append(
            AttackResult(
                attack="support",
                kind="supervised",
                target=corpus.target,
                metric=metric,
                score=interval,
                floor=floor,
                ceiling=1.0,
                knowledge=_KNOWLEDGE,
                pairs=scene.pairs,
                notes=notes,
            )
        )
    return results


def _loss(outputs: Tensor, signs: Tensor) -> Tensor:
    """Cross-entropy of presence everywhere and of minus on the support."""
    presence, minus = outputs.chunk(2, dim=1)
    true = (signs != 0).float()
    right_place = cross_entropy(presence, true)
    right_sign = cross_entropy(minus, (signs < 0).float(), weight=true, reduction="sum")
    return right_place + right_sign / true.sum().clamp(min=1)


def _coefficients(maps: Maps) -> Maps:
    """Flatten maps (n, 6, r, c) of both scales; each 2x2 cell of the coarser one counts once."""
    count = len(maps)
    fine, coarse = maps[:, :BANDS], maps[:, BANDS:, ::2, ::2]
    return np.concatenate([fine.reshape(count, -1), coarse.reshape(count, -1)], axis=1)


def _support_auc(signs: Maps, logits: Maps) -> NDArray[np.float64]:
    return np.array([auc(true != 0, score) for true, score in zip(signs, logits, strict=True)])


def _sign_auc(signs: Maps, logits: Maps) -> NDArray[np.float64]:
    on = [true != 0 for true in signs]
    return np.array(
        [auc(true[k] < 0, score[k]) for true, score, k in zip(signs, logits, on, strict=True)]
    )
