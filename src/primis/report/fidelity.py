"""Fidelity in a report; see `primis.evaluate.fidelity` for the result."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from primis.report.figures import lines
from primis.report.page import (
    Cell,
    Details,
    Gallery,
    Picture,
    Section,
    Statement,
    Table,
    Tone,
    interval,
    number,
)

Result = Mapping[str, Any]

LEVELS = ("preview", "diagnostic", "full")
_METRICS = {"psnr": ("PSNR (dB)", 2), "ssim": ("SSIM", 4), "ms_ssim": ("MS-SSIM", 4)}


def findings(result: Result) -> list[Statement]:
    """Say how close the pictures are, how others do with the bytes, and what is public."""
    rate = _typical_rate(result)
    by_place = {
        (row["rendition"], row["codec"]): row for row in result["rows"] if row["rate"] == rate
    }
    errors = {level: _grey_levels(by_place[level, "primis"]["psnr"]["value"]) for level in LEVELS}
    public, nothing = by_place["public", "primis"], by_place["public", "uniform grey"]
    hidden = public["psnr"]["low"] <= nothing["psnr"]["value"]
    return [
        Statement(
            "plain",
            f"Pictures at level full differ from the originals by {errors['full']:.1f} of 255 "
            f"grey levels, diagnostic by {errors['diagnostic']:.1f}, "
            f"preview by {errors['preview']:.1f}.",
            f"Root mean square, at {result['rates'][rate]:g} bits per pixel; "
            f"{result['images']} images of {result['patients']} patients.",
        ),
        _comparison(result, rate),
        Statement(
            "good" if hidden else "bad",
            "Read as a picture without a key, the public file is no closer to the original than "
            "plain grey."
            if hidden
            else "Read as a picture without a key, the public file is closer to the original than "
            "plain grey.",
            f"{interval(public['psnr'], 1)} dB against {interval(nothing['psnr'], 1)} dB.",
        ),
    ]


def section(result: Result, _: Path) -> Section:
    """Lay out curves and tables."""
    codecs = list(dict.fromkeys(row["codec"] for row in result["rows"]))[:-1]
    plots = [
        Picture(title, _curves(result, codecs, metric, title))
        for metric, (title, _) in _METRICS.items()
        if metric != "ssim"
    ]
    rows = [
        [
            row["rate"],
            row["rendition"],
            row["codec"],
            number(row["bits_per_pixel"], 4),
            *(_interval(row[metric], digits) for metric, (_, digits) in _METRICS.items()),
        ]
        for row in result["rows"]
    ]
    return Section(
        f"Fidelity: {result['dataset']}",
        [
            Gallery(
                plots,
                caption="Every point is a level at a rate; solid lines: the levels of primis. All "
                "bytes count: for primis the public file, without what the level does not need, "
                "and the 32-byte key; for the others the whole file. A codec is missing where it "
                "cannot make files so small.",
                width=360,
            ),
            _differences(result),
            Details(
                "All values",
                [
                    Table(
                        ["rate", "seen", "codec", "bits per pixel"]
                        + [title for title, _ in _METRICS.values()],
                        rows,
                    )
                ],
            ),
            Details(
                "The other codecs",
                [Table(["codec", "version and settings"], list(result["recipes"].items()))],
            ),
        ],
        lead=f"How close each level comes to the original, and how close other codecs come with "
        f"equally many bytes: {result['images']} test images of {result['patients']} patients.",
    )


def _curves(result: Result, codecs: list[str], metric: str, title: str) -> str:
    series = {}
    for codec in codecs:
        for level in LEVELS if codec == "primis" else ("",):
            points = sorted(
                (row["bits_per_pixel"], row[metric]["value"])
                for row in result["rows"]
                if row["codec"] == codec
                and row["rendition"] in ((level,) if level else LEVELS)
                and row[metric]
            )
            if points:
                name = level or codec
                series[name] = ([x for x, _ in points], [y for _, y in points])
    return lines(
        series,
        x="bits per pixel, everything counted",
        y=title,
        log_x=True,
        marker="o",
        ticks=(0.02, 0.05, 0.1, 0.2, 0.5),
        dashed=[codec for codec in codecs if codec != "primis"],
    )


def _differences(result: Result) -> Table:
    rows = [
        [
            f"{record['rate']}, {record['rendition']}",
            record["peer"],
            _signed(record["psnr"], 2),
            _signed(record["ms_ssim"], 4),
        ]
        for record in result["differences"]
        if record["psnr"]
    ]
    return Table(
        ["rate, level", "against", "PSNR (dB)", "MS-SSIM"],
        rows,
        caption="primis minus the other codec at equal bytes, image by image: positive where "
        "primis is better.",
    )


def _comparison(result: Result, rate: str) -> Statement:
    """Sum up the comparison at level full."""
    differences = {
        record["peer"]: record["psnr"]
        for record in result["differences"]
        if (record["rate"], record["rendition"]) == (rate, "full") and record["psnr"]
    }
    words = {"better than": [], "as good as": [], "worse than": []}  # type: dict[str, list[str]]
    for peer, difference in differences.items():
        words[_verdict(difference)].append(peer)
    text = "; ".join(f"{word} {_join(peers)}" for word, peers in words.items() if peers)
    tone: Tone = "fair" if words["worse than"] else "good"
    detail = ", ".join(f"{peer} {_text(d, 2)} dB" for peer, d in differences.items())
    return Statement(tone, f"At equal bytes, level full is {text}.", f"PSNR against {detail}.")


def _verdict(difference: Mapping[str, float]) -> str:
    if difference["low"] > 0:
        return "better than"
    return "worse than" if difference["high"] < 0 else "as good as"


def _signed(record: Mapping[str, float] | None, digits: int) -> Cell:
    tones: dict[str, Tone] = {"better than": "good", "as good as": "plain", "worse than": "bad"}
    if record is None:
        return Cell(number(None))
    return Cell(_text(record, digits), tones[_verdict(record)])


def _text(record: Mapping[str, float], digits: int) -> str:
    return interval(record, digits, sign=True)


def _interval(record: Mapping[str, float] | None, digits: int) -> str:
    return interval(record, digits) if record else number(None)


def _grey_levels(decibels: float) -> float:
    return float(255 / 10 ** (decibels / 20))


def _typical_rate(result: Result) -> str:
    return "medium" if "medium" in result["rates"] else next(iter(result["rates"]))


def _join(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
