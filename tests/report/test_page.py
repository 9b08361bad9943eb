import re

import numpy as np
import pytest

pytest.importorskip("jinja2", reason="needs the extra primis[evaluate]")

from primis.report.page import (
    Cell,
    Command,
    Details,
    Facts,
    Figure,
    Gallery,
    Page,
    Picture,
    Prose,
    Section,
    Statement,
    Statements,
    Table,
    interval,
    number,
    render,
)

EVERY_BLOCK = (
    Prose(["A paragraph."]),
    Statements([Statement("good", "A finding.", "Its numbers.")]),
    Table(["codec", "PSNR"], [["JPEG", Cell("41.0", "bad", "on hovering")]], "A table."),
    Figure("data:image/png;base64,AA", "words", "A figure."),
    Gallery([Picture("original", "data:image/png;base64,AA", "a note")], "Pictures."),
    Facts({"processor": "fast"}),
    Command("primis evaluate"),
    Details("More", [Details("Still more", [Prose(["Deep down."])])]),
)


def page(*blocks):
    return render(Page("A title", "A lead.", [Section("First", blocks, "What it answers.")]))


def test_every_block_is_shown():
    html = page(*EVERY_BLOCK)
    for text in (
        "A paragraph.",
        "A finding.",
        "Its numbers.",
        'class="bad" title="on hovering">41.0<',
        "A figure.",
        "a note",
        "processor",
        "primis evaluate",
        "Deep down.",
        "What it answers.",
    ):
        assert text in html


def test_a_page_needs_nothing_from_elsewhere_and_runs_nothing():
    html = page(*EVERY_BLOCK)
    assert "<script" not in html
    assert not re.search(r"https?://", html)
    sources = re.findall(r'(?:src|href)="([^"]*)"', html)
    assert sources
    assert all(source.startswith(("data:", "#")) for source in sources)
    assert "default-src 'none'" in html


@pytest.mark.parametrize(
    "block",
    [
        Prose(["<b>"]),
        Statements([Statement("good", "<b>", "<b>")]),
        Table(["<b>"], [["<b>", "<b>", Cell("<b>", title='"<b>')]], "<b>"),
        Gallery([Picture('"<b>', "data:", "<b>")], "<b>"),
        Facts({"<b>": "<b>"}),
        Command("<b>"),
        Details("<b>", [Prose(["<b>"])]),
    ],
    ids=lambda block: block.kind,
)
def test_text_is_text_and_never_markup(block):
    own = render(Page("<b>", "<b>", [Section("<b>", [block], "<b>")]))
    assert len(re.findall("<b>", own)) == (1 if block.kind == "gallery" else 0)
    assert '""' not in own


def test_the_sections_are_linked_from_the_top():
    html = render(Page("t", "l", [Section("One", []), Section("Two", [])]))
    assert re.findall(r'href="#(\w+)"', html) == re.findall(r'section id="(\w+)"', html)


def test_numbers_have_a_true_minus_sign_and_unknown_ones_a_dash():
    assert number(-0.5, 2) == "\N{MINUS SIGN}0.50"
    assert number(0.5, 1, sign=True) == "+0.5"
    assert number(None) == number(float("nan")) == number(np.inf) == "\N{EN DASH}"
    assert interval({"value": 0.5, "low": 0.25, "high": None}, 2) == "0.50 (0.25 to \N{EN DASH})"
