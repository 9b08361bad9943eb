"""What key holders find out beyond what their level is for, in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from primis.attacks.verdicts import Finding
from primis.report.attack_words import amount, listed, measure, value
from primis.report.page import Statement

LEVELS = ("preview", "diagnostic", "full", "original")
"""From the lowest to the highest."""

_INSIDE = {
    "attribute": "the disease",
    "re-identification": "the patient, where another image of the patient is at hand",
    "super-resolution": "more detail than the level shows",
}


def findings(found: Sequence[Finding]) -> list[Statement]:
    """Say what key holders find out beyond what they were given a level for."""
    lowest: dict[str, list[Finding]] = {}
    for finding in found:
        if finding.kind == "inside view":
            level = gives_away(finding) or ("none" if finding.controls else "unknown")
            lowest.setdefault(level, []).append(finding)
    return [
        _beyond(level, lowest[level]) for level in (*LEVELS, "none", "unknown") if level in lowest
    ]


def gives_away(finding: Finding) -> str | None:
    """Return the lowest level from which an attack of the inside view succeeds, if any."""
    return next(
        (
            level
            for level in LEVELS
            if level in finding.targets and finding.outcome(level) == "succeeds"
        ),
        None,
    )


def _beyond(level: str, found: Sequence[Finding]) -> Statement:
    things = listed([_INSIDE.get(finding.attack, finding.attack) for finding in found])
    if level == "preview":
        text = f"Every key holder, even of a preview, can find out {things}."
    elif level in LEVELS:
        text = f"From level {level} upwards a key holder can find out {things}."
    elif level == "none":
        text = f"No key holder could find out {things}."
    else:
        text = f"Not conclusive: whether key holders can find out {things}."
    details = "; ".join(_at_ends(finding, level) for finding in found)
    return Statement("good" if level == "none" else "fair", text, f"{details}.")


def _at_ends(finding: Finding, level: str) -> str:
    """Say what an attack got from a level, or else from the lowest, and from the highest."""
    tried = [name for name in LEVELS if name in finding.targets]
    ends = dict.fromkeys([level if level in tried else tried[0], tried[-1]])
    return f"{measure(finding)}: " + ", ".join(
        f"{name} {value(result)} where a guess gets {amount(result.floor)}"
        for name in ends
        if (result := finding.strongest(name))
    )
