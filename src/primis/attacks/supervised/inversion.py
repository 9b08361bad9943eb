"""Inversion: the attacker learns the way from the public file to the image.

`learn_map` has the network; the pictures that the decoder makes of the public part are among its
inputs, so that it recovers everything where nothing or too little is hidden.

Pictures recovered of the first test images, with all pairs known, are kept for the report.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.nn.functional import mse_loss

from primis.attacks import pictures
from primis.attacks.attack import Report, Settings
from primis.attacks.record import LEVEL, AttackResult
from primis.attacks.supervised.corpus import blocks, unblocked
from primis.attacks.supervised.learner import learn_map
from primis.attacks.supervised.scene import Scene, against_targets
from primis.attacks.supervised.scoring import above_floor, blind, psnr
from primis.study.dataset import Dataset
from primis.study.statistics import Interval, bootstrap
from primis.study.workspace import Workspace

_KNOWLEDGE = "Images and public files of them made under other keys; code and model."
_SHOWN = 4

Floats = NDArray[Any]


def run(
    dataset: Dataset, workspace: Workspace, settings: Settings, report: Report
) -> list[AttackResult]:
    """Attack every target; see `primis.attacks.attack.Attack.run`."""
    return against_targets("inversion", _attempt, dataset, workspace, settings, report)


def _attempt(scene: Scene) -> list[AttackResult]:
    corpus, test, seed = scene.corpus, scene.test, scene.settings.seed
    recovered = recover(scene)
    if scene.complete:
        originals_shown = list(corpus.pixels[test[:_SHOWN]])
        recovered_shown = list(np.rint(recovered[:_SHOWN]).astype(np.uint8))
        pictures.keep(scene.workspace, "inversion", pictures.ORIGINAL, originals_shown)
        pictures.keep(scene.workspace, "inversion", corpus.target, recovered_shown)
    originals = corpus.pixels[test].astype(np.float32)
    without = blind(recovered)
    patients = [corpus.patients[i] for i in test]
    mean_image = np.broadcast_to(corpus.pixels[scene.train].mean(axis=0), originals.shape)
    full = corpus.full[test].astype(np.float32)
    return [
        _result(
            scene,
            "PSNR (dB)",
            *above_floor(patients, psnr(originals, recovered), psnr(originals, without), seed),
            ceiling=float(psnr(originals, full).mean()),
            notes=f"the mean image gets {psnr(originals, mean_image).mean():.2f} dB",
        ),
        _result(
            scene,
            "correlation",
            bootstrap(
                np.mean,
                patients,
                _cosine(originals - without, recovered - without),
                seed=seed,
                level=LEVEL,
            ),
            floor=0.0,
            ceiling=1.0,
            notes="of recovered and true picture, each less what is recovered from other files",
        ),
    ]


def _result(
    scene: Scene, metric: str, score: Interval, floor: float, *, ceiling: float, notes: str
) -> AttackResult:
    return AttackResult(
        attack="inversion",
        kind="supervised",
        target=scene.corpus.target,
        metric=metric,
        score=score,
        floor=floor,
        ceiling=ceiling,
        knowledge=_KNOWLEDGE,
        pairs=scene.pairs,
        notes=notes,
    )


def recover(scene: Scene) -> Floats:
    """Return the recovered test images, float32 (n, side, side) in grey levels 0 to 255."""
    corpus = scene.corpus
    targets = blocks(corpus.pixels / np.float32(64) - 2)
    recovered = 64 * unblocked(learn_map(scene, targets, mse_loss)) + 128
    return np.asarray(recovered.clip(0, 255), np.float32)


def _cosine(one: Floats, other: Floats) -> NDArray[np.float64]:
    product = np.sum(one * other, axis=(1, 2), dtype=np.float64)
    norms = [np.sqrt(np.sum(x * x, axis=(1, 2), dtype=np.float64)) for x in (one, other)]
    return np.asarray(product / np.maximum(norms[0] * norms[1], 1e-9))
