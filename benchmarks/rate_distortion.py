"""Quality against bytes: primis and its peers on the same images.

`python -m benchmarks.rate_distortion --data DIR` prints Markdown tables; `--json` and `--figures`
keep the numbers and draw them.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from benchmarks.command import exit_code, split_parser
from benchmarks.images import Sample, read_split
from benchmarks.measure import Measurement, PeerCache, measure
from benchmarks.summary import (
    Curve,
    Point,
    RateDifference,
    in_age_files,
    mean_points,
    rate_difference,
)
from primis.evaluate import psnr
from primis.evaluate.peers import PEERS, Peer
from primis.obfuscation import Level

CACHE = Path(__file__).parent / "cache"
CANDIDATE = "primis"
METRICS = ("PSNR", "MS-SSIM")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return the exit code."""
    options = _parser().parse_args(arguments)
    return exit_code(lambda: _run(options))


def _parser() -> argparse.ArgumentParser:
    names = [CANDIDATE, *(peer.name for peer in PEERS)]
    parser = split_parser("rate_distortion")
    parser.add_argument("--codecs", nargs="+", choices=names, default=names, metavar="CODEC")
    parser.add_argument(
        "--rates",
        nargs="+",
        type=float,
        default=[0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.45],
        help="bits per pixel asked of primis",
    )
    parser.add_argument(
        "--level",
        choices=[level.label for level in Level],
        default="full",
        help="access level that primis opens (default: full)",
    )
    parser.add_argument(
        "--equal-bytes",
        nargs="*",
        choices=names[1:],
        metavar="CODEC",
        help="also search these peers' (default: all) best file of the size that primis needs; "
        "slow at first for AVIF and JPEG XL",
    )
    parser.add_argument("--json", type=Path, help="write all means here")
    parser.add_argument("--figures", type=Path, help="write curves.svg and crops.png here")
    parser.add_argument("--cache", type=Path, default=CACHE, help=argparse.SUPPRESS)
    return parser


def _run(options: argparse.Namespace) -> None:
    samples = read_split(options.data, options.split, options.limit, options.trim)
    patients = [sample.patient for sample in samples]
    peers = [peer for peer in PEERS if peer.name in options.codecs]
    names = [peer.name for peer in peers]
    cache = PeerCache(options.cache)

    curves: dict[str, list[Curve]] = {}
    points: dict[str, list[Point]] = {}
    for peer in peers:
        curves[peer.name] = [
            [cache.at_setting(sample, peer, setting) for setting in peer.settings]
            for sample in _progress(peer.name, samples)
        ]
        points[peer.name] = mean_points(peer.name, peer.settings, curves[peer.name])
    differences: list[RateDifference] = []
    equal: list[dict[str, Any]] = []
    if CANDIDATE in options.codecs:
        own = _candidate(samples, options.rates, options.level)
        curves[CANDIDATE] = own
        points[CANDIDATE] = mean_points(CANDIDATE, options.rates, own)
        for peer in peers:
            both = ((False, curves[peer.name]), (True, in_age_files(curves[peer.name])))
            differences += [
                rate_difference(
                    peer.name,
                    metric,
                    (theirs, own),
                    (mean_points(peer.name, peer.settings, theirs), points[CANDIDATE]),
                    patients,
                    encrypted=sealed,
                )
                for sealed, theirs in both
                for metric in METRICS
            ]
        if options.equal_bytes is not None:
            chosen = [p for p in peers if p.name in (options.equal_bytes or names)]
            equal = _at_equal_bytes(samples, own, chosen, cache)

    report = {
        "images": len(samples),
        "patients": len(set(patients)),
        "split": options.split,
        "level": options.level,
        "trim": options.trim,
        "recipes": {peer.name: peer.recipe for peer in peers},
        "points": {name: [_record(point) for point in curve] for name, curve in points.items()},
        "bd_rate": [_record(difference) for difference in differences],
        "equal_bytes": equal,
    }
    print(markdown(report))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    if options.figures:
        _draw(options, samples[0], peers, points)


def _record(result: Point | RateDifference) -> dict[str, Any]:
    """Turn a result into what JSON can hold: no infinity, no NaN."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in asdict(result).items()
    }


def _progress(name: str, samples: Sequence[Sample]) -> Iterator[Sample]:
    for number, sample in enumerate(samples, 1):
        yield sample
        if number % 20 == 0 or number == len(samples):
            print(f"{name}: {number} of {len(samples)} images", file=sys.stderr)


def _candidate(samples: Sequence[Sample], rates: Sequence[float], level: str) -> list[Curve]:
    from benchmarks import adapter

    return [
        [
            measure(sample.pixels, partial(adapter.encode, sample.pixels, rate, level))
            for rate in rates
        ]
        for sample in _progress(CANDIDATE, samples)
    ]


def _at_equal_bytes(
    samples: Sequence[Sample], own: Sequence[Curve], peers: Sequence[Peer], cache: PeerCache
) -> list[dict[str, Any]]:
    """Mean quality of every codec when each image gets the bytes that primis needs for it."""
    rows = []
    for column in zip(*own, strict=True):
        row: dict[str, Any] = {
            "bits_per_pixel": fmean(m.bits_per_pixel for m in column),
            CANDIDATE: _mean_quality(column),
        }
        for peer in peers:
            row[peer.name] = _mean_quality(
                [
                    cache.at_size(sample, peer, m.size)
                    for sample, m in zip(samples, column, strict=True)
                ]
            )
        rows.append(row)
    return rows


def _mean_quality(measured: Sequence[Measurement | None]) -> dict[str, float] | None:
    """Means, or None if the codec cannot make one of the files so small."""
    reached = [m for m in measured if m is not None]
    if len(reached) < len(measured):
        return None
    return {"psnr": fmean(m.psnr for m in reached), "ms_ssim": fmean(m.ms_ssim for m in reached)}


def _draw(
    options: argparse.Namespace,
    sample: Sample,
    peers: Sequence[Peer],
    points: dict[str, list[Point]],
) -> None:
    """Draw the mean curves, and a part of the first image at equal bytes (near 0.1 bpp)."""
    from benchmarks.figures import draw_crops, draw_curves

    pixels = sample.pixels
    size = pixels.size // 80
    decoded = []
    if CANDIDATE in options.codecs:
        from benchmarks import adapter

        rate = min(options.rates, key=lambda rate: abs(rate - 0.1))
        size, decode = adapter.encode(pixels, rate, options.level)
        decoded.append((CANDIDATE, size, decode()))
    for peer in peers:
        data = peer.at_size(pixels, size)
        if data is not None:
            decoded.append((peer.name, len(data), peer.decode(data)))

    top, left = pixels.shape[0] // 4, pixels.shape[1] // 5
    region = np.s_[top : top + 160, left : left + 160]
    crops = [(f"original\n{pixels.size:,} bytes", pixels[region])]
    crops += [
        (f"{name}\n{length:,} bytes, {psnr(pixels, image, 255):.1f} dB", image[region])
        for name, length, image in decoded
    ]
    options.figures.mkdir(parents=True, exist_ok=True)
    draw_curves(points, options.figures / "curves.svg")
    draw_crops(crops, options.figures / "crops.png")


def markdown(report: dict[str, Any]) -> str:
    """Lay out a report as Markdown tables."""
    lines = [
        f"{report['images']} images of {report['patients']} patients, split {report['split']}, "
        f"level {report['level']}"
        f"{', without {} lines at every side'.format(report['trim']) if report['trim'] else ''}.",
        "",
        "| codec | setting | bits per pixel | PSNR (dB) | MS-SSIM | encode (ms) | decode (ms) |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, curve in report["points"].items():
        lines += [
            f"| {name} | {p['setting']:g} | {p['bits_per_pixel']:.4f} | {_cell(p['psnr'], '.2f')} "
            f"| {p['ms_ssim']:.4f} | {1000 * p['encode_seconds']:.0f} "
            f"| {1000 * p['decode_seconds']:.0f} |"
            for p in sorted(curve, key=lambda p: p["bits_per_pixel"])
        ]
    if report["bd_rate"]:
        lines += [
            "",
            "| bytes of primis against | at equal | per image, % | 95 % interval | images "
            "| of the mean curves, % |",
            "|---|---|---:|---:|---:|---:|",
        ]
        lines += [
            f"| {d['peer']}{', in an age file' * d['encrypted']} | {d['metric']} "
            f"| {_cell(d['mean'], '+.1f')} "
            f"| {_cell(d['low'], '+.1f')} to {_cell(d['high'], '+.1f')} | {d['images']} "
            f"| {_cell(d['of_mean_curves'], '+.1f')} |"
            for d in report["bd_rate"]
        ]
    if report["equal_bytes"]:
        names = [name for name in report["equal_bytes"][0] if name != "bits_per_pixel"]
        lines += [
            "",
            "PSNR (dB) / MS-SSIM at equal bytes:",
            "",
            f"| bits per pixel | {' | '.join(names)} |",
            "|---:" * (len(names) + 1) + "|",
        ]
        for row in report["equal_bytes"]:
            cells = (
                f"{row[n]['psnr']:.2f} / {row[n]['ms_ssim']:.4f}" if row[n] else "-" for n in names
            )
            lines.append(f"| {row['bits_per_pixel']:.4f} | {' | '.join(cells)} |")
    recipes = [f"- {name}: {recipe}" for name, recipe in report["recipes"].items()]
    return "\n".join([*lines, "", *recipes])


def _cell(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


if __name__ == "__main__":
    sys.exit(main())
