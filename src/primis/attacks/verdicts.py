"""What results mean together: a failure counts only where the same attack was seen to succeed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from primis.attacks.record import AttackResult

Role: TypeAlias = Literal["default", "research", "documented", "control", "level"]
Outcome: TypeAlias = Literal["succeeds", "at the floor", "not conclusive"]

DEFAULT, RESEARCH = "keystream", "ambiguation"
DOCUMENTED, PLANTED = "documented: ", "planted: "
_TOP_LEVEL = "original"


def role(result: AttackResult) -> Role:
    """Tell what a target is there for.

    ``default``
        The scheme that people use: attacks must be at the floor.
    ``research``
        Ambiguation: reported, not promised.
    ``documented``
        A leak that the threat model names.
    ``control``
        A weak target, or a defect planted in the default: attacks must succeed.
    ``level``
        In the inside view, what a key holder sees.
    """
    if result.kind == "inside view":
        return "level"
    if result.target == DEFAULT:
        return "default"
    if result.target.startswith(RESEARCH):
        return "research"
    return "documented" if result.target.startswith(DOCUMENTED) else "control"


@dataclass(frozen=True)
class Finding:
    """One attack with one measure, against all its targets.

    Parameters
    ----------
    kind, attack, metric
        As in its results.
    results
        At least one: by target, and by number of pairs in ascending order.
    """

    kind: str
    attack: str
    metric: str
    results: tuple[AttackResult, ...]

    @property
    def targets(self) -> list[str]:
        """Targets in the order in which they were attacked."""
        return list(dict.fromkeys(result.target for result in self.results))

    @property
    def controls(self) -> list[str]:
        """Names of targets on which the attack was seen to succeed, as it should."""
        return [
            target
            for target in self.targets
            if (result := self.strongest(target)).verdict == "succeeds"
            and (role(result) == "control" or (role(result), target) == ("level", _TOP_LEVEL))
        ]

    def strongest(self, target: str) -> AttackResult:
        """Return the result with most pairs."""
        return max(
            (result for result in self.results if result.target == target),
            key=lambda result: result.pairs or 0,
        )

    def outcome(self, target: str) -> Outcome:
        """Judge a target.

        A failure without a control that succeeded is not conclusive, nor is a score that the images
        did not allow to compute.
        """
        result = self.strongest(target)
        if result.verdict == "succeeds":
            return "succeeds"
        measured = self.controls and not math.isnan(result.score.low)
        return "at the floor" if measured else "not conclusive"

    def curve(self, target: str) -> list[AttackResult]:
        """Return the results against a target by number of pairs."""
        return sorted(
            (result for result in self.results if result.target == target),
            key=lambda result: result.pairs or 0,
        )


def findings(results: Iterable[AttackResult]) -> list[Finding]:
    """Group results by attack and measure, in the order in which they come."""
    groups: dict[tuple[str, str, str], list[AttackResult]] = {}
    for result in results:
        groups.setdefault((result.kind, result.attack, result.metric), []).append(result)
    return [Finding(*key, tuple(group)) for key, group in groups.items()]


def broken(found: Sequence[Finding]) -> list[Finding]:
    """Return the findings where an attack succeeds on the default scheme: defects."""
    return [
        finding
        for finding in found
        if any(
            role(result) == "default" and result.verdict == "succeeds" for result in finding.results
        )
    ]
