"""What results mean together.

A failure counts only where the same attack was seen to succeed. A success on the default scheme
counts only if it is seen again with fresh keys: see `repeated`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from primis.attacks.record import LEVEL, AttackResult
from primis.study.renditions import ORIGINAL, PUBLIC
from primis.study.statistics import Interval

Role: TypeAlias = Literal["default", "research", "documented", "control", "level"]
Outcome: TypeAlias = Literal["succeeds", "at the floor", "not conclusive"]

DEFAULT, RESEARCH = "keystream", "ambiguation"
DOCUMENTED, PLANTED = "documented: ", "planted: "


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
        In the inside view, what a key holder sees. What those without a key see is the default.
    """
    if result.target.startswith(PLANTED):
        return "control"
    if result.kind == "inside view":
        return "default" if result.target == PUBLIC else "level"
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
            and (role(result) == "control" or (role(result), target) == ("level", ORIGINAL))
        ]

    @property
    def guess(self) -> float:
        """What a guess scores without a file of the default (of the last target, without that)."""
        return self.strongest(DEFAULT if DEFAULT in self.targets else self.targets[-1]).floor

    def strongest(self, target: str) -> AttackResult:
        """Return the result with most pairs: on the default, of those that succeed if any does."""
        return max(
            (result for result in self.results if result.target == target),
            key=lambda result: (
                role(result) == "default" and result.verdict == "succeeds",
                result.pairs or 0,
            ),
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
            role(result) == "default" and finding.outcome(result.target) == "succeeds"
            for result in finding.results
        )
    ]


def to_repeat(result: AttackResult) -> bool:
    """Tell whether a result is a success on the default scheme, to be seen again or taken back."""
    return role(result) == "default" and result.verdict == "succeeds" and result.repeated is None


def repeated(first: Sequence[AttackResult], second: Sequence[AttackResult]) -> list[AttackResult]:
    """Put successes on the default scheme to the test.

    Parameters
    ----------
    first
        Results of an attack.
    second
        Those of the same attack with fresh keys. A result is compared with that of the same
        measure, target and place among the numbers of pairs.

    Returns
    -------
    list of AttackResult
        ``first``, the successes with the score of the second run, moved by the difference of the
        floors, since either run measures its own. One that the second run lacks stands as it is.
    """
    others = dict(_placed(second))
    return [
        replace(result, repeated=_above(result.floor, other))
        if to_repeat(result) and (other := others.get(place))
        else result
        for place, result in _placed(first)
    ]


@dataclass(frozen=True)
class Tally:
    """How many intervals on the default scheme lie off their floor, and how many would by chance.

    Parameters
    ----------
    results
        All whose score could be computed.
    once, twice
        Those off the floor in the first run, and in the repetition, too.
    expected
        Of ``results``, off the floor in the first run if nothing leaks.
    """

    results: int
    once: int
    twice: int
    expected: float


def tally(found: Iterable[Finding]) -> Tally:
    """Count the results on the default scheme."""
    judged = [
        result
        for finding in found
        for result in finding.results
        if role(result) == "default" and not math.isnan(result.score.low + result.floor)
    ]
    once = [result for result in judged if replace(result, repeated=None).verdict == "succeeds"]
    return Tally(
        results=len(judged),
        once=len(once),
        twice=sum(result.repeated is not None and result.verdict == "succeeds" for result in once),
        expected=sum((1 - LEVEL) / (1 if result.either_way else 2) for result in judged),
    )


def _placed(
    results: Iterable[AttackResult],
) -> Iterator[tuple[tuple[str, str, str, int], AttackResult]]:
    """Yield results by place within attack, measure and target: numbers of pairs may differ."""
    seen: Counter[tuple[str, str, str]] = Counter()
    for result in results:
        group = (result.attack, result.metric, result.target)
        yield (*group, seen[group]), result
        seen[group] += 1


def _above(floor: float, result: AttackResult) -> Interval:
    score, shift = result.score, floor - result.floor
    return Interval(score.value + shift, score.low + shift, score.high + shift)
