"""What each code contributes, in a report; see `primis.evaluate.codes` for the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from primis.report.figures import embed, heatmap, lines
from primis.report.page import (
    Block,
    Details,
    Gallery,
    Picture,
    Section,
    Statement,
    Table,
    number,
)

Result = Mapping[str, Any]


def findings(result: Result) -> list[Statement]:
    """Codes are for engineers: nothing to say in the summary."""
    del result
    return []


def section(result: Result, folder: Path) -> Section:
    """Lay out the growth of quality, who holds what, and pictures of the codes."""
    rows = result["rows"]
    blocks: list[Block] = [
        Gallery(
            [
                Picture("Quality as the codes are added", _growth(rows)),
                Picture("What a bit buys", _worth(rows)),
            ],
            caption="Codes are added in the order of the file: the most significant plane first, "
            "and coarse scales first within a plane.",
            width=360,
        ),
        Gallery(
            [Picture(f"Level {level}", _carried(rows, level)) for level in rows[0]["carried"]],
            caption="Which part of each code the holder of a level has.",
            width=360,
        ),
    ]
    if "pictures" in result:
        blocks += [
            _gallery(result, folder, "together", "The picture as planes are added"),
            _gallery(result, folder, "alone", "Each plane alone, contrast stretched"),
            _gallery(result, folder, "scales", "Each scale alone, contrast stretched"),
        ]
    header = ["plane", "scale", "pixels a side", "coefficients", "non-zeros", "bits", "PSNR (dB)"]
    blocks.append(Details("All values", [Table([*header, "gain (dB)"], [_row(r) for r in rows])]))
    return Section(
        f"Codes: {result['dataset']}",
        blocks,
        lead="An image is a sum of sparse codes: bit-planes of several scales, with values 1, 0 "
        f"and minus 1. Means over {result['images']} test images at {result['rate']:g} bits per "
        "pixel.",
    )


def _growth(rows: Sequence[Result]) -> str:
    bits = np.cumsum([row["bits"] for row in rows]) / 8192
    planes = [row["plane"] for row in rows]
    ends = np.flatnonzero(np.diff([*planes, -1])).tolist()
    return lines(
        {"after each plane": (bits[ends], [rows[i]["psnr"] for i in ends])},
        x="KiB of codes",
        y="PSNR (dB)",
        log_x=True,
        ticks=(0.01, 0.1, 1, 10, 100),
        marker="o",
    )


def _worth(rows: Sequence[Result]) -> str:
    scales = sorted({row["scale"] for row in rows}, reverse=True)
    series = {}
    for scale in scales:
        of_scale = [row for row in rows if row["scale"] == scale and row["error_per_bit"] > 0]
        name = "smooth" if scale == scales[0] else f"{of_scale[0]['size']} px"
        series[name] = (
            [row["plane"] for row in of_scale],
            [np.log10(row["error_per_bit"]) for row in of_scale],
        )
    return lines(series, x="plane", y="log10 of squared error removed per bit")


def _carried(rows: Sequence[Result], level: str) -> str:
    planes = sorted({row["plane"] for row in rows}, reverse=True)
    scales = sorted({row["scale"] for row in rows}, reverse=True)
    matrix = np.full((len(planes), len(scales)), np.nan)
    for row in rows:
        matrix[planes.index(row["plane"]), scales.index(row["scale"])] = row["carried"][level]
    sizes = {row["scale"]: row["size"] for row in rows}
    return heatmap(
        matrix,
        rows=[f"plane {plane}" for plane in planes],
        columns=["smooth", *(f"{sizes[scale]} px" for scale in scales[1:])],
        label="share held",
        form=".2f",
    )


def _gallery(result: Result, folder: Path, kind: str, caption: str) -> Gallery:
    sizes = {str(row["scale"]): f"{row['size']} px" for row in result["rows"]}
    files = result["pictures"][kind]
    smooth = max(sizes, key=int)
    titles = {
        part: ("smooth" if part == smooth else sizes.get(part, part))
        if kind == "scales"
        else f"plane {part}"
        for part in files
    }
    return Gallery(
        [Picture(titles[part], embed(folder / file)) for part, file in files.items()],
        caption=caption,
        width=130,
    )


def _row(row: Result) -> list[str]:
    return [
        str(row["plane"]),
        str(row["scale"]),
        str(row["size"]),
        *(f"{row[name]:,.0f}" for name in ("coefficients", "nonzeros", "bits")),
        number(row["psnr"], 2),
        number(row["gain"], 3, sign=True),
    ]
