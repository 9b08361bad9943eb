"""Segmentation in a report; see `primis.evaluate.segmentation` for the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        kept = loss["value"] >= -TARGET
        statements.append(
            Statement(
                "good" if kept else "fair",
                f"A network outlines {structure} on level full "
                + ("as on the originals." if kept else "less well than on the originals."),
                f"Dice {number(full['mean']['value'])} against "
                f"{number(original['mean']['value'])}; difference {interval(loss, 4, sign=True)}; "
                f"{result['dataset']}, {full['images']} images.",
            )
        )
    beaten = [record["structure"] for record in result["floor"] if record["beats"]]
    statements.append(
        Statement(
            "bad" if beaten else "good",
            f"The public file helps to outline {', '.join(dict.fromkeys(beaten))}."
            if beaten
            else "The public file helps no network to outline anything: it does no better than the "
            "mean mask, drawn without seeing the image.",
        )
    )
    return statements


def section(result: Result, folder: Path) -> Section:
    """Lay out scores, examples and agreement."""
    blocks: list[Block] = [
        Gallery(
            [Picture(structure, _bars(result, structure)) for structure in result["structures"]],
            caption="Dice coefficient of networks trained on originals; dashed: the mean mask of "
            "the training images.",
            width=360,
        ),
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


def _table(result: Result) -> Table:
    rows = []
    for record in result["scores"]:
        if record["measure"] not in _MEASURES:
            continue
        title, digits = _MEASURES[record["measure"]]
        difference = record["difference"]
        rows.append(
            [
                record["structure"],
                title,
                record["trained_on"],
                record["tested_on"],
                interval(record["mean"], digits) if record["mean"] else number(None),
                Cell(interval(difference, digits + 1, sign=True) if difference else number(None)),
                str(record["images"]),
            ]
        )
    header = ["structure", "measure", "trained on", "tested on", "mean", "minus originals"]
    return Table([*header, "images"], rows)
