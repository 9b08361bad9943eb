"""Texture in a report; see `primis.evaluate.texture` for the result."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from primis.report.figures import agreement, heatmap
from primis.report.page import (
    Block,
    Cell,
    Details,
    Figure,
    Gallery,
    Picture,
    Section,
    Statement,
    Table,
    interval,
    number,
)

Result = Mapping[str, Any]

TARGET = 0.95
_REFERENCES = {
    "JPEG 2000": "JPEG 2000 of as many bytes as level full",
    "noise": "originals that got one grey level of noise",
}
_WORDS = {
    "stat_mean": "mean grey value",
    "cm_contrast": "contrast (GLCM)",
    "rlm_sre": "short runs emphasis (GLRLM)",
    "szm_z_perc": "zone percentage (GLSZM)",
}


def findings(result: Result) -> list[Statement]:
    """Say how many features survive at each level, and at what grain."""
    shares = _shares(result, "levels")
    rest = ", ".join(f"{name} {_percent(share)}" for name, share in shares.items())
    grain = [
        f"{_percent(_shares(other, 'levels')['full'])} when both are reduced by {other['factor']}"
        for other in result["coarser"]
    ]
    compared = [
        f"{_percent(share)} with {_REFERENCES[name]}"
        for name, share in _shares(result, "references").items()
    ]
    return [
        Statement(
            "good" if shares["full"] >= TARGET else "fair",
            f"{_percent(shares['full'])} of the texture features agree at level full with those of "
            f"the originals{'; '.join(['', *grain])}.",
            f"Concordance above {result['threshold']:.2f}, {len(result['features'])} IBSI features "
            f"in {result['region']}; {result['dataset']}, {result['images']} images. "
            f"Pixel for pixel: {rest}. For comparison: {', '.join(compared)}.",
        )
    ]


def _shares(result: Result, kind: str) -> dict[str, float]:
    return {name: record["surviving"]["value"] for name, record in result[kind].items()}


def section(result: Result, _: Path) -> Section:
    """Lay out the features that survive, and agreement plots."""
    records = {**result["levels"], **result["references"]}
    levels = list(records)
    families = list(next(iter(records.values()))["families"])
    share = [
        [_share(records[level]["families"][family]) for level in levels] for family in families
    ]
    features = result["features"]
    concordances = [
        [_value(feature["levels"][level]["concordance"]) for level in levels]
        for feature in features
    ]
    blocks: list[Block] = [
        _survival(result),
        Figure(
            heatmap(
                share,
                rows=families,
                columns=levels,
                label="share that survives",
                form=".2f",
            ),
            alt="share of the features of each family that survive each level",
            caption=f"Share of each family whose concordance is above {result['threshold']:.2f}.",
        ),
        Gallery(
            [
                Picture(
                    f"{_WORDS.get(name, name)}: {level}",
                    agreement(
                        values["original"],
                        values[level],
                        quantity=_WORDS.get(name, name),
                        group=level,
                    ),
                )
                for name, values in result["agreement"].items()
                for level in ("full", "preview")
                if {"original", level} <= set(values)
            ],
            caption="Bland-Altman plots: a point per image. Solid: mean difference; dashed: 95 % "
            "limits of agreement.",
            width=360,
        ),
        Details(
            "Every feature",
            [
                Figure(
                    heatmap(
                        concordances,
                        rows=[feature["name"] for feature in features],
                        columns=levels,
                        label="concordance",
                    ),
                    alt="concordance of each feature at each level",
                ),
                Table(
                    ["feature", "family"]
                    + [f"{level}: {what}" for level in levels for what in ("CCC", "difference")],
                    [
                        [feature["name"], feature["family"]]
                        + [cell for level in levels for cell in _cells(feature["levels"][level])]
                        for feature in features
                    ],
                    caption="Concordance correlation (95 % interval) and median relative "
                    "difference to the original.",
                ),
            ],
        ),
    ]
    if result["excluded"]:
        blocks.append(
            Details(
                "Features left out",
                [Table(["feature", "reason"], list(result["excluded"].items()))],
            )
        )
    return Section(
        f"Texture: {result['dataset']}",
        blocks,
        lead=f"Radiomic features (IBSI) in {result['region']}: which can be measured on each level "
        f"as on the originals? {result['images']} images of {result['patients']} patients.",
    )


def _survival(result: Result) -> Table:
    """Tabulate the share of features that survive, of finer and of coarser grain."""
    coarser = result["coarser"]
    rows = [
        [
            _REFERENCES.get(level, level),
            _percents(record["surviving"]),
            *(_percents(other[kind][level]["surviving"]) for other in coarser),
            _percents(record["held_out"]) if record["held_out"] else number(None),
        ]
        for kind in ("levels", "references")
        for level, record in result[kind].items()
    ]
    return Table(
        [
            "level",
            "pixel for pixel",
            *(f"reduced by {other['factor']}" for other in coarser),
            "test patients",
        ],
        rows,
        caption="Features that survive. Reduced: original and level were both made smaller before "
        "they were measured, which leaves out the finest grain. Test patients: without the images "
        "that a model may have been fitted to.",
    )


def _cells(record: Result) -> list[str | Cell]:
    text = interval(record["concordance"], 3) if record["concordance"] else number(None)
    difference = record["relative_difference"]
    return [
        Cell(text, "good" if record["survives"] else "bad"),
        number(None if difference is None else 100 * difference, 1, sign=True) + " %",
    ]


def _share(family: Result) -> float:
    return float(family["surviving"] / family["features"]) if family["features"] else float("nan")


def _value(concordance: Result | None) -> float:
    value = concordance["value"] if concordance else None
    return float("nan") if value is None else float(value)


def _percent(value: float | None) -> str:
    return number(None if value is None else 100 * value, 0) + " %"


def _percents(record: Result) -> str:
    return f"{_percent(record['value'])} ({_percent(record['low'])} to {_percent(record['high'])})"
