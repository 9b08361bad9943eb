"""The audit: one page to sign, then the evidence, from the documents of a folder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from primis.attacks.verdicts import broken
from primis.errors import InputError
from primis.files import read_bounded, write_atomically
from primis.report import attacks, evaluation
from primis.report.page import (
    Block,
    Cell,
    Command,
    Details,
    Facts,
    Page,
    Prose,
    Section,
    Statement,
    Statements,
    Table,
    number,
    render,
)

AUDIT_REPORT, ATTACKS_REPORT = "audit.html", "attacks.html"

_ATTACKS = "attacks.json"
_LEVELS = ("original", "full", "diagnostic", "preview", "public")
_TO_SIGN = (
    "Data set and purpose",
    "Levels handed out, and to whom",
    "Name and office",
    "Date and signature",
)
_MAX_DOCUMENT_BYTES = 1 << 28
Document = Mapping[str, Any]


def write_report(folder: Path, name: str) -> Path:
    """Write the report of what a folder holds.

    Parameters
    ----------
    folder
        Of the audit or the attacks.
    name
        `AUDIT_REPORT`, for which an evaluation must be there as well, or `ATTACKS_REPORT`.

    Returns
    -------
    Path
        Of the report.

    Raises
    ------
    InputError
        If a document is missing or not readable.
    UsageError
        If a picture or a package is missing.
    """
    evaluated = _read(folder / evaluation.DOCUMENT) if name == AUDIT_REPORT else None
    attacked = _read(folder / _ATTACKS)
    try:
        html = render(_page(attacked, evaluated, folder))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{folder} holds no audit that this release reads") from error
    write_atomically(folder / name, html.encode(), overwrite=True)
    return folder / name


def _read(path: Path) -> Document:
    try:
        document = json.loads(read_bounded(path, _MAX_DOCUMENT_BYTES))
    except ValueError as error:
        raise InputError(f"{path} is not a document of primis") from error
    if not isinstance(document, dict):
        raise InputError(f"{path} is not a document of primis")
    return document


def _page(attacked: Document, evaluated: Document | None, folder: Path) -> Page:
    data = attacked["dataset"]
    sections = _summary(attacked, evaluated)
    if matrix := _levels(attacked, evaluated):
        sections.append(matrix)
    sections += attacks.sections(attacked, folder)
    if evaluated:
        sections += evaluation.sections(evaluated, folder)
    return Page(
        title="Privacy audit" if evaluated else "What everybody else gets",
        lead=f"primis on {data['name']}: {data['images']:,} images of {data['patients']:,} "
        "patients. Each image is published as a file that anyone may store; keys open it at graded "
        "levels.",
        sections=[*sections, _provenance(attacked, evaluated)],
    )


def _summary(attacked: Document, evaluated: Document | None) -> list[Section]:
    """Lay out the first page: in plain words, and to be signed."""
    public = Section(
        "What everybody else gets",
        [
            Statements([*attacks.findings(attacked), *_caveats(attacked)]),
            Details(
                "What each attack got from the default, and what it was seen to work on",
                [attacks.default_table(attacks.results(attacked))],
            ),
            Prose(
                [
                    "An attack counts only if it was seen to work in this very run: on codes that "
                    "are not hidden, on noise that sticks out, or on a defect planted for it. What "
                    "no attack here finds may still be found by another; that nothing can be found "
                    "without a key rests on AES-256. Whoever holds a key can pass on what he sees."
                ]
            ),
        ],
        lead=_in_one_line(attacked),
    )
    if not evaluated:
        return [public]
    kept = Section(
        "What authorised users keep",
        [Statements(evaluation.findings(evaluated))],
        lead="Numbers in brackets are 95 % intervals over patients.",
    )
    return [kept, public, Section("Read and accepted", [Facts(dict.fromkeys(_TO_SIGN, ""))])]


def _in_one_line(attacked: Document) -> str:
    found = attacks.results(attacked)
    if lost := broken(found):
        names = ", ".join(dict.fromkeys(finding.attack for finding in lost))
        return (
            f"The default scheme gave something away: {names}. Do not publish before it is mended."
        )
    return (
        "Without a key, no attack got more from a file published in the default way than a guess "
        "without the file."
    )


def _caveats(attacked: Document) -> Iterator[Statement]:
    if attacked["settings"]["quick"]:
        yield Statement(
            "fair",
            "This is a quick run: a first impression, not evidence.",
            "Few images, reduced in size, and small networks. Intervals are wide.",
        )


def _levels(attacked: Document, evaluated: Document | None) -> Section | None:
    rows = [
        *(_tasks(evaluated) if evaluated else ()),
        *attacks.inside_rows(attacks.results(attacked)),
    ]
    if not rows:
        return None
    return Section(
        "Which level for which purpose",
        [
            Table(
                ["what can be done", *_LEVELS[:-1], "no key"],
                rows,
                caption="Above: what authorised users want to do, by network or measure. Below: "
                "what a key holder could find out beyond his purpose. Hand out the lowest level "
                "that serves the purpose.",
            )
        ],
        lead="The same question asked of each level.",
    )


def _tasks(evaluated: Document) -> Iterator[list[str | Cell]]:
    """Yield rows of the tasks of an evaluation, by level."""
    parts = evaluated["parts"]
    for result in parts.get("fidelity", ()):
        rate = next(iter(result["rates"])) if len(result["rates"]) == 1 else "medium"
        rows = [row for row in result["rows"] if row["rate"] == rate and row["codec"] == "primis"]
        yield _row(
            "closeness to the original, PSNR (dB)", {r["rendition"]: r["psnr"] for r in rows}, 1
        )
    for result in parts.get("classification", ()):
        scores = {
            score["tested_on"]: score["auc"]
            for score in result["scores"]
            if score["input"] == "pixels" and score["trained_on"] == "original"
        }
        yield _row(f"diagnosis: {result['title']}, AUC", scores)
    for result in parts.get("segmentation", ()):
        for structure in result["structures"]:
            scores = {
                score["tested_on"]: score["mean"]
                for score in result["scores"]
                if score["structure"] == structure and score["trained_on"] == "original"
            }
            yield _row(f"outline of {structure}, Dice", scores)
    for result in parts.get("texture", ()):
        shares = {level: record["surviving"] for level, record in result["levels"].items()}
        yield _row("texture features that agree, share", shares)


def _row(title: str, scores: Mapping[str, Any], digits: int = 3) -> list[str | Cell]:
    return [
        title,
        *(number(scores[level]["value"] if level in scores else None, digits) for level in _LEVELS),
    ]


def _provenance(attacked: Document, evaluated: Document | None) -> Section:
    data, settings = attacked["dataset"], attacked["settings"]
    facts = {
        "data set": f"{data['name']}, {data['images']} images of {data['patients']} patients",
        "attacked at": f"{settings['side']} pixels a side, {settings['rate']:g} bits per pixel; "
        f"inside view at full size, {settings['full_rate']:g} bits per pixel",
        "networks": f"width {settings['width']}, {settings['epochs']} epochs, "
        f"seed {settings['seed']}",
    } | {name: evaluation.plain(value) for name, value in attacked["environment"].items()}
    blocks: list[Block] = [Command(attacked["command"])] if attacked["command"] else []
    if evaluated:
        return Section(
            "How this was made",
            [*blocks, Facts(facts), *evaluation.provenance(evaluated).blocks[-1:]],
        )
    return Section("How this was made", [*blocks, Facts(facts)])
