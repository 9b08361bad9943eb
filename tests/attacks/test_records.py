"""Results say plainly whether an attack got anything."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from primis.attacks.record import AttackResult
from primis.study.statistics import Interval
from primis.study.workspace import to_json


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


BELOW, ACROSS, ABOVE = Interval(0.1, 0.0, 0.2), Interval(0.5, 0.4, 0.6), Interval(0.9, 0.8, 1.0)


def test_telling_the_reverse_is_telling_where_a_score_counts_either_way():
    assert result(BELOW, 0.5).verdict == "at the floor"
    assert replace(result(BELOW, 0.5), either_way=True).verdict == "succeeds"
    assert replace(result(ACROSS, 0.5), either_way=True).verdict == "at the floor"


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        (ABOVE, ABOVE, "succeeds"),
        (BELOW, BELOW, "succeeds"),
        (ABOVE, ACROSS, "at the floor"),
        (ABOVE, BELOW, "at the floor"),
        (ACROSS, ABOVE, "at the floor"),
    ],
)
def test_a_success_that_was_put_to_the_test_must_repeat_itself(first, second, verdict):
    both = replace(result(first, 0.5), either_way=True, repeated=second)
    assert both.verdict == verdict


@pytest.mark.parametrize("repeated", [None, Interval(0.6, 0.5, 0.7)])
def test_a_result_survives_json(repeated):
    one = replace(result(Interval(0.7, 0.6, 0.8), 0.5), either_way=True, repeated=repeated)
    fields = json.loads(json.dumps(one.to_json()))
    assert fields["verdict"] == one.verdict
    assert AttackResult.from_json(fields) == one


def test_numbers_that_could_not_be_computed_survive_json():
    unknown = Interval(math.nan, math.nan, math.nan)
    one = replace(result(unknown, math.nan), repeated=unknown)
    read = AttackResult.from_json(to_json(one.to_json()))
    assert math.isnan(read.floor)
    assert math.isnan(read.score.low)
    assert read.repeated is not None
    assert math.isnan(read.repeated.high)
    assert read.verdict == "at the floor"


def test_results_of_earlier_versions_are_read():
    fields = result(ABOVE, 0.5).to_json()
    del fields["either_way"], fields["repeated"]
    assert AttackResult.from_json(fields) == result(ABOVE, 0.5)
