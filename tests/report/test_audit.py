import json

import pytest

pytest.importorskip("jinja2", reason="reports need the extra primis[evaluate]")
pytest.importorskip("matplotlib", reason="reports need the extra primis[evaluate]")

from primis.attacks.attack import Settings
from primis.attacks.record import AttackResult
from primis.errors import InputError
from primis.report.audit import ATTACKS_REPORT, AUDIT_REPORT, write_report
from primis.study.statistics import Interval
from primis.study.workspace import environment, to_json


def result(attack, target, value, *, pairs=None, kind="supervised", metric="AUC", notes=""):
    score = Interval(value, value - 0.05, value + 0.05)
    return AttackResult(attack, kind, target, metric, score, 0.5, 1.0, "files", pairs, notes)


def write(folder, results):
    document = {
        "command": "primis attack --images chests -o out",
        "settings": {**to_json(Settings()), "quick": True},
        "environment": environment(),
        "dataset": {"name": "chests", "images": 1200, "patients": 800},
        "attacks": {"attribute": {"kind": "supervised", "summary": "tell", "seconds": 3.0}},
        "results": [record.to_json() for record in results],
        "left_out": [{"attack": "linkage", "reason": "no patient has two images"}],
    }
    (folder / "attacks.json").write_text(json.dumps(document))
    return write_report(folder, ATTACKS_REPORT).read_text()


SAFE = [
    result("attribute", "codes", 0.6, pairs=50),
    result("attribute", "codes", 0.9, pairs=500),
    result("attribute", "keystream", 0.5, pairs=50),
    result("attribute", "keystream", 0.5, pairs=500),
]


def test_a_failure_is_told_with_what_the_attack_was_seen_to_work_on(tmp_path):
    page = write(tmp_path, SAFE)
    assert "Nobody without a key could tell what disease a public file shows." in page
    assert "the weak target (codes) gives 0.900" in page
    assert "no attack got more" in page
    assert "Not attacked: linkage." in page
    assert "quick run" in page


def test_scores_are_plotted_against_the_number_of_pairs(tmp_path):
    page = write(tmp_path, SAFE)
    assert "Does it help to know more pairs?" in page
    assert page.count("data:image/svg+xml") == 1


def test_a_failure_without_a_control_is_said_to_be_not_conclusive(tmp_path):
    page = write(tmp_path, [result("attribute", "keystream", 0.5)])
    assert "Not conclusive: attribute." in page
    assert "Nobody without a key could tell" not in page


def test_a_success_on_the_default_stands_in_the_first_line(tmp_path):
    page = write(tmp_path, [*SAFE, result("sizes", "keystream", 0.9, kind="side channel")])
    assert "gave something away: sizes" in page
    assert "Something is given away beside the codes." in page


def test_leaks_of_the_research_scheme_and_documented_ones_are_told(tmp_path):
    page = write(
        tmp_path,
        [
            *SAFE,
            result("attribute", "ambiguation 100 %", 0.8, pairs=500),
            result(
                "order of files",
                "documented: dates of files",
                1.0,
                kind="side channel",
                notes="documented: a host sees when files arrive",
            ),
        ],
    )
    assert "do not use it for patients" in page
    assert "some things can be told: dates of files." in page


def test_levels_are_compared_in_the_inside_view(tmp_path):
    results = [
        result("attribute", level, value, kind="inside view")
        for level, value in (("original", 0.9), ("preview", 0.8), ("public", 0.5))
    ]
    page = write(tmp_path, [*SAFE, *results])
    assert "Which level for which purpose" in page


def test_the_page_loads_nothing(tmp_path):
    page = write(tmp_path, SAFE)
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "<script" not in page


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"results": 3}'])
def test_a_document_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "attacks.json").write_text(text)
    with pytest.raises(InputError):
        write_report(tmp_path, ATTACKS_REPORT)
    assert not (tmp_path / ATTACKS_REPORT).exists()


def test_an_audit_needs_an_evaluation(tmp_path):
    write(tmp_path, SAFE)
    with pytest.raises(InputError, match=r"evaluation\.json"):
        write_report(tmp_path, AUDIT_REPORT)
