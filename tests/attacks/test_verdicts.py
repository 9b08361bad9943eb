from dataclasses import replace

import pytest

pytest.importorskip("torch", reason="attacks need the extra primis[attacks]")

from primis.attacks.record import AttackResult
from primis.attacks.verdicts import broken, findings, repeated, role, tally
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


def test_a_success_on_the_default_counts_if_fresh_keys_confirm_it():
    (once,) = repeated([result("keystream", 0.9)], [result("keystream", 0.5)])
    (twice,) = repeated([result("keystream", 0.9)], [result("keystream", 0.8)])
    assert once.repeated == result("keystream", 0.5).score
    assert not broken(findings([once]))
    assert broken(findings([twice]))
    assert (tally(findings([once])).once, tally(findings([once])).twice) == (1, 0)
    assert (tally(findings([twice])).once, tally(findings([twice])).twice) == (1, 1)


def test_either_run_is_compared_with_its_own_floor():
    (moved,) = repeated([result("keystream", 20, floor=15)], [result("keystream", 24, floor=23)])
    assert moved.repeated.value == pytest.approx(16)
    assert moved.verdict == "succeeds"


def test_runs_are_compared_by_place_among_the_numbers_of_pairs():
    first = [result("keystream", 0.5, pairs=50), result("keystream", 0.9, pairs=203)]
    second = [result("keystream", 0.5, pairs=50), result("keystream", 0.8, pairs=201)]
    assert [r.repeated for r in repeated(first, second)] == [None, second[1].score]


def test_only_successes_on_the_default_are_put_to_the_test():
    first = [result("codes", 0.9), result("keystream", 0.5), result("ambiguation 50 %", 0.9)]
    assert repeated(first, [result(r.target, 0.9) for r in first]) == first


def test_a_success_that_could_not_be_repeated_stands():
    assert broken(findings(repeated([result("keystream", 0.9)], [])))


def test_a_success_with_few_pairs_is_a_defect_in_headline_and_detail_alike():
    results = [result("codes", 0.9), result("keystream", 0.9, pairs=9)]
    (finding,) = findings([*results, result("keystream", 0.5, pairs=90)])
    assert broken([finding]) == [finding]
    assert finding.outcome("keystream") == "succeeds"
    assert finding.strongest("keystream").pairs == 9


def test_the_tally_says_how_many_successes_chance_gives():
    results = [result("keystream", 0.5), replace(result("keystream", 0.5), either_way=True)]
    counted = tally(findings([*results, result("codes", 0.9)]))
    assert (counted.results, counted.once) == (2, 0)
    assert counted.expected == pytest.approx(0.015)


def test_the_guess_is_that_on_the_default_wherever_it_stands():
    results = [
        result("codes", 0.9, floor=0.1),
        result("keystream", 0.5, floor=0.2),
        result("planted: a defect", 0.9, floor=0.3),
    ]
    assert [finding.guess for finding in findings(results)] == [0.2]
    assert [finding.guess for finding in findings(results[::2])] == [0.3]


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


def test_in_the_inside_view_the_public_part_is_the_default_and_what_is_planted_a_control():
    roles = {
        level: role(result(level, 0.5, kind="inside view"))
        for level in ("original", "preview", "public", "planted: averaged 4x4")
    }
    assert list(roles.values()) == ["level", "level", "default", "control"]


def test_in_the_inside_view_the_original_is_the_control():
    results = [
        result(level, value, kind="inside view")
        for level, value in (("original", 0.9), ("preview", 0.5))
    ]
    (finding,) = findings(results)
    assert finding.outcome("preview") == "at the floor"
