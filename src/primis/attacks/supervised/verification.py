"""Candidate verification: tell whether the image that one has is in a file.

He codes his image as the publisher did and compares, value by value: the plain correlation, or one
whose weights he has learned from known pairs, where true pairs agree more often than others. The
second finds a constant mask, too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from primis.attacks.attack import Report, Settings
from primis.attacks.record import AttackResult
from primis.attacks.supervised.corpus import Corpus
from primis.attacks.supervised.scene import Scene, against_targets
from primis.attacks.supervised.scoring import auc_interval
from primis.study.dataset import Dataset
from primis.study.statistics import auc
from primis.study.workspace import Workspace

_KNOWLEDGE = "Exactly the image; pairs of image and public file made under other keys; code, model."
_DECOYS = 5  # other images that he compares each file with

Floats = NDArray[Any]


def run(
    dataset: Dataset, workspace: Workspace, settings: Settings, report: Report
) -> list[AttackResult]:
    """Attack every target; see `primis.attacks.attack.Attack.run`."""
    return against_targets("verification", _attempt, dataset, workspace, settings, report)


def _attempt(scene: Scene) -> list[AttackResult]:
    files, images = standardised(scene.corpus), standardised(scene.held)
    rng = np.random.default_rng(scene.settings.seed)
    weights = {
        "plain correlation": np.ones(files.shape[1], np.float32),
        "learned weights": agreement(files, images, scene.train, rng),
    }

    def compare(chosen: str, part: NDArray[np.intp]) -> tuple[NDArray[np.bool_], Floats, list[str]]:
        own, decoy = with_decoys(part, rng)
        score = np.einsum("ij,ij->i", files[own] * weights[chosen], images[decoy])
        return own == decoy, score, [scene.corpus.patients[i] for i in own]

    best = max(weights, key=lambda name: auc(*compare(name, scene.check)[:2]))
    truth, score, patients = compare(best, scene.test)
    return [
        AttackResult(
            attack="verification",
            kind="supervised",
            target=scene.corpus.target,
            metric="AUC",
            score=auc_interval(patients, truth, score, scene.settings.seed),
            floor=0.5,
            ceiling=1.0,
            knowledge=_KNOWLEDGE,
            pairs=scene.pairs,
            notes=best,
        )
    ]


def standardised(corpus: Corpus) -> Floats:
    """Flatten maps and bits to (n, m), every channel and all bits brought to mean 0 and norm 1."""
    maps = corpus.maps.reshape(*corpus.maps.shape[:2], -1)
    parts = [*maps.swapaxes(0, 1), corpus.bits] if corpus.bits.size else list(maps.swapaxes(0, 1))
    return np.concatenate([_standard(part.astype(np.float32)) for part in parts], axis=1)


def _standard(values: Floats) -> Floats:
    centred = values - values.mean(axis=1, keepdims=True)
    return np.asarray(centred / (np.linalg.norm(centred, axis=1, keepdims=True) + 1e-6))


def agreement(
    files: Floats, images: Floats, known: NDArray[np.intp], rng: np.random.Generator
) -> Floats:
    """Return by how much the values of true pairs agree more than those of others, per value."""
    others = np.roll(rng.permutation(known), 1)
    strangers = np.empty(len(files), dtype=np.intp)
    strangers[np.roll(others, -1)] = others
    difference = sum(files[i] * (images[i] - images[strangers[i]]) for i in known)
    return np.asarray(difference / len(known) * files.shape[1], np.float32)


def with_decoys(
    part: NDArray[np.intp], rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pair each file with its own image, then with several others."""
    order = rng.permutation(part)
    shifts = range(min(_DECOYS, len(part) - 1) + 1)
    return np.tile(order, len(shifts)), np.concatenate([np.roll(order, shift) for shift in shifts])
