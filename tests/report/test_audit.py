import json

import numpy as np
import pytest

pytest.importorskip("jinja2", reason="reports need the extra primis[evaluate]")
pytest.importorskip("matplotlib", reason="reports need the extra primis[evaluate]")

from primis.attacks import pictures
from primis.errors import InputError
from primis.report.audit import ATTACKS_REPORT, AUDIT_REPORT, write_report
from primis.study.workspace import Workspace
from tests.report.made_attacks import SAFE, document, inside, result


def write(folder, results):
    (folder / "attacks.json").write_text(json.dumps(document(results, left_out=("linkage",))))
    return write_report(folder, ATTACKS_REPORT).read_text()


def test_the_summary_has_a_first_line_statements_and_what_each_attack_got(tmp_path):
    page = write(tmp_path, SAFE)
    summary = page[: page.index("<details>")]
    assert "1 were conclusive" in summary
    assert "no attack could tell what disease a public file shows." in summary
    assert "quick run" in summary
    assert "seen to work on" in summary
    assert "codes: 0.900" in summary


def test_scores_are_plotted_against_the_number_of_pairs(tmp_path):
    page = write(tmp_path, SAFE)
    assert "Does it help to know more pairs?" in page
    assert page.count("data:image/svg+xml") == 1


def test_leaks_are_plotted_against_the_amount_of_noise(tmp_path):
    leaks = [
        result("attribute", f"ambiguation {share} %", value, pairs=500)
        for share, value in ((25, 0.9), (50, 0.8), (100, 0.5))
    ]
    page = write(tmp_path, [*SAFE[1::2], *leaks])
    assert "What ambiguation leaks, by the amount of noise" in page
    assert page.count("data:image/svg+xml") == 1
    tight = [result("attribute", f"ambiguation {share} %", 0.5) for share in (25, 100)]
    assert "by the amount of noise" not in write(tmp_path, [*SAFE, *tight])


def test_recovered_pictures_are_shown_and_the_best_of_them(tmp_path):
    workspace, grey = Workspace(tmp_path), np.full((8, 8), 90, np.uint8)
    for name in (pictures.ORIGINAL, "codes", "keystream"):
        pictures.keep(workspace, "attribute", name, [grey])
    pictures.keep_best(workspace, "attribute", "keystream", grey, grey)
    page = write(tmp_path, SAFE)
    assert "What attackers recovered" in page
    assert page.count("data:image/webp") == 5


def test_sharpened_pictures_stand_beside_those_given(tmp_path):
    workspace, grey = Workspace(tmp_path), np.full((8, 8), 90, np.uint8)
    for name in (pictures.ORIGINAL, "preview", f"preview {pictures.GIVEN}"):
        pictures.keep(workspace, "super-resolution", name, [grey])
    page = write(tmp_path, inside("super-resolution", preview=0.9))
    assert f"<small>{pictures.GIVEN}</small>" in page
    assert page.count("data:image/webp") == 3


def test_levels_are_compared_in_the_inside_view(tmp_path):
    page = write(tmp_path, [*SAFE, *inside("attribute", original=0.9, preview=0.8, public=0.5)])
    assert "What key holders can find out" in page
    assert "lowest level that gives it away" in page


def test_what_is_folded_on_a_screen_is_printed(tmp_path):
    page = write(tmp_path, SAFE)
    printed = page[page.index("@media print") :]
    assert "details::details-content { content-visibility: visible" in printed


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
