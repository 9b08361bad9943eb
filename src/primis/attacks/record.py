"""What an attack reports, in the same words for every attack."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeAlias

from primis.study.statistics import Interval

Kind: TypeAlias = Literal["supervised", "unsupervised", "side channel", "inside view"]

LEVEL = 0.99
"""Confidence level of the intervals: dozens of attacks are judged, at 95 % one in forty of those
that find nothing would still be called a success."""


@dataclass(frozen=True)
class AttackResult:
    """What one attack got from one target.

    Parameters
    ----------
    attack
        Name, as the registry has it.
    kind
        What the attacker works with.
    target
        Name of the target (`primis.attacks.targets`) or, in the inside view, of the level.
    metric
        Name and unit of the score; larger is better for the attacker.
    score
        With its interval at confidence `LEVEL`, by bootstrap over patients.
    floor
        What the best guess without the file scores: a known answer, or measured on the same
        images.
    ceiling
        What full access scores; None where there is no such thing.
    knowledge
        What the attacker knows, in one sentence.
    pairs
        Number of known pairs of image and public file he learns from; None if he does not learn.
    notes
        Anything a reader must know to judge the result.
    either_way
        Whether a score below the floor tells as much as one above it: who can tell the reverse
        need only turn his guess around.
    repeated
        Score of a second run with fresh keys, where the first succeeded and was put to the test.
    """

    attack: str
    kind: Kind
    target: str
    metric: str
    score: Interval
    floor: float
    ceiling: float | None
    knowledge: str
    pairs: int | None
    notes: str = ""
    either_way: bool = False
    repeated: Interval | None = None

    @property
    def verdict(self) -> Literal["succeeds", "at the floor"]:
        """``succeeds`` if all of the interval, and of the repeated one, is off the floor.

        Off the floor is above it or, for scores that tell either way, on one side of it: the same
        for both runs.
        """
        runs = [self.score, *filter(None, [self.repeated])]
        above = all(run.low > self.floor for run in runs)
        below = self.either_way and all(run.high < self.floor for run in runs)
        return "succeeds" if above or below else "at the floor"

    def to_json(self) -> dict[str, Any]:
        """Return all fields and the verdict, ready for JSON."""
        return {**asdict(self), "verdict": self.verdict}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> AttackResult:
        """Return what `to_json` wrote."""
        given = {name: value for name, value in fields.items() if name != "verdict"}
        given["floor"] = _number(given["floor"])
        given["score"] = _interval(given["score"])
        if given.get("repeated") is not None:
            given["repeated"] = _interval(given["repeated"])
        return cls(**given)


def with_ceilings(results: list[AttackResult], clear: str) -> list[AttackResult]:
    """Fill in missing ceilings: what the attack, with as many pairs, got from target ``clear``."""
    best = {
        (result.metric, result.pairs): result.score.value
        for result in results
        if result.target == clear
    }
    return [
        replace(result, ceiling=best.get((result.metric, result.pairs)))
        if result.ceiling is None
        else result
        for result in results
    ]


def _interval(ends: Mapping[str, float | None]) -> Interval:
    return Interval(**{end: _number(at) for end, at in ends.items()})


def _number(value: float | None) -> float:
    """Return what JSON, which has no NaN, had instead."""
    return math.nan if value is None else value
