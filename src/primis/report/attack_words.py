"""How the report of attacks puts results into words and cells, the same everywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from primis.attacks.record import AttackResult
from primis.attacks.verdicts import PLANTED, Finding, Outcome, role
from primis.report.page import Cell, Tone, number

NOTHING = number(None)
_TONES: Mapping[Outcome, Tone] = {
    "succeeds": "bad",
    "at the floor": "good",
    "not conclusive": "fair",
}
_TONES_WITH_KEY: Mapping[Outcome, Tone] = {**_TONES, "succeeds": "fair", "not conclusive": "plain"}


def default_of(finding: Finding) -> AttackResult | None:
    """Return what an attack got from the default scheme; None if it was not tried on it."""
    results = map(finding.strongest, finding.targets)
    return next((result for result in results if role(result) == "default"), None)


def cell(finding: Finding, target: str) -> Cell:
    """Show the score against a target, with its interval, in the colour of its outcome."""
    result = finding.strongest(target)
    return Cell(amount(result.score.value), tone(finding, result), hover(result), limits(result))


def tone(finding: Finding, result: AttackResult) -> Tone:
    """Tell how a reader should take a result."""
    kind = role(result)
    outcome = finding.outcome(result.target)
    if kind == "control" or result.target in finding.controls:
        return "plain"
    if kind == "level":
        return _TONES_WITH_KEY[outcome]
    if kind == "documented" and outcome == "succeeds":
        return "fair"
    return _TONES[outcome]


def hover(result: AttackResult) -> str:
    """Say all there is about a result in one line."""
    return f"{value(result)}, floor {amount(result.floor)}: {result.verdict}. {result.notes}"


def value(result: AttackResult) -> str:
    """Return the score and, where there is one, its interval."""
    ends = limits(result)
    return f"{amount(result.score.value)} ({ends})" if ends else amount(result.score.value)


def limits(result: AttackResult) -> str:
    """Return the interval of a score, and that of its repetition; nothing if it has no width."""
    runs = [result.score, *filter(None, [result.repeated])]
    shown = [f"{amount(run.low)} to {amount(run.high)}" for run in runs]
    return "" if result.score.low == result.score.high else ",\nagain ".join(shown)


def amount(value: float) -> str:
    """Format a number with as many digits as its size asks for."""
    return number(
        value, 0 if float(value).is_integer() and abs(value) > 1 else 1 if abs(value) >= 5 else 3
    )


def measure(finding: Finding) -> str:
    """Name an attack and its measure; those of the inside view see images at full size."""
    size = " at full size" if finding.kind == "inside view" else ""
    return f"{finding.attack}{size} ({finding.metric})"


def shown_on(finding: Finding) -> str:
    """Say on which weak target an attack was seen to work, and what it got there."""
    if not finding.controls:
        return "nothing"
    result = finding.strongest(finding.controls[0])
    return f"{plain(result.target)}: {amount(result.score.value)}"


def plain(target: str) -> str:
    """Name a target without the mark of those that are planted."""
    return target.removeprefix(PLANTED)


def listed(items: Sequence[str], last: str = "and") -> str:
    """Join different items as in a sentence."""
    items = list(dict.fromkeys(items))
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {last} {items[-1]}"
