import math

import pytest

from primis.attacks.registry import ATTACKS
from primis.attacks.verdicts import findings as group
from primis.report import attack_inside
from primis.report.attack_findings import GOALS, RUN_BY, findings, headline
from primis.study.statistics import Interval
from tests.report.made_attacks import SAFE, document, inside, result

NOT_ON_THE_DEFAULT = {"copies", "inside-view"}


def said(results, **fields):
    """Tones and texts of all statements, and the headline."""
    made = document(results, **fields)
    found = group(results)
    return headline(made, found), [(s.tone, s.text, s.detail) for s in findings(made, found)]


def tone_of(statements, words):
    (tone,) = {tone for tone, text, _ in statements if words in text}
    return tone


def test_every_attack_has_a_goal():
    entries = {RUN_BY.get(attack, attack) for goal in GOALS for attack in goal.objects}
    assert entries == set(ATTACKS) - NOT_ON_THE_DEFAULT


def test_an_attack_without_a_goal_is_told_all_the_same():
    results = [result("telepathy", "codes", 0.9), result("telepathy", "keystream", 0.5)]
    _, statements = said(results)
    assert tone_of(statements, "no attack could gain by telepathy") == "good"


def test_a_failure_is_told_with_what_the_attack_was_seen_to_work_on():
    line, statements = said(SAFE)
    assert "Of 1 measures of attacks on the default scheme 1 were conclusive" in line
    assert tone_of(statements, "no attack could tell what disease") == "good"
    assert any("weak target (codes) gives 0.900" in detail for _, _, detail in statements)


def test_only_what_was_tried_is_claimed():
    results = [result("verification", "codes", 1.0), result("verification", "keystream", 0.5)]
    _, statements = said(results, ran=("verification",), left_out=("linkage",))
    assert tone_of(statements, "no attack could find the public file of a given image.") == "fair"
    (detail,) = [detail for _, text, detail in statements if "given image" in text]
    assert "Not tried: linkage, re-identification and neighbours." in detail


def test_nothing_follows_where_no_control_fell():
    line, statements = said([result("attribute", "keystream", 0.5)])
    assert line.startswith("Nothing follows from this run")
    assert tone_of(statements, "Not conclusive: attribute.") == "fair"
    assert not any("no attack could" in text for _, text, _ in statements)


def test_nothing_follows_where_scores_could_not_be_computed():
    unknown = result("attribute", "keystream", 0.5, score=Interval(math.nan, math.nan, math.nan))
    line, _ = said([SAFE[1], unknown])
    assert line.startswith("Nothing follows from this run")


def test_nothing_follows_for_a_default_that_was_not_attacked():
    line, _ = said(SAFE[:2])
    assert "was not attacked" in line


def test_what_is_left_out_stands_in_the_first_line():
    line, statements = said(SAFE, left_out=("linkage",))
    assert "1 of the attacks could not be run" in line
    assert tone_of(statements, "Not attacked: linkage.") == "plain"


@pytest.mark.parametrize("pairs", [50, 500])
def test_the_first_line_and_the_statements_tell_the_same(pairs):
    others = [one for one in SAFE if (one.target, one.pairs) != ("keystream", pairs)]
    line, statements = said([*others, result("attribute", "keystream", 0.9, pairs=pairs)])
    assert line.startswith("The default scheme gave something away: attribute.")
    assert tone_of(statements, "attacks could tell what disease") == "bad"


def test_a_success_that_is_not_seen_again_is_reported_but_does_not_count():
    once = result("attribute", "keystream", 0.6, pairs=500, repeated=Interval(0.5, 0.4, 0.58))
    line, statements = said([*SAFE[:2], once])
    assert "none of these did anybody" in line
    assert tone_of(statements, "1 of 1 intervals") == "plain"
    assert any("again 0.400 to 0.580" in detail for _, _, detail in statements)


def test_a_success_in_the_wrong_direction_is_one():
    control = result("sizes", "planted: sizes", 1.0, kind="side channel")
    backwards = result("sizes", "keystream", 0.1, kind="side channel", either_way=True)
    line, _ = said([control, backwards])
    assert "gave something away: sizes" in line


def test_a_leak_to_those_who_have_no_key_in_the_inside_view_stands_in_the_first_line():
    line, statements = said(inside("attribute", original=0.9, preview=0.8, public=0.8))
    assert "gave something away: attribute" in line
    assert tone_of(statements, "attacks could tell what disease") == "bad"


def test_key_holders_are_told_of_from_the_lowest_level_that_gives_something_away():
    found = group(
        [
            *inside("attribute", original=0.9, full=0.9, preview=0.8, public=0.5),
            *inside("re-identification", original=0.9, full=0.9, preview=0.5, public=0.5),
            *inside("super-resolution", preview=0.5, diagnostic=0.5),
        ]
    )
    texts = [(statement.tone, statement.text) for statement in attack_inside.findings(found)]
    assert [tone for tone, _ in texts] == ["fair"] * 3
    assert texts[0][1].startswith("Every key holder, even of a preview, can find out the disease")
    assert texts[1][1].startswith("From level full upwards a key holder can find out the patient")
    assert texts[2][1].startswith("Not conclusive: whether key holders can find out more detail")


def test_a_control_that_fell_makes_it_good_that_no_level_gives_anything_away():
    planted = result("super-resolution", "planted: averaged 4x4", 0.9, kind="inside view")
    (statement,) = attack_inside.findings(
        group([planted, *inside("super-resolution", preview=0.5)])
    )
    assert (statement.tone, statement.text[:27]) == ("good", "No key holder could find ou")


def test_leaks_of_the_research_scheme_and_documented_ones_are_told():
    dates = result(
        "order of files",
        "documented: dates of files",
        1.0,
        kind="side channel",
        notes="documented: a host sees when files arrive",
    )
    leak = result("attribute", "ambiguation 100 %", 0.8, pairs=500)
    _, statements = said([*SAFE, leak, dates])
    assert tone_of(statements, "do not use it for patients") == "fair"
    assert tone_of(statements, "some things can be told: dates of files.") == "fair"
