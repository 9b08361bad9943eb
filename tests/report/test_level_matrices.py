import pytest

pytest.importorskip("matplotlib", reason="needs the extra primis[evaluate]")

from primis.attacks.verdicts import findings as group
from primis.report import levels
from primis.report.page import Cell
from tests.report.made_attacks import inside

SEEN = ("original", "full", "diagnostic", "preview", "public")


def interval(value, spread=0.002):
    return {"value": value, "low": value - spread, "high": value + spread}


def score(seen, loss, spread, **fields):
    difference = None if seen == "original" else interval(-loss, spread)
    return {
        "trained_on": "original",
        "tested_on": seen,
        "structure": "lungs",
        "input": "pixels",
        "auc": interval(0.9 - loss),
        "mean": interval(0.9 - loss),
        "measure": "dice",
        "difference": difference,
        **fields,
    }


def classification(losses, spread=0.002, original=0.9):
    scores = [score(seen, loss, spread) for seen, loss in zip(SEEN, losses, strict=True)]
    for one in scores:
        one["difference"] = one["difference"] and {"auc": one["difference"]}
    scores[0]["auc"] = interval(original)
    return {"title": "well against sick", "scores": scores}


def rows(parts=None, results=()):
    section = levels.section(parts and {"parts": parts}, group(results), side=64)
    tables = section.blocks if section else []
    return [[shown(cell) for cell in row] for table in tables for row in table.rows]


def shown(cell):
    return f"{cell.text} {cell.note}".strip() if isinstance(cell, Cell) else cell


@pytest.mark.parametrize(
    ("losses", "spread", "lowest"),
    [
        ((0, 0, 0, 0, 0.4), 0.002, "preview"),
        ((0, 0, 0, 0.1, 0.4), 0.002, "diagnostic"),
        ((0, 0, 0.1, 0, 0.4), 0.002, "full"),
        ((0, 0.1, 0.1, 0.1, 0.4), 0.002, "original"),
        ((0, 0, 0, 0, 0.4), 0.05, "original preview, if more\npatients confirm"),
    ],
)
def test_the_lowest_level_that_loses_little_for_sure_serves(losses, spread, lowest):
    ((*_, told),) = rows({"classification": [classification(losses, spread)]})
    assert told == lowest


def test_no_level_serves_a_task_that_was_not_learnt():
    ((*_, told),) = rows({"classification": [classification((0, 0, 0, 0, 0), original=0.5)]})
    assert told == "\N{EN DASH} not learnt on originals"


def test_an_outline_is_judged_by_dice_alone():
    scores = [score(seen, 0, 0.002) for seen in SEEN]
    others = [score(seen, -30, 0.002, measure="hausdorff95") for seen in SEEN]
    mask = score("nothing", 0.3, 0.002, trained_on="mean mask")
    result = {"structures": ["lungs"], "scores": [*scores, *others, mask]}
    ((title, original, *_, told),) = rows({"segmentation": [result]})
    assert (title, original, told) == (
        "outline of lungs, Dice",
        "0.900 0.898 to 0.902",
        "preview",
    )


def test_texture_serves_as_long_as_features_agree():
    shares = {"full": 0.97, "diagnostic": 0.9, "preview": 0.96}
    records = {level: {"surviving": interval(share)} for level, share in shares.items()}
    ((*_, told),) = rows({"texture": [{"levels": records}]})
    assert told == "full"


def test_the_lowest_level_that_gives_something_away_is_named():
    results = [
        *inside("attribute", original=0.9, full=0.8, diagnostic=0.8, preview=0.5, public=0.5),
        *inside("re-identification", original=0.9, preview=0.5),
        *inside("super-resolution", preview=0.5),
    ]
    assert [row[-1] for row in rows(results=results)] == [
        "diagnostic",
        "original",
        "not conclusive",
    ]


def test_every_score_has_its_interval():
    results = inside("attribute", original=0.9, full=0.8, public=0.5)
    ((_, original, full, diagnostic, *_),) = rows(results=results)
    assert (original, full) == ("0.900 0.850 to 0.950", "0.800 0.750 to 0.850")
    assert diagnostic == "\N{EN DASH}"


def test_without_tasks_and_levels_there_is_nothing_to_lay_out():
    assert rows() == []
