"""Attacks in a report: what everybody else got, from `attacks.json` and its pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from primis.attacks import pictures
from primis.attacks.record import AttackResult
from primis.attacks.verdicts import DEFAULT, RESEARCH, Finding, Outcome, role
from primis.attacks.verdicts import findings as group
from primis.report.figures import embed, lines
from primis.report.page import (
    Block,
    Cell,
    Details,
    Gallery,
    Picture,
    Prose,
    Section,
    Statement,
    Table,
    Tone,
    number,
)

Document = Mapping[str, Any]

_TONES: Mapping[Outcome, Tone] = {
    "succeeds": "bad",
    "at the floor": "good",
    "not conclusive": "fair",
}
_KINDS = {
    "supervised": "Attackers who learn from pairs",
    "unsupervised": "Attackers who have only the files",
    "side channel": "Beside the codes",
    "inside view": "Key holders who want more",
}
NOTHING = number(None)
_SHOWN = 2
_FOUND_OUT = {
    "attribute": "found out: the disease",
    "re-identification": "found out: who the patient is",
    "super-resolution": "sharpened by a network",
}
_LEVELS = ("original", "full", "diagnostic", "preview", "public")


@dataclass(frozen=True)
class _Goal:
    """What attackers want, in words, and the attacks that go for it."""

    attacks: tuple[str, ...]
    safe: str
    lost: str


_GOALS = (
    _Goal(
        ("inversion", "decoding", "support", "magnitude", "support search"),
        "Nobody without a key recovered anything of a picture.",
        "Something of the picture was recovered without a key.",
    ),
    _Goal(
        ("attribute",),
        "Nobody without a key could tell what disease a public file shows.",
        "A public file tells something of the disease.",
    ),
    _Goal(
        ("linkage", "re-identification", "verification", "neighbours"),
        "Nobody could tell whose picture a public file holds, nor link two files of one patient.",
        "Public files could be linked to patients or to each other.",
    ),
    _Goal(
        ("statistics", "compression"),
        "The public bytes could not be told from random ones.",
        "The public bytes can be told from random ones.",
    ),
    _Goal(
        (
            "key search",
            "exhaustion",
            "wrong key",
            "same image twice",
            "keys of other images",
            "lower key against upper levels",
            "grants joined",
        ),
        "No key was found, and no key opened more than it was made for.",
        "A key was found, or opened more than it was made for.",
    ),
    _Goal(
        (
            "sizes",
            "header fields",
            "order of files",
            "names in files",
            "time to fail",
            "time to refuse a key",
            "leftovers",
        ),
        "Sizes, names, headers, errors and times gave nothing away, and no secret was left behind.",
        "Something is given away beside the codes.",
    ),
)


def results(document: Document) -> list[Finding]:
    """Return the results of a document, grouped."""
    return group(AttackResult.from_json(fields) for fields in document["results"])


def findings(document: Document) -> list[Statement]:
    """Say in plain words what everybody without a key got, goal by goal."""
    found = results(document)
    statements = [
        statement
        for goal in _GOALS
        if (statement := _verdict(goal, [f for f in found if f.attack in goal.attacks]))
    ]
    statements += _documented(found)
    if research := _research(found):
        statements.append(research)
    missing = [
        Statement("plain", f"Not attacked: {item['attack']}.", item["reason"])
        for item in document["left_out"]
    ]
    return statements + missing


def sections(document: Document, folder: Path) -> list[Section]:
    """Lay out recoveries, the matrix of attacks and targets, curves, and every result."""
    found = results(document)
    outside = [finding for finding in found if finding.kind in ("supervised", "unsupervised")]
    laid_out = [_recoveries(found, folder), _matrix(outside), _curves(found), _beside(found)]
    return [section for section in laid_out if section] + [_evidence(document, found)]


def default_table(found: Sequence[Finding]) -> Table:
    """Say what each attack got from the default, and on what it was seen to work."""
    rows: list[list[str | Cell]] = []
    for finding in found:
        if DEFAULT not in finding.targets:
            continue
        result = finding.strongest(DEFAULT)
        shown = finding.strongest(finding.controls[0]) if finding.controls else None
        rows.append(
            [
                f"{finding.attack}, {finding.metric}",
                _score_cell(finding, DEFAULT),
                f"{_number(result.score.low)} to {_number(result.score.high)}",
                _number(result.floor),
                f"{_plain(shown.target)}: {_number(shown.score.value)}" if shown else "nothing",
            ]
        )
    header = ["attack", "got", "interval", "guess", "seen to work on"]
    return Table(header, rows)


def inside_rows(found: Sequence[Finding]) -> list[list[str | Cell]]:
    """Return what holders of each level learn beyond it, as rows of a table by level."""
    return [
        [
            f"{_FOUND_OUT.get(finding.attack, finding.attack)}, {finding.metric}",
            *(
                _score_cell(finding, level) if level in finding.targets else NOTHING
                for level in _LEVELS
            ),
        ]
        for finding in found
        if finding.kind == "inside view"
    ]


def _verdict(goal: _Goal, found: Sequence[Finding]) -> Statement | None:
    judged = [finding for finding in found if DEFAULT in finding.targets]
    judged.sort(key=lambda finding: goal.attacks.index(finding.attack))
    if not judged:
        return None
    outcomes = {finding: finding.outcome(DEFAULT) for finding in judged}
    lost = [finding for finding, outcome in outcomes.items() if outcome == "succeeds"]
    open_ = [finding for finding, outcome in outcomes.items() if outcome == "not conclusive"]
    if lost:
        return Statement("bad", goal.lost, "; ".join(map(_against_default, lost)) + ".")
    closed = [finding for finding in judged if finding not in open_]
    if not closed:
        return Statement(
            "fair",
            "Not conclusive: " + ", ".join(_names(open_)) + ".",
            "These attacks found nothing, but were not seen to work on a weak target in this run.",
        )
    detail = (
        f"Tried: {_listed(_names(closed))}, {'each ' if len(_names(closed)) > 1 else ''}seen to "
        f"work on a weak target. For example, {_against_default(closed[0])}."
    )
    if open_:
        measures = ", ".join(f"{finding.attack} ({finding.metric})" for finding in open_)
        detail += f" Not conclusive, since no weak target fell: {measures}."
    return Statement("fair" if len(open_) > len(closed) else "good", goal.safe, detail)


def _documented(found: Sequence[Finding]) -> Iterator[Statement]:
    leaks = [
        finding.strongest(target)
        for finding in found
        for target in finding.targets
        if role(finding.strongest(target)) == "documented" and finding.outcome(target) == "succeeds"
    ]
    if leaks:
        yield Statement(
            "fair",
            "As the threat model says, some things can be told: "
            + _listed([leak.target.partition(": ")[2] for leak in leaks])
            + ".",
            "; ".join(
                f"{leak.attack}: {_value(leak)} ({leak.metric}), {_last_note(leak)}"
                for leak in leaks
            )
            + ".",
        )


def _research(found: Sequence[Finding]) -> Statement | None:
    """Say what leaks under the shipped research scheme."""
    target = "ambiguation 100 %"
    judged = [finding for finding in found if target in finding.targets]
    leaks = [finding for finding in judged if finding.outcome(target) == "succeeds"]
    if not judged:
        return None
    if not leaks:
        return Statement(
            "plain", "The research scheme, ambiguation, gave nothing away to these attacks."
        )
    return Statement(
        "fair",
        "The research scheme, ambiguation, leaks: do not use it for patients' images.",
        "; ".join(
            f"{leak.attack} ({leak.metric}): {_value(leak)}, a guess {_number(leak.floor)}"
            for leak in (finding.strongest(target) for finding in leaks)
        )
        + ".",
    )


def _against_default(finding: Finding) -> str:
    result = finding.strongest(DEFAULT)
    text = (
        f"{finding.attack} ({finding.metric}): {_value(result)} on the public file, where a guess "
        f"gets {_number(result.floor)}"
    )
    if finding.controls:
        shown = finding.strongest(finding.controls[0])
        text += f" and the weak target ({_plain(shown.target)}) gives {_number(shown.score.value)}"
    return text


def _recoveries(found: Sequence[Finding], folder: Path) -> Section | None:
    """Show originals and what the attacks made of each target's files."""
    blocks: list[Block] = []
    for attack in dict.fromkeys(finding.attack for finding in found):
        originals = pictures.find(folder, attack, pictures.ORIGINAL)
        targets = list(
            dict.fromkeys(
                t for finding in found if finding.attack == attack for t in finding.targets
            )
        )
        rows = [_recovered(folder, attack, targets, n) for n in range(len(originals[:_SHOWN]))]
        if any(rows):
            blocks.append(Prose([f"By {attack}:"]))
        blocks += [
            Gallery([Picture("original", embed(original)), *row], width=120)
            for original, row in zip(originals, rows, strict=False)
            if row
        ]
    if not blocks:
        return None
    return Section(
        "What attackers recovered",
        blocks,
        lead="The same image, hidden in different ways. The first targets are weak, and must fall: "
        "they show that the attack works. The last is what primis publishes. A picture that looks "
        "alike in all rows is what a network knows of such images in general, not of this one.",
    )


def _recovered(folder: Path, attack: str, targets: Sequence[str], index: int) -> list[Picture]:
    """Show what an attack made of one image, target by target."""
    shown = []
    for target in targets:
        paths = pictures.find(folder, attack, target)
        if index < len(paths):
            title, _, noise = target.partition(" ") if _is_research(target) else (target, "", "")
            note = f"{noise} noise" if noise else "the default" if target == DEFAULT else ""
            shown.append(Picture(title, embed(paths[index]), note))
    return shown


def _matrix(found: Sequence[Finding]) -> Section | None:
    targets = [
        target
        for target in dict.fromkeys(t for finding in found for t in finding.targets)
        if not target.startswith("planted")
    ]
    targets.sort(key=lambda target: target == DEFAULT)
    rows: list[list[str | Cell]] = [
        [
            f"{finding.attack}, {finding.metric}",
            _number(finding.strongest(finding.targets[-1]).floor),
            *(_score_cell(finding, t) if t in finding.targets else NOTHING for t in targets),
        ]
        for finding in found
        if set(finding.targets) & set(targets)
    ]
    if not rows:
        return None
    return Section(
        "Attacks against targets",
        [
            Table(
                ["attack", "guess", *targets],
                rows,
                caption="Scores with all known pairs. Red: more than a guess without the file. "
                "Green: no more than a guess. Amber: no more than a guess, but the attack fell on "
                "no weak target either. Hover for the interval; guess: of the last target.",
            )
        ],
        lead="From weak targets on the left to the default on the right.",
    )


def _curves(found: Sequence[Finding]) -> Section | None:
    plots = []
    for finding in found:
        curves = {
            target: finding.curve(target)
            for target in finding.targets
            if len(finding.curve(target)) > 1
        }
        if not curves:
            continue
        series = {
            target: ([r.pairs or 0 for r in curve], [r.score.value for r in curve])
            for target, curve in curves.items()
        }
        bands = {
            target: ([r.score.low for r in curve], [r.score.high for r in curve])
            for target, curve in curves.items()
        }
        floor = finding.strongest(finding.targets[-1]).floor
        plot = lines(
            series,
            x="known pairs",
            y=finding.metric,
            log_x=True,
            bands=bands,
            references={"guess": floor},
            ticks=sorted({r.pairs for curve in curves.values() for r in curve if r.pairs}),
        )
        plots.append(Picture(f"{finding.attack}, {finding.metric}", plot))
    if not plots:
        return None
    return Section(
        "Does it help to know more pairs?",
        [Gallery(plots, width=360)],
        lead="Attackers learn from images whose public files they made under keys of their own.",
    )


def _beside(found: Sequence[Finding]) -> Section | None:
    rows: list[list[str | Cell]] = []
    for finding in found:
        if finding.kind != "side channel":
            continue
        for target in finding.targets:
            result = finding.strongest(target)
            if role(result) == "control":
                continue
            control = finding.controls[0] if finding.controls else NOTHING
            rows.append(
                [
                    f"{finding.attack}, {finding.metric}",
                    "default" if target == DEFAULT else target,
                    _number(result.floor),
                    _score_cell(finding, target),
                    _plain(control),
                ]
            )
    if not rows:
        return None
    return Section(
        "Beside the codes",
        [
            Table(
                ["what was looked at", "where", "guess", "got", "planted leak that it found"], rows
            )
        ],
        lead="Sizes, names, order, headers, times, errors, keys and leftovers.",
    )


def _evidence(document: Document, found: Sequence[Finding]) -> Section:
    blocks: list[Block] = [
        Prose(
            [
                "Score: larger is better for the attacker. Floor: what the same guess scores "
                "without the file. Ceiling: with full access. Brackets: 99 % intervals over "
                "patients; an attack succeeds if the whole interval is above the floor."
            ]
        )
    ]
    for kind, title in _KINDS.items():
        rows: list[list[str | Cell]] = [
            [
                finding.attack,
                result.target,
                NOTHING if result.pairs is None else str(result.pairs),
                finding.metric,
                Cell(
                    _interval(result),
                    _tone(finding, result),
                    result.notes,
                ),
                _number(result.floor),
                NOTHING if result.ceiling is None else _number(result.ceiling),
            ]
            for finding in found
            if finding.kind == kind
            for result in finding.results
        ]
        knowledge = {f.attack: f.results[0].knowledge for f in found if f.kind == kind}
        if rows:
            header = ["attack", "target", "pairs", "measure", "score", "floor", "ceiling"]
            known = Table(["attack", "knows"], [[a, k] for a, k in knowledge.items()])
            blocks.append(Details(f"{title}: {len(rows)} results", [known, Table(header, rows)]))
    seconds = [[name, f"{ran['seconds']:.0f} s"] for name, ran in document["attacks"].items()]
    blocks.append(Details("How long each attack took", [Table(["attack", "time"], seconds)]))
    return Section("All results of the attacks", blocks)


def _score_cell(finding: Finding, target: str) -> Cell:
    result = finding.strongest(target)
    return Cell(_number(result.score.value), _tone(finding, result), _hover(result))


def _tone(finding: Finding, result: AttackResult) -> Tone:
    if role(result) in ("control", "level"):
        return "plain"
    outcome = finding.outcome(result.target)
    if outcome == "succeeds" and role(result) == "documented":
        return "fair"
    return _TONES[outcome]


def _hover(result: AttackResult) -> str:
    return f"{_interval(result)}, floor {_number(result.floor)}: {result.verdict}. {result.notes}"


def _interval(result: AttackResult) -> str:
    score = result.score
    return f"{_number(score.value)} ({_number(score.low)} to {_number(score.high)})"


def _value(result: AttackResult) -> str:
    return (
        _interval(result) if result.score.low != result.score.high else _number(result.score.value)
    )


def _last_note(result: AttackResult) -> str:
    return result.notes.rpartition("documented: ")[2].removeprefix("documented ")


def _number(value: float) -> str:
    return number(
        value, 0 if float(value).is_integer() and abs(value) > 1 else 1 if abs(value) >= 5 else 3
    )


def _is_research(target: str) -> bool:
    return target.startswith(RESEARCH)


def _plain(target: str) -> str:
    return target.removeprefix("planted: ")


def _names(found: Sequence[Finding]) -> list[str]:
    return list(dict.fromkeys(finding.attack for finding in found))


def _listed(items: Sequence[str]) -> str:
    items = list(dict.fromkeys(items))
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
