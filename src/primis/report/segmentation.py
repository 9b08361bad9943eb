"""Segmentation in a report; see `primis.evaluate.segmentation` for the result."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from primis.errors import InputError
from primis.images import read_image
from primis.report.figures import OUTLINES, Bar, agreement, intervals, picture
from primis.report.page import (
    Block,
    Cell,
    Details,
    Gallery,
    Picture,
    Section,
    Statement,
    Table,
    interval,
    number,
)
from primis.report.wording import compared

Result = Mapping[str, Any]

TARGET = 0.005
_SEEN = ("original", "full", "diagnostic", "preview", "public")
_MEASURES = {
    "dice": ("Dice", 3),
    "hausdorff95": ("Hausdorff 95 %, % of diagonal", 2),
    "hausdorff": ("Hausdorff, % of diagonal", 2),
}


def findings(result: Result) -> list[Statement]:
    """Say for each structure what full loses and what the public file gives."""
    statements = []
    for structure in result["structures"]:
        full = _score(result, "original", "full", structure)
        original = _score(result, "original", "original", structure)
        if full is None or original is None:
            continue
        floor = _score(result, "mean mask", "nothing", structure)
        if floor and original["mean"]["value"] <= floor["mean"]["value"]:
            statements.append(
                Statement(
                    "fair",
                    f"A network has not learnt to outline {structure}, so that nothing follows for "
                    "the levels.",
                    f"Dice on originals {interval(original['mean'])}; the mean mask of other "
                    f"patients reaches {number(floor['mean']['value'])}.",
                )
            )
            continue
        loss = full["difference"]
        tone, verdict = compared(loss, TARGET)
        preview = _score(result, "original", "preview", structure)
        statements.append(
            Statement(
                tone,
                f"A network outlines {structure} {verdict} on level full as on the originals.",
                f"Dice {number(full['mean']['value'])} against "
                f"{number(original['mean']['value'])}; difference {interval(loss, 4, sign=True)}, "
                f"to be at least {number(-TARGET)}. "
                + (f"On previews {number(preview['mean']['value'])}. " if preview else "")
                + f"{result['dataset']}, {full['images']} images.",
            )
        )
    return [*statements, _public(result)]


def _public(result: Result) -> Statement:
    """Say whether a network does better on the public file than who draws the mean mask."""
    beaten = [record["structure"] for record in result["floor"] if record["beats"]]
    learnt = {record["structure"] for record in result["control"] if record["beats"]}
    records = [record for record in result["floor"] if record["structure"] in {*learnt, *beaten}]
    detail = "Dice less that of the mean mask: " + ", ".join(
        f"{record['structure']} {interval(record['difference'], 3, sign=True)} (trained on "
        f"{record['trained_on']})"
        for record in records
    )
    if beaten:
        helps = f"The public file helps to outline {', '.join(dict.fromkeys(beaten))}."
        return Statement("bad", helps, detail)
    if not records:
        return Statement(
            "fair", "No network outlines originals well enough to tell what a public file gives."
        )
    return Statement(
        "good",
        "The public file helps no network to outline anything: it does no better than the mean "
        "mask, drawn without seeing the image.",
        f"{detail}. On originals the same networks do better than that mask.",
    )


def section(result: Result, folder: Path) -> Section:
    """Lay out scores, examples and agreement."""
    blocks: list[Block] = [
        Gallery(
            [Picture(structure, _bars(result, structure)) for structure in result["structures"]],
            caption="Dice coefficient of networks trained on originals; dashed: the mean mask of "
            "the training images.",
            width=360,
        ),
        _table(result, trained_on=("original", "mean mask"), measures=("dice", "hausdorff95")),
        *_examples(result, folder),
        Gallery(
            [
                Picture(structure, _agreement(values))
                for structure, values in result["values"].items()
                if len(_pairs(values)[0]) > 1
            ],
            caption="Bland-Altman plots of Dice, level full against originals: a point per image.",
            width=360,
        ),
        Details("All scores", [_table(result)]),
    ]
    if result["absent"]:
        blocks.append(
            Details(
                "Found where there is none",
                [
                    Table(
                        ["structure", "trained on", "tested on", "images without it", "found"],
                        [
                            [
                                record["structure"],
                                record["trained_on"],
                                record["tested_on"],
                                str(record["images"]),
                                number(record["found"], 1),
                            ]
                            for record in result["absent"]
                        ],
                    )
                ],
            )
        )
    folds = result["protocol"]["folds"]
    tested = f"{folds} folds of patients" if folds else "the splits of the data set"
    return Section(
        f"Segmentation: {result['dataset']}",
        blocks,
        lead=f"U-Nets outline {', '.join(result['structures'])} in {result['images']} images of "
        f"{result['patients']} patients; tested by {tested} ({result['protocol']['reason']}).",
    )


def _score(
    result: Result, trained_on: str, tested_on: str, structure: str, measure: str = "dice"
) -> Result | None:
    wanted = (trained_on, tested_on, structure, measure)
    for record in result["scores"]:
        found = tuple(record[k] for k in ("trained_on", "tested_on", "structure", "measure"))
        if found == wanted and record["mean"] and record["mean"]["value"] is not None:
            return dict(record)
    return None


def _bars(result: Result, structure: str) -> str:
    scores = {seen: _score(result, "original", seen, structure) for seen in _SEEN}
    floor = _score(result, "mean mask", "nothing", structure)
    return intervals(
        [
            Bar(seen, *(score["mean"][end] for end in ("value", "low", "high")))
            for seen, score in scores.items()
            if score
        ],
        x="Dice",
        references={"mean mask": floor["mean"]["value"]} if floor else None,
        limits=(0, 1),
    )


def _pairs(values: Mapping[str, Sequence[float | None]]) -> tuple[list[float], list[float]]:
    """Dice of originals and of level full, of the images where both are known."""
    both = zip(values.get("original", ()), values.get("full", ()), strict=False)
    known = [(a, b) for a, b in both if a is not None and b is not None]
    return [a for a, _ in known], [b for _, b in known]


def _agreement(values: Mapping[str, Sequence[float | None]]) -> str:
    return agreement(*_pairs(values), quantity="Dice", group="full")


def _examples(result: Result, folder: Path) -> list[Gallery]:
    colours = ", ".join(
        f"{structure} {colour}"
        for structure, colour in zip(result["structures"], OUTLINES, strict=False)
    )
    galleries = []
    for example, caption in zip(result["examples"], _CAPTIONS, strict=False):
        pictures, outlines = example["pictures"], example["outlines"]
        truth = picture(_read(folder / pictures["original"]), _read(folder / example["reference"]))
        shown = [Picture("by the reference", truth)]
        for seen in pictures:
            outlined = picture(_read(folder / pictures[seen]), _read(folder / outlines[seen]))
            scores = [
                number(value, 2) for value in example["dice"][seen].values() if value is not None
            ]
            shown.append(Picture(f"on {seen}", outlined, f"Dice {', '.join(scores)}"))
        galleries.append(Gallery(shown, caption=f"{caption} {colours}.", width=140))
    return galleries


_CAPTIONS = (
    "An image on which networks do badly (10th percentile of Dice on originals).",
    "An ordinary one (median).",
    "One on which they do well (90th percentile).",
)


def _read(path: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    try:
        return np.asarray(read_image(path).pixels, np.uint8)
    except InputError as error:
        raise InputError(f"the report needs {path}", hint="run the evaluation again") from error


def _table(
    result: Result,
    *,
    trained_on: Collection[str] = (),
    measures: Collection[str] = tuple(_MEASURES),
) -> Table:
    """Tabulate scores; of networks trained on anything, if nothing is named."""
    rows = []
    for record in result["scores"]:
        if record["measure"] not in measures:
            continue
        if trained_on and record["trained_on"] not in trained_on:
            continue
        title, digits = _MEASURES[record["measure"]]
        difference, held_out = record["difference"], record["held_out"]
        rows.append(
            [
                record["structure"],
                title,
                record["trained_on"],
                record["tested_on"],
                interval(record["mean"], digits) if record["mean"] else number(None),
                Cell(interval(difference, digits + 1, sign=True) if difference else number(None)),
                interval(held_out, digits + 1, sign=True) if held_out else number(None),
                str(record["images"]),
            ]
        )
    header = ["structure", "measure", "trained on", "tested on", "mean", "minus originals"]
    return Table(
        [*header, "the same, test split", "images"],
        rows,
        caption="Minus originals: the score less that of networks trained and tested on originals, "
        "image by image. Test split: without images that a codec was fitted to.",
    )
