import pytest

pytest.importorskip("torch", reason="attacks need the extra primis[attacks]")

from primis.attacks.record import AttackResult
from primis.attacks.verdicts import broken, findings, role
from primis.study.statistics import Interval


def result(target, value, *, floor=0.5, pairs=None, kind="supervised"):
    score = Interval(value, value - 0.1, value + 0.1)
    return AttackResult("a", kind, target, "AUC", score, floor, 1.0, "all files", pairs)


def test_a_failure_counts_where_a_weak_target_fell():
    (finding,) = findings([result("codes", 0.9), result("keystream", 0.5)])
    assert finding.outcome("keystream") == "at the floor"
    assert finding.controls == ["codes"]
    assert not broken([finding])


def test_a_failure_without_a_control_is_not_conclusive():
    (finding,) = findings([result("codes", 0.5), result("keystream", 0.5)])
    assert finding.outcome("keystream") == "not conclusive"


def test_ambiguation_is_no_control():
    (finding,) = findings([result("ambiguation 50 %", 0.9), result("keystream", 0.5)])
    assert finding.outcome("keystream") == "not conclusive"


def test_a_success_on_the_default_is_a_defect():
    found = findings([result("codes", 0.9), result("keystream", 0.9)])
    assert broken(found) == found


def test_a_score_that_could_not_be_computed_is_not_conclusive():
    nothing = {"value": None, "low": None, "high": None}
    read = AttackResult.from_json({**result("keystream", 0.5).to_json(), "score": nothing})
    (finding,) = findings([result("codes", 0.9), read])
    assert finding.outcome("keystream") == "not conclusive"


def test_results_with_most_pairs_count():
    (finding,) = findings([result("codes", 0.5, pairs=9), result("codes", 0.9, pairs=90)])
    assert finding.outcome("codes") == "succeeds"
    assert [r.pairs for r in finding.curve("codes")] == [9, 90]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("keystream", "default"),
        ("ambiguation 100 %", "research"),
        ("documented: dates of files", "documented"),
        ("planted: keys reused", "control"),
        ("keystream, key reused", "control"),
        ("codes", "control"),
    ],
)
def test_targets_have_roles(target, expected):
    assert role(result(target, 0.5)) == expected


def test_in_the_inside_view_the_original_is_the_control():
    results = [
        result(level, value, kind="inside view")
        for level, value in (("original", 0.9), ("preview", 0.5))
    ]
    (finding,) = findings(results)
    assert finding.outcome("preview") == "at the floor"
