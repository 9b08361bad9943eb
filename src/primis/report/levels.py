"""Which level for which purpose: tasks and attacks against levels, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any

from primis.attacks.verdicts import Finding
from primis.report import texture
from primis.report.attack_inside import gives_away
from primis.report.attack_words import NOTHING, amount, cell
from primis.report.page import Cell, Section, Table, number

TOLERANCE = 0.02
"""How much of AUC or Dice a level that serves a purpose may lose."""

_SEEN = ("original", "full", "diagnostic", "preview", "public")
_DOWNWARDS = ("full", "diagnostic", "preview")
_FOUND_OUT = {
    "attribute": "found out: the disease",
    "re-identification": "found out: who the patient is",
    "super-resolution": "sharpened by a network",
}

Record = Mapping[str, Any]
Row = list[str | Cell]


def section(evaluated: Record | None, found: Sequence[Finding], *, side: int) -> Section | None:
    """Lay out what each level is good for, and what it gives away.

    Parameters
    ----------
    evaluated
        Document of an evaluation, if there is one.
    found
        Results of attacks; those of the inside view count here.
    side
        Pixels a side that the attackers of the inside view work with.
    """
    header = ["", *_SEEN[:-1], "no key"]
    tables = []
    if evaluated and (rows := list(_tasks(evaluated))):
        tables.append(
            Table(
                ["what can be done", *header[1:], "lowest level that serves"],
                rows,
                caption="By network or measure, with 95 % intervals over patients. A level serves "
                f"if the whole interval of its loss against the originals is within {TOLERANCE} "
                "of AUC or Dice, and so for the levels above it; texture, if "
                f"{100 * texture.TARGET:.0f} % of the features agree.",
            )
        )
    if rows := [_inside(finding) for finding in found if finding.kind == "inside view"]:
        tables.append(
            Table(
                ["what can be found out", *header[1:], "lowest level that gives it away"],
                rows,
                caption="By a key holder who goes beyond his purpose, with 99 % intervals over "
                "patients; for sharpening also the picture as it is. Amber: succeeds. For disease "
                f"and patient all pictures are averaged down to {side} pixels a side, so that "
                "levels alike in these rows are partly made so.",
            )
        )
    if not tables:
        return None
    return Section(
        "Which level for which purpose",
        tables,
        lead="The same question asked of each level. Hand out the lowest level that serves the "
        "purpose, and know what it gives away.",
    )


def _inside(finding: Finding) -> Row:
    lowest = gives_away(finding)
    if lowest is None:
        lowest = "none" if finding.controls else "not conclusive"
    floors = {finding.strongest(level).floor for level in _SEEN if level in finding.targets}
    return [
        f"{_FOUND_OUT.get(finding.attack, finding.attack)}, {finding.metric}",
        *(
            _level(finding, level, with_floor=len(floors) > 1)
            if level in finding.targets
            else NOTHING
            for level in _SEEN
        ),
        lowest,
    ]


def _level(finding: Finding, level: str, *, with_floor: bool) -> Cell:
    shown = cell(finding, level)
    floor = f"\nas it is {amount(finding.strongest(level).floor)}" if with_floor else ""
    return replace(shown, note=shown.note + floor)


def _tasks(evaluated: Record) -> Iterator[Row]:
    """Yield rows of the tasks of an evaluation, by level."""
    parts = evaluated["parts"]
    for result in parts.get("fidelity", ()):
        rate = next(iter(result["rates"])) if len(result["rates"]) == 1 else "medium"
        rows = [row for row in result["rows"] if row["rate"] == rate and row["codec"] == "primis"]
        psnr = {row["rendition"]: row["psnr"] for row in rows}
        yield _row("closeness to the original, PSNR (dB)", psnr, NOTHING, 1)
    for result in parts.get("classification", ()):
        scores = {
            score["tested_on"]: score
            for score in result["scores"]
            if score["input"] == "pixels" and score["trained_on"] == "original"
        }
        aucs = {level: score["auc"] for level, score in scores.items()}
        losses = {
            level: score["difference"]["auc"]
            for level, score in scores.items()
            if score["difference"]
        }
        learnt = "original" in aucs and aucs["original"]["low"] > 0.5
        yield _row(
            f"diagnosis: {result['title'].replace('_', ' ')}, AUC",
            aucs,
            _serves(losses, learnt=learnt),
        )
    for result in parts.get("segmentation", ()):
        for structure in result["structures"]:
            yield _outline(result, structure)
    for result in parts.get("texture", ()):
        shares = {level: record["surviving"] for level, record in result["levels"].items()}
        keeps = list(
            takewhile(
                lambda level: level in shares and shares[level]["value"] >= texture.TARGET,  # noqa: B023
                _DOWNWARDS,
            )
        )
        yield _row("texture features that agree, share", shares, ["original", *keeps][-1])


def _outline(result: Record, structure: str) -> Row:
    scores = {
        (score["trained_on"], score["tested_on"]): score
        for score in result["scores"]
        if score["structure"] == structure and score["measure"] == "dice"
    }
    of_levels = {seen: score for (trained, seen), score in scores.items() if trained == "original"}
    dice = {level: score["mean"] for level, score in of_levels.items()}
    losses = {
        level: score["difference"] for level, score in of_levels.items() if score["difference"]
    }
    blind = scores.get(("mean mask", "nothing"))
    learnt = "original" in dice and (
        blind is None or dice["original"]["value"] > blind["mean"]["value"]
    )
    return _row(f"outline of {structure}, Dice", dice, _serves(losses, learnt=learnt))


def _serves(losses: Mapping[str, Record], *, learnt: bool) -> str | Cell:
    """Name the lowest level that loses little, surely, and the lowest that seems to.

    Parameters
    ----------
    losses
        By level, interval of what it scores minus what the originals do.
    learnt
        Whether the task can be done on the originals at all.
    """
    if not learnt:
        return Cell(NOTHING, note="not learnt on originals")

    def lowest(end: str) -> str:
        known = takewhile(lambda level: level in losses, _DOWNWARDS)
        fit = takewhile(lambda level: losses[level][end] >= -TOLERANCE, known)
        return ["original", *fit][-1]

    surely, likely = lowest("low"), lowest("value")
    return surely if surely == likely else Cell(surely, note=f"{likely}, if more\npatients confirm")


def _row(title: str, scores: Mapping[str, Any], lowest: str | Cell, digits: int = 3) -> Row:
    return [title, *(_score(scores.get(level), digits) for level in _SEEN), lowest]


def _score(score: Record | None, digits: int) -> str | Cell:
    if score is None:
        return NOTHING
    low, high = (number(score[end], digits) for end in ("low", "high"))
    return Cell(number(score["value"], digits), note=f"{low} to {high}")
