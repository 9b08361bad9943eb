"""Re-identification: tell whether a public file is of the patient of whom one has an image."""

from __future__ import annotations

from primis.attacks.attack import Report, Settings
from primis.attacks.record import AttackResult
from primis.attacks.supervised.pairing import link
from primis.attacks.supervised.scene import Scene, against_targets
from primis.study.dataset import Dataset
from primis.study.workspace import Workspace

_KNOWLEDGE = (
    "Another image of the patient; images and public files with the patient of each, "
    "made under other keys; code and model."
)


def run(
    dataset: Dataset, workspace: Workspace, settings: Settings, report: Report
) -> list[AttackResult]:
    """Attack every target; see `primis.attacks.attack.Attack.run`."""
    return against_targets("re-identification", _attempt, dataset, workspace, settings, report)


def _attempt(scene: Scene) -> list[AttackResult]:
    return link(scene, "re-identification", "supervised", scene.held, _KNOWLEDGE)
