"""Results say plainly whether an attack got anything."""

from __future__ import annotations

import json

import pytest

from primis.attacks.record import AttackResult
from primis.study.statistics import Interval


def result(score: Interval, floor: float) -> AttackResult:
    return AttackResult(
        "attribute", "supervised", "codes", "AUC", score, floor, 1.0, "Everything.", 10
    )


@pytest.mark.parametrize(
    ("score", "verdict"),
    [
        (Interval(0.7, 0.6, 0.8), "succeeds"),
        (Interval(0.55, 0.45, 0.65), "at the floor"),
        (Interval(0.4, 0.35, 0.45), "at the floor"),
        (Interval(0.6, 0.5, 0.7), "at the floor"),
    ],
)
def test_an_attack_succeeds_if_its_whole_interval_is_above_the_floor(score, verdict):
    assert result(score, 0.5).verdict == verdict


def test_a_result_survives_json():
    one = result(Interval(0.7, 0.6, 0.8), 0.5)
    fields = json.loads(json.dumps(one.to_json()))
    assert fields["verdict"] == "succeeds"
    assert AttackResult.from_json(fields) == one
