"""The audit: one page to sign, then the evidence, from the documents of a folder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from primis.attacks.verdicts import Finding
from primis.errors import InputError
from primis.files import read_bounded, write_atomically
from primis.report import attack_findings, attack_inside, attacks, evaluation, levels
from primis.report.attack_tables import default_table
from primis.report.page import (
    Block,
    Command,
    Facts,
    Page,
    Prose,
    Section,
    Statement,
    Statements,
    render,
)

AUDIT_REPORT, ATTACKS_REPORT = "audit.html", "attacks.html"

_ATTACKS = "attacks.json"
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
        html = render(page(attacked, evaluated, folder))
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


def page(attacked: Document, evaluated: Document | None, folder: Path) -> Page:
    """Lay out attacks, and an evaluation if there is one; `folder` holds the pictures."""
    data = attacked["dataset"]
    found = attacks.results(attacked)
    sections = _summary(attacked, evaluated, found)
    if by_level := levels.section(evaluated, found, side=attacked["settings"]["side"]):
        sections.append(by_level)
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


def _summary(
    attacked: Document, evaluated: Document | None, found: Sequence[Finding]
) -> list[Section]:
    """Lay out the first page: in plain words, and to be signed."""
    parts = []
    if evaluated:
        kept = Section(
            "What authorised users keep",
            [Statements(evaluation.findings(evaluated))],
            lead="Numbers in brackets are 95 % intervals over patients.",
        )
        parts.append(kept)
    if beyond := attack_inside.findings(found):
        parts.append(
            Section(
                "What key holders can find out",
                [Statements(beyond)],
                lead="Encryption keeps others out. Whoever holds a key can use what he sees for "
                "another purpose than it was given for, and pass it on.",
            )
        )
    public = Section(
        "What everybody else gets",
        [
            Statements([*attack_findings.findings(attacked, found), *_caveats(attacked)]),
            default_table(found),
            Prose(
                [
                    "An attack counts only if it was seen to work in this very run: on codes that "
                    "are not hidden, on noise that sticks out, or on a defect planted for it. What "
                    "no attack here finds may still be found by another; that nothing can be found "
                    "without a key rests on AES-256."
                ]
            ),
        ],
        lead=attack_findings.headline(attacked, found),
    )
    if not evaluated:
        return [public, *parts]
    return [*parts, public, Section("Read and accepted", [Facts(dict.fromkeys(_TO_SIGN, ""))])]


def _caveats(attacked: Document) -> Iterator[Statement]:
    if attacked["settings"]["quick"]:
        yield Statement(
            "fair",
            "This is a quick run: a first impression, not evidence.",
            "Few images, reduced in size, and small networks. Intervals are wide.",
        )


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
