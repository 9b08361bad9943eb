"""What attacks found, in plain words: the first page of a report.

The headline and the statements below it judge by the same rule, that of `primis.attacks.verdicts`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from primis.attacks.record import LEVEL, AttackResult
from primis.attacks.verdicts import DOCUMENTED, Finding, broken, role, tally
from primis.report.attack_words import amount, default_of, listed, measure, plain, value
from primis.report.page import Statement

Document = Mapping[str, Any]

_WHOLE_SCHEME = "ambiguation 100 %"


@dataclass(frozen=True)
class Goal:
    """What attackers want.

    Parameters
    ----------
    verb
        What they try to do.
    objects
        By attack, as its results call it: what it would do it to.
    """

    verb: str
    objects: Mapping[str, str]


GOALS = (
    Goal(
        "recover",
        {
            "inversion": "anything of a picture",
            "decoding": "anything of a picture",
            "support": "which values of a code are true",
            "magnitude": "which values of a code are true",
            "support search": "which values of a code are true",
        },
    ),
    Goal("tell", {"attribute": "what disease a public file shows"}),
    Goal(
        "find",
        {
            "linkage": "two public files of one patient",
            "re-identification": "a patient's public file by another image of the patient",
            "verification": "the public file of a given image",
            "neighbours": "public files that are alike",
        },
    ),
    Goal(
        "tell",
        {
            "statistics": "public bytes from random ones",
            "compression": "public bytes from random ones",
        },
    ),
    Goal(
        "get",
        {
            "key search": "a key by search",
            "exhaustion": "a key by trying all",
            "wrong key": "anything by a wrong key",
            "same image twice": "anything from two files of one image",
            "keys of other images": "one image's key from another's",
            "lower key against upper levels": "above the level of a key",
            "grants joined": "more from several grants than each gives",
        },
    ),
    Goal(
        "learn anything from",
        {
            "sizes": "sizes of files",
            "header fields": "headers",
            "order of files": "order and dates of files",
            "names in files": "names in files",
            "time to fail": "times and errors",
            "time to refuse a key": "times and errors",
            "sealed grants": "sealed grants",
            "length of a grant": "lengths of grants",
            "leftovers": "what is left on disk and in messages",
        },
    ),
)
RUN_BY: Mapping[str, str] = {
    "support search": "search",
    "key search": "search",
    "wrong key": "wrong-keys",
    "same image twice": "reuse",
    "keys of other images": "reuse",
    "lower key against upper levels": "upward",
    "grants joined": "upward",
    "header fields": "header",
    "order of files": "folder",
    "names in files": "folder",
    "time to fail": "timing",
    "time to refuse a key": "timing",
    "sealed grants": "grants",
    "length of a grant": "grants",
}
"""Which entry of the list of attacks has these results; others are called as their entry."""


def headline(document: Document, found: Sequence[Finding]) -> str:
    """Say in one line what everybody without a key got."""
    judged = [finding for finding in found if default_of(finding)]
    if not judged:
        return "The default scheme was not attacked in this run, so that nothing follows for it."
    if lost := broken(found):
        return (
            f"The default scheme gave something away: {listed([f.attack for f in lost])}. "
            "Do not publish before it is mended."
        )
    closed = [finding for finding in judged if _outcome(finding) == "at the floor"]
    if not closed:
        return (
            f"Nothing follows from this run: of {len(judged)} measures of attacks on the default "
            "scheme none was conclusive."
        )
    left_out = len(document["left_out"])
    return (
        f"Of {len(judged)} measures of attacks on the default scheme {len(closed)} were "
        "conclusive, and in none of these did anybody without a key get more from a file than a "
        "guess without it." + (f" {left_out} of the attacks could not be run." if left_out else "")
    )


def findings(document: Document, found: Sequence[Finding]) -> list[Statement]:
    """Say what everybody without a key got, goal by goal; then what is known to leak."""
    ran = set(document["attacks"])
    known = {attack for goal in GOALS for attack in goal.objects}
    others = [f.attack for f in found if f.attack not in known and default_of(f)]
    statements = [
        statement
        for goal in (*GOALS, Goal("gain by", dict(zip(others, others, strict=True))))
        if (statement := _verdict(goal, found, ran))
    ]
    statements += [*_chance(found), *_documented(found), *_research(found)]
    return statements + [
        Statement("plain", f"Not attacked: {item['attack']}.", item["reason"])
        for item in document["left_out"]
    ]


def _outcome(finding: Finding) -> str:
    result = default_of(finding)
    return finding.outcome(result.target) if result else "not conclusive"


def _verdict(goal: Goal, found: Sequence[Finding], ran: set[str]) -> Statement | None:
    judged = [f for f in found if f.attack in goal.objects and default_of(f)]
    judged.sort(key=lambda finding: list(goal.objects).index(finding.attack))
    if not judged:
        return None
    lost = [finding for finding in judged if finding in broken(found)]
    open_ = [f for f in judged if f not in lost and _outcome(f) == "not conclusive"]
    closed = [finding for finding in judged if finding not in (*lost, *open_)]
    missing = [a for a in goal.objects if RUN_BY.get(a, a) not in ran and a not in _names(judged)]
    unknown = ""
    if open_:
        unknown += f" Not conclusive, since no weak target fell: {listed([*map(measure, open_)])}."
    if missing:
        unknown += f" Not tried: {listed(missing)}."
    if lost:
        return Statement(
            "bad",
            f"Without a key, attacks could {_does(goal, lost, 'and')}.",
            "; ".join(map(_against_default, lost)) + "." + unknown,
        )
    if not closed:
        return Statement(
            "fair",
            f"Not conclusive: {listed(_names(open_))}.",
            "These attacks found nothing, but were not seen to work on a weak target in this run."
            + (f" Not tried: {listed(missing)}." if missing else ""),
        )
    several = len(_names(closed)) > 1
    return Statement(
        "fair" if unknown else "good",
        f"Without a key, no attack could {_does(goal, closed, 'or')}.",
        f"Tried: {listed(_names(closed))}, {'each ' if several else ''}seen to work on a weak "
        f"target. For example, {_against_default(closed[0])}.{unknown}",
    )


def _does(goal: Goal, found: Sequence[Finding], last: str) -> str:
    return f"{goal.verb} {listed([goal.objects[finding.attack] for finding in found], last)}"


def _chance(found: Sequence[Finding]) -> Iterator[Statement]:
    """Say how many intervals are off the floor, and how many would be by chance alone."""
    counted = tally(found)
    if not counted.results:
        return
    again = [
        f"{measure(finding)}: {value(result)}, guess {amount(result.floor)}"
        for finding in found
        for result in finding.results
        if role(result) == "default" and result.repeated
    ]
    yield Statement(
        "plain",
        f"{counted.once} of {counted.results} intervals of attacks on the default scheme "
        f"{'lies' if counted.once == 1 else 'lie'} off the floor; by chance alone "
        f"{counted.expected:.1f} would be expected.",
        f"The intervals cover {100 * LEVEL:.0f} %; where patients are few, twice as many miss. An "
        "attack that succeeds is run again under fresh keys, and counts if it succeeds twice."
        + (f" Run again: {'; '.join(again)}." if again else ""),
    )


def _documented(found: Sequence[Finding]) -> Iterator[Statement]:
    leaks = [
        result
        for finding in found
        for result in map(finding.strongest, finding.targets)
        if role(result) == "documented" and finding.outcome(result.target) == "succeeds"
    ]
    if leaks:
        yield Statement(
            "fair",
            "As the threat model says, some things can be told: "
            + listed([leak.target.removeprefix(DOCUMENTED) for leak in leaks])
            + ".",
            "; ".join(
                f"{leak.attack} ({leak.metric}): {value(leak)}{_last_note(leak)}" for leak in leaks
            )
            + ".",
        )


def _research(found: Sequence[Finding]) -> Iterator[Statement]:
    """Say what leaks under the shipped research scheme."""
    judged = [finding for finding in found if _WHOLE_SCHEME in finding.targets]
    leaks = [
        finding.strongest(_WHOLE_SCHEME)
        for finding in judged
        if finding.outcome(_WHOLE_SCHEME) == "succeeds"
    ]
    if leaks:
        yield Statement(
            "fair",
            "The research scheme, ambiguation, leaks: do not use it for patients' images.",
            "; ".join(
                f"{leak.attack} ({leak.metric}): {value(leak)}, a guess {amount(leak.floor)}"
                for leak in leaks
            )
            + ".",
        )
    elif judged:
        yield Statement(
            "plain", "The research scheme, ambiguation, gave nothing away to these attacks."
        )


def _against_default(finding: Finding) -> str:
    result = default_of(finding)
    assert result is not None
    text = (
        f"{measure(finding)}: {value(result)} on the public file, where a guess gets "
        f"{amount(result.floor)}"
    )
    if finding.controls:
        shown = finding.strongest(finding.controls[0])
        text += f" and the weak target ({plain(shown.target)}) gives {amount(shown.score.value)}"
    return text


def _last_note(result: AttackResult) -> str:
    note = result.notes.rpartition("documented: ")[2].removeprefix("documented ")
    return f", {note}" if note else ""


def _names(found: Sequence[Finding]) -> list[str]:
    return list(dict.fromkeys(finding.attack for finding in found))
