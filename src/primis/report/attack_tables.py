"""Tables of attacks: against the default, against all targets, beside the codes, and in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from primis.attacks.verdicts import DEFAULT, Finding, Role, role
from primis.report.attack_words import (
    NOTHING,
    amount,
    cell,
    default_of,
    hover,
    measure,
    plain,
    shown_on,
    tone,
    value,
)
from primis.report.page import Block, Cell, Details, Prose, Section, Table

_KINDS = {
    "supervised": "Attackers who learn from pairs",
    "unsupervised": "Attackers who have only the files",
    "side channel": "Beside the codes",
    "inside view": "Key holders who want more",
}
_ORDER: Sequence[Role] = ("control", "documented", "research", "default")


def default_table(found: Sequence[Finding]) -> Table:
    """Say what each attack got from the default, and on what it was seen to work."""
    rows: list[list[str | Cell]] = [
        [
            measure(finding),
            cell(finding, result.target),
            amount(result.floor),
            NOTHING if result.pairs is None else str(result.pairs),
            shown_on(finding),
        ]
        for finding in found
        if (result := default_of(finding))
    ]
    return Table(
        ["attack and measure", "got from the default", "guess", "known pairs", "seen to work on"],
        rows,
        caption="What each attack got from files published in the default way, with all known "
        "pairs, and the 99 % interval over patients. Green: no more than a guess without the file, "
        "by an attack that was seen to work in this run. Amber: no more than a guess, but not seen "
        "to work. Red: more than a guess.",
    )


def matrix(found: Sequence[Finding]) -> Section | None:
    """Set attacks against targets, from weak targets to the default."""
    outside = [finding for finding in found if finding.kind in ("supervised", "unsupervised")]
    results = [finding.strongest(t) for finding in outside for t in finding.targets]
    roles = {r.target: role(r) for r in results if not r.target.startswith("planted")}
    targets = sorted(roles, key=lambda target: _ORDER.index(roles[target]))
    rows: list[list[str | Cell]] = [
        [
            measure(finding),
            amount(finding.guess),
            *(
                replace(cell(finding, t), note="") if t in finding.targets else NOTHING
                for t in targets
            ),
        ]
        for finding in outside
        if set(finding.targets) & set(targets)
    ]
    if not rows:
        return None
    return Section(
        "Attacks against targets",
        [
            Table(
                [
                    "attack",
                    "guess",
                    *(target.replace(" %", "\N{NO-BREAK SPACE}%") for target in targets),
                ],
                rows,
                caption="Scores with all known pairs. Red: more than a guess without the file. "
                "Green: no more than a guess. Amber: no more than a guess, but the attack fell on "
                "no weak target either. Hover for the interval; guess: of the default.",
            )
        ],
        lead="From weak targets on the left to the default on the right.",
    )


def beside(found: Sequence[Finding]) -> Section | None:
    """Lay out the side channels."""
    rows: list[list[str | Cell]] = [
        [
            measure(finding),
            "default" if target == DEFAULT else plain(target),
            amount(result.floor),
            cell(finding, target),
            plain(finding.controls[0]) if finding.controls else NOTHING,
        ]
        for finding in found
        if finding.kind == "side channel"
        for target in finding.targets
        if role(result := finding.strongest(target)) != "control"
    ]
    if not rows:
        return None
    header = ["what was looked at", "where", "guess", "got", "planted leak that it found"]
    return Section(
        "Beside the codes",
        [Table(header, rows)],
        lead="Sizes, names, order, headers, times, errors, keys and leftovers.",
    )


def evidence(document: Mapping[str, Any], found: Sequence[Finding]) -> Section:
    """Lay out every result, folded by kind of attacker."""
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
        some = [finding for finding in found if finding.kind == kind]
        rows = [row for finding in some for row in _rows(finding)]
        knowledge = {finding.attack: finding.results[0].knowledge for finding in some}
        if rows:
            header = ["attack", "target", "pairs", "measure", "score", "floor", "ceiling"]
            known = Table(["attack", "knows"], [[a, k] for a, k in knowledge.items()])
            blocks.append(Details(f"{title}: {len(rows)} results", [known, Table(header, rows)]))
    seconds = [[name, f"{ran['seconds']:.0f} s"] for name, ran in document["attacks"].items()]
    blocks.append(Details("How long each attack took", [Table(["attack", "time"], seconds)]))
    return Section("All results of the attacks", blocks)


def _rows(finding: Finding) -> list[list[str | Cell]]:
    return [
        [
            finding.attack,
            result.target,
            NOTHING if result.pairs is None else str(result.pairs),
            finding.metric,
            Cell(value(result), tone(finding, result), hover(result)),
            amount(result.floor),
            NOTHING if result.ceiling is None else amount(result.ceiling),
        ]
        for result in finding.results
    ]
