"""Attribute inference: a network tells sick from healthy by the public file."""

from __future__ import annotations

import numpy as np
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from primis.attacks.attack import Report, Settings
from primis.attacks.record import AttackResult
from primis.attacks.supervised.learner import learn, legible
from primis.attacks.supervised.scene import Scene, against_targets
from primis.attacks.supervised.scoring import auc_interval
from primis.study.dataset import Dataset
from primis.study.learning import Classifier, predict
from primis.study.statistics import auc
from primis.study.workspace import Workspace

_KNOWLEDGE = "Public files with the label of each, made under other keys; code and model."


def run(
    dataset: Dataset, workspace: Workspace, settings: Settings, report: Report
) -> list[AttackResult]:
    """Attack every target; see `primis.attacks.attack.Attack.run`."""
    return against_targets("attribute", attempt, dataset, workspace, settings, report)


def attempt(scene: Scene) -> list[AttackResult]:
    """Attack one target; the cases of neither class are left out."""
    corpus, settings = scene.corpus, scene.settings
    labels = [case.labels.get(settings.column) for case in corpus.cases]
    positive = np.array([label in settings.positive for label in labels])
    negative = np.array([label in settings.negative for label in labels])
    scene = scene.limited_to(positive | negative)
    if any(len(set(positive[part])) < 2 for part in (scene.train, scene.check, scene.test)):
        scene.report(f"{scene.name}: no attribute to infer, some split lacks one of the classes")
        return []

    targets = positive.astype(np.float32)
    inputs = legible(corpus, scene.train, targets)

    def build() -> nn.Module:
        return Classifier(channels=inputs.shape[1], width=settings.width, stages=3, stem=1)

    model = learn(
        scene,
        build,
        inputs,
        targets,
        binary_cross_entropy_with_logits,
        score=lambda outputs, truth: auc(truth > 0.5, outputs),
        batch=16,
    )
    score = predict(model, inputs[scene.test])
    patients = [corpus.patients[i] for i in scene.test]
    return [
        AttackResult(
            attack="attribute",
            kind="supervised",
            target=corpus.target,
            metric="AUC",
            score=auc_interval(patients, positive[scene.test], score, settings.seed),
            floor=0.5,
            ceiling=None,
            knowledge=_KNOWLEDGE,
            pairs=scene.pairs,
            notes=f"{' or '.join(settings.positive)} against {' or '.join(settings.negative)}",
        )
    ]
