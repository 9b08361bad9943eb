"""Plots and pictures of attacks: recoveries, growth with known pairs, fall with noise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from primis.attacks import pictures
from primis.attacks.record import AttackResult
from primis.attacks.verdicts import DEFAULT, RESEARCH, Finding, role
from primis.report.attack_words import listed, measure, plain
from primis.report.figures import embed, lines
from primis.report.page import Block, Gallery, Picture, Prose, Section

_SHOWN = 2


def recoveries(found: Sequence[Finding], folder: Path) -> Section | None:
    """Show originals and what the attacks made of each target's files."""
    blocks = [
        block
        for attack in dict.fromkeys(finding.attack for finding in found)
        for block in _by_attack(attack, found, folder)
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


def curves(found: Sequence[Finding]) -> Section | None:
    """Plot scores against the number of known pairs."""
    plots = []
    for finding in found:
        by_target = {target: finding.curve(target) for target in finding.targets}
        by_target = {target: curve for target, curve in by_target.items() if len(curve) > 1}
        if not by_target:
            continue
        plot = lines(
            {name: (_pairs(curve), _values(curve)) for name, curve in by_target.items()},
            x="known pairs",
            y=finding.metric,
            log_x=True,
            bands={name: _band(curve) for name, curve in by_target.items()},
            references={"guess": finding.guess},
            ticks=sorted({pairs for curve in by_target.values() for pairs in _pairs(curve)}),
        )
        plots.append(Picture(measure(finding), plot))
    if not plots:
        return None
    return Section(
        "Does it help to know more pairs?",
        [Gallery(plots, width=360)],
        lead="Attackers learn from images whose public files they made under keys of their own.",
    )


def by_noise(found: Sequence[Finding]) -> Section | None:
    """Plot what ambiguation leaks against its amount of noise."""
    plots, tight = [], []
    for finding in found:
        curve = sorted(
            (finding.strongest(t) for t in finding.targets if t.startswith(RESEARCH)), key=_noise
        )
        if len(curve) < 2:
            continue
        if all(finding.outcome(result.target) != "succeeds" for result in curve):
            tight.append(measure(finding))
            continue
        noise = [_noise(result) for result in curve]
        plot = lines(
            {
                "with the file": (noise, _values(curve)),
                "a guess": (noise, [result.floor for result in curve]),
            },
            x="empty positions with noise (%)",
            y=finding.metric,
            bands={"with the file": _band(curve)},
            ticks=noise,
            dashed=["a guess"],
        )
        plots.append(Picture(measure(finding), plot))
    if not plots:
        return None
    blocks: list[Block] = [
        Gallery(
            plots,
            caption="Shaded: 99 % intervals over patients. 100 % is what the scheme writes.",
            width=360,
        )
    ]
    if tight:
        blocks.append(Prose([f"With no amount of noise more than a guess: {listed(tight)}."]))
    return Section(
        "What ambiguation leaks, by the amount of noise",
        blocks,
        lead="The research scheme hides true signs among random ones: the more of them, the less "
        "an attacker gets.",
    )


def _by_attack(attack: str, found: Sequence[Finding], folder: Path) -> list[Block]:
    """Show the first test images, and of each target that counts the best of all."""
    results = [f.strongest(t) for f in found if f.attack == attack for t in f.targets]
    roles = {result.target: role(result) for result in results}
    targets = sorted(roles, key=lambda target: roles[target] == "default")
    blocks: list[Block] = []
    for index, original in enumerate(pictures.find(folder, attack, pictures.ORIGINAL)[:_SHOWN]):
        row = [
            _picture(paths[index], target, note)
            for target in targets
            for name, note in ((f"{target} {pictures.GIVEN}", pictures.GIVEN), (target, ""))
            if index < len(paths := pictures.find(folder, attack, name))
        ]
        if row:
            blocks.append(Gallery([Picture("original", embed(original)), *row], width=90))
    best = [
        shown
        for target in targets
        if roles[target] in ("default", "research")
        and (two := pictures.find_best(folder, attack, target))
        for shown in (Picture("original", embed(two[0])), _picture(two[1], target))
    ]
    if best:
        blocks.append(Prose(["Of all test images, the one recovered best from each target:"]))
        blocks.append(Gallery(best, width=90))
    return [Prose([f"By {attack}:"]), *blocks] if blocks else []


def _picture(path: Path, target: str, note: str = "") -> Picture:
    title, _, noise = target.partition(" ") if target.startswith(RESEARCH) else (target, "", "")
    if not note:
        note = f"{noise} noise" if noise else "the default" if target == DEFAULT else ""
    return Picture(plain(title), embed(path), note)


def _noise(result: AttackResult) -> float:
    """Return the percentage in the name of a target of the research scheme."""
    return float(result.target.removeprefix(RESEARCH).split("%")[0])


def _pairs(curve: Sequence[AttackResult]) -> list[int]:
    return [result.pairs or 0 for result in curve]


def _values(curve: Sequence[AttackResult]) -> list[float]:
    return [result.score.value for result in curve]


def _band(curve: Sequence[AttackResult]) -> tuple[list[float], list[float]]:
    return [result.score.low for result in curve], [result.score.high for result in curve]
