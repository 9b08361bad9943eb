"""Made-up results of attacks, and documents of them."""

from __future__ import annotations

from typing import Any

from primis.attacks.attack import Settings
from primis.attacks.record import AttackResult
from primis.study.statistics import Interval
from primis.study.workspace import environment, to_json


def result(attack: str, target: str, value: float, **fields: Any) -> AttackResult:
    """Score `value` by 0.05 either way, a guess 0.5, unless fields say otherwise."""
    given = {
        "kind": "supervised",
        "metric": "AUC",
        "score": Interval(value, value - 0.05, value + 0.05),
        "floor": 0.5,
        "ceiling": 1.0,
        "knowledge": "files",
        "pairs": None,
    }
    return AttackResult(attack=attack, target=target, **{**given, **fields})


def inside(attack: str, **scores: float) -> list[AttackResult]:
    """Results of the inside view by level."""
    return [result(attack, level, value, kind="inside view") for level, value in scores.items()]


def document(
    results: list[AttackResult],
    ran: tuple[str, ...] = ("attribute",),
    left_out: tuple[str, ...] = (),
) -> dict[str, Any]:
    """A document of a quick run in which so many attacks ran."""
    return {
        "command": "primis attack --images chests -o out",
        "settings": {**to_json(Settings()), "quick": True},
        "environment": environment(),
        "dataset": {"name": "chests", "images": 1200, "patients": 800},
        "attacks": {
            name: {"kind": "supervised", "summary": "tell", "seconds": 3.0} for name in ran
        },
        "results": [to_json(one.to_json()) for one in results],
        "left_out": [{"attack": name, "reason": "no patient has two images"} for name in left_out],
    }


SAFE = [
    result("attribute", "codes", 0.6, pairs=50),
    result("attribute", "codes", 0.9, pairs=500),
    result("attribute", "keystream", 0.5, pairs=50),
    result("attribute", "keystream", 0.5, pairs=500),
]
