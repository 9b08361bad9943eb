"""The report of an evaluation: what each level keeps, from `evaluation.json` and its pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from primis.errors import InputError
from primis.files import read_bounded, write_atomically
from primis.report import classification, codes, fidelity, segmentation, texture
from primis.report.figures import embed
from primis.report.page import (
    Command,
    Facts,
    Gallery,
    Page,
    Picture,
    Prose,
    Section,
    Statement,
    Statements,
    number,
    render,
)

DOCUMENT, REPORT = "evaluation.json", "report.html"

_PARTS: Mapping[str, ModuleType] = {
    "fidelity": fidelity,
    "classification": classification,
    "segmentation": segmentation,
    "texture": texture,
    "codes": codes,
}
_MAX_DOCUMENT_BYTES = 1 << 28


def write_report(folder: Path) -> Path:
    """Write the report of an evaluation beside its document.

    Parameters
    ----------
    folder
        Of the evaluation.

    Returns
    -------
    Path
        Of the report.

    Raises
    ------
    InputError
        If there is no readable document.
    UsageError
        If a picture or a package is missing.
    """
    path = folder / DOCUMENT
    try:
        document = json.loads(read_bounded(path, _MAX_DOCUMENT_BYTES))
        html = render(page(document, folder))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is not an evaluation", hint="run primis evaluate again"
        ) from error
    write_atomically(folder / REPORT, html.encode(), overwrite=True)
    return folder / REPORT


def findings(document: Mapping[str, Any]) -> list[Statement]:
    """Say in plain words what an evaluation found, part by part."""
    return [
        statement
        for part, module in _PARTS.items()
        for result in document["parts"].get(part, ())
        for statement in module.findings(result)
    ]


def sections(document: Mapping[str, Any], folder: Path) -> list[Section]:
    """Lay out the pictures of an evaluation and every result; `folder` holds the pictures."""
    pictures = [_pictures(document["pictures"], folder)] if document["pictures"] else []
    return pictures + [
        module.section(result, folder)
        for part, module in _PARTS.items()
        for result in document["parts"].get(part, ())
    ]


def provenance(document: Mapping[str, Any]) -> Section:
    """Say how a document was made: command, data, environment."""
    facts = {
        f"data set {data['name']}": ", ".join(
            f"{data['images'][split]} images of {data['patients'][split]} patients in {split}"
            for split in data["images"]
        )
        for data in document["datasets"]
    }
    facts["rate"] = f"{document['settings']['rate']:g} bits per pixel of a public file"
    facts |= {name: plain(value) for name, value in document["environment"].items()}
    blocks = [Command(command) for command in document["commands"] if command]
    return Section("How this was made", [*blocks, Facts(facts)])


def page(document: Mapping[str, Any], folder: Path) -> Page:
    """Lay out an evaluation; `folder` holds the pictures."""
    names = ", ".join(data["name"] for data in document["datasets"])
    left_out = [
        Statement("plain", f"Not measured: {item['part']} on {item['dataset']}.", item["reason"])
        for item in document["left_out"]
    ]
    if document["settings"]["quick"]:
        left_out.append(
            Statement(
                "fair",
                "This is a quick run: a first impression, not evidence.",
                "Few images, reduced in size, and small networks. Intervals are wide.",
            )
        )
    summary = Section(
        "Summary",
        [
            Statements([*findings(document), *left_out]),
            Prose(
                [
                    "Numbers in brackets are 95 % confidence intervals; they come from drawing "
                    "patients, with all their images, again and again. Networks are tested on "
                    "patients whom they were not trained on.",
                    "The reconstructed pictures have not been assessed for diagnosis by "
                    "radiologists. primis is not a medical device.",
                ]
            ),
        ],
        lead="What the holders of each level keep of the images, and what is there without a key.",
    )
    return Page(
        title="What each level keeps",
        lead=f"Evaluation of primis on {names}. An image is published as one file that looks like "
        "noise; whoever gets a key sees it at the level of that key: preview, diagnostic or full.",
        sections=[summary, *sections(document, folder), provenance(document)],
    )


def _pictures(pictures: list[dict[str, Any]], folder: Path) -> Section:
    blocks = []
    for shown in pictures:
        blocks += [
            Gallery(
                [
                    Picture(_title(name), embed(folder / one["file"]), _note(one))
                    for name, one in shown["renditions"].items()
                ],
                width=150,
            ),
            Gallery(
                [
                    Picture(_title(name), embed(folder / one["file"]), _note(one))
                    for name, one in shown["crops"].items()
                ],
                caption="A part of the same image through other codecs, each with at most the "
                "bytes of level full. The dB are those of the whole image.",
                width=140,
            ),
        ]
    return Section(
        "Pictures",
        blocks,
        lead="An image as the holder of each level sees it, and the public file as a picture, "
        "which is all that others can make of it.",
    )


def _title(name: str) -> str:
    return "no key: the public file" if name == "public" else name


def _note(one: Mapping[str, Any]) -> str:
    if one["bytes"] is None:
        return ""
    return f"{one['bytes']:,} bytes, {number(one['psnr'], 1)} dB"


def plain(value: Any) -> str:
    """Format a value of the environment."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {item}" for name, item in value.items())
    return str(value)
