"""Inversion: the attacker learns the way from the public file to the image.

`learn_map` has the network; the pictures that the decoder makes of the public part are among its
inputs, so that it recovers everything where nothing or too little is hidden.

Pictures recovered of the first test images, with all pairs known, are kept for the report, and the
one that tells most of its original.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.nn.functional import mse_loss

from primis.attacks import pictures
from primis.attacks.attack import Report, Settings
from primis.attacks.record import AttackResult
from primis.attacks.supervised.corpus import blocks, unblocked
from primis.attacks.supervised.learner import learn_map
from primis.attacks.supervised.scene import Scene, against_targets
from primis.attacks.supervised.scoring import above_floor, from_wrong_files, psnr
from primis.study.dataset import Dataset
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
    originals = corpus.pixels[test].astype(np.float32)
    patients = [corpus.patients[i] for i in test]
    typical = recovered.mean(axis=0)
    alike = partial(_cosine, around=typical)
    own = {"PSNR (dB)": psnr(originals, recovered), "correlation": alike(originals, recovered)}
    without = {
        metric: from_wrong_files(score, originals, recovered, patients, seed)
        for metric, score in (("PSNR (dB)", psnr), ("correlation", alike))
    }
    if scene.complete:
        _keep_pictures(scene, recovered, own["correlation"] - without["correlation"])
    mean_image = np.broadcast_to(corpus.pixels[scene.train].mean(axis=0), originals.shape)
    full = corpus.full[test].astype(np.float32)
    ceilings = {"PSNR (dB)": float(psnr(originals, full).mean()), "correlation": 1.0}
    notes = {
        "PSNR (dB)": f"the mean image gets {psnr(originals, mean_image).mean():.2f} dB",
        "correlation": "of recovered and true picture, each less the mean of all recovered ones",
    }
    results = []
    for metric, ceiling in ceilings.items():
        largest = 1.0 if metric == "correlation" else math.inf
        score, floor = above_floor(patients, own[metric], without[metric], seed, largest=largest)
        results.append(
            AttackResult(
                attack="inversion",
                kind="supervised",
                target=corpus.target,
                metric=metric,
                score=score,
                floor=floor,
                ceiling=ceiling,
                knowledge=_KNOWLEDGE,
                pairs=scene.pairs,
                notes=notes[metric],
            )
        )
    return results


def _keep_pictures(scene: Scene, recovered: Floats, gain: Floats) -> None:
    originals = scene.corpus.pixels[scene.test]
    made = np.rint(recovered).astype(np.uint8)
    target, best = scene.corpus.target, int(np.argmax(gain))
    pictures.keep(scene.workspace, "inversion", pictures.ORIGINAL, originals[:_SHOWN])
    pictures.keep(scene.workspace, "inversion", target, made[:_SHOWN])
    pictures.keep_best(scene.workspace, "inversion", target, originals[best], made[best])


def recover(scene: Scene) -> Floats:
    """Return the recovered test images, float32 (n, side, side) in grey levels 0 to 255."""
    corpus = scene.corpus
    targets = blocks(corpus.pixels / np.float32(64) - 2)
    recovered = 64 * unblocked(learn_map(scene, targets, mse_loss)) + 128
    return np.asarray(recovered.clip(0, 255), np.float32)


def _cosine(one: Floats, other: Floats, *, around: Floats) -> NDArray[np.float64]:
    """Return the cosine of each of n pictures (n, side, side) and another, both less ``around``."""
    one, other = one - around, other - around
    product = np.sum(one * other, axis=(1, 2), dtype=np.float64)
    norms = [np.sqrt(np.sum(x * x, axis=(1, 2), dtype=np.float64)) for x in (one, other)]
    return np.asarray(product / np.maximum(norms[0] * norms[1], 1e-9))
