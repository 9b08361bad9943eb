"""Time and memory: primis and its peers on the same machine in the same run.

`python -m benchmarks.speed` prints Markdown tables; `--json` keeps the numbers. The only data it
needs is the package pydicom-data.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.command import exit_code
from benchmarks.images import radiograph, thumbnail
from primis.evaluate.peers import PEERS, Peer

Pixels = NDArray[Any]

CANDIDATE = "primis"
COMMAND = (sys.executable, "-c", "from primis.cli import main; main()", "--help")


@dataclass(frozen=True)
class Timing:
    """Medians for one image through one codec, all codecs at about the same bytes."""

    image: str
    codec: str
    bits: int
    bits_per_pixel: float
    encode_seconds: float
    decode_seconds: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return the exit code."""
    options = _parser().parse_args(arguments)
    return exit_code(lambda: _run(options))


def _run(options: argparse.Namespace) -> None:
    with_candidate = CANDIDATE in options.codecs
    peers = [peer for peer in PEERS if peer.name in options.codecs]
    # Memory first: a child process starts its peak from that of its parent.
    memory = _peak_memory(options.rate) if with_candidate else {}
    timings = [
        timing
        for name in ("512x512", "radiograph")
        for timing in _timings(name, options.rate, options.repeat, peers, with_candidate)
    ]
    report = {
        "machine": f"{platform.machine()}, {os.cpu_count()} logical CPUs, "
        f"Python {platform.python_version()}",
        "repeat": options.repeat,
        "timings": [asdict(timing) for timing in timings],
        "peak_memory_mib": memory,
        "startup_seconds": _startup() if with_candidate else None,
        "images_per_second": _throughput(options.rate, options.jobs) if with_candidate else {},
    }
    print(markdown(report))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")


def _parser() -> argparse.ArgumentParser:
    names = [CANDIDATE, *(peer.name for peer in PEERS)]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed")
    parser.add_argument("--rate", type=float, default=0.15, help="bits per pixel (default: 0.15)")
    parser.add_argument("--repeat", type=int, default=15, help="runs per median (default: 15)")
    parser.add_argument("--codecs", nargs="+", choices=names, default=names, metavar="CODEC")
    parser.add_argument(
        "--jobs", nargs="+", type=int, default=[1, os.cpu_count() or 1], help="sizes of the pool"
    )
    parser.add_argument("--json", type=Path, help="write all numbers here")
    return parser


def _image(name: str) -> tuple[Pixels, int]:
    pixels, bits = radiograph()
    return (pixels, bits) if name == "radiograph" else (thumbnail(pixels, bits), 8)


def _timings(
    name: str, rate: float, repeat: int, peers: Sequence[Peer], with_candidate: bool
) -> list[Timing]:
    """Time each codec at the bytes that primis needs at this rate, or at the rate without it."""
    pixels, bits = _image(name)
    size, rows = int(rate * pixels.size / 8), []
    if with_candidate:
        from benchmarks import adapter

        encode = partial(adapter.encode, pixels, rate, bits=bits)
        size, decode = encode()
        seconds = _median_seconds(encode, repeat), _median_seconds(decode, repeat)
        rows.append(Timing(name, CANDIDATE, bits, 8 * size / pixels.size, *seconds))
    for peer in peers:
        depth = min(bits, peer.max_bits)
        given = pixels if depth == bits else (pixels >> (bits - depth)).astype(np.uint8)
        setting = peer.setting_at_size(given, size, depth)
        if setting is None:
            continue
        data = peer.encode(given, setting, depth)
        seconds = (
            _median_seconds(partial(peer.encode, given, setting, depth), repeat),
            _median_seconds(partial(peer.decode, data), repeat),
        )
        rows.append(Timing(name, peer.name, depth, 8 * len(data) / pixels.size, *seconds))
    return rows


def _median_seconds(call: Callable[[], object], repeat: int) -> float:
    """Time repeated calls, after one that is not counted."""
    call()
    seconds = []
    for _ in range(repeat):
        start = perf_counter()
        call()
        seconds.append(perf_counter() - start)
    return median(seconds)


def _peak_memory(rate: float) -> dict[str, float]:
    """Peak resident size (MiB) of a fresh process that protects or also reconstructs one image."""
    context = multiprocessing.get_context("spawn")
    peaks = {}
    for name in ("512x512", "radiograph"):
        for task in ("read only", "protect", "protect and reconstruct"):
            with ProcessPoolExecutor(1, mp_context=context) as pool:
                peaks[f"{name}, {task}"] = pool.submit(_peak_of, name, task, rate).result()
    return peaks


def _peak_of(name: str, task: str, rate: float) -> float:
    pixels, bits = _image(name)
    if task != "read only":
        from benchmarks import adapter

        _, decode = adapter.encode(pixels, rate, bits=bits)
        if task == "protect and reconstruct":
            decode()
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def _startup() -> float:
    """Seconds of `primis --help`, best of five."""
    seconds = []
    for _ in range(5):
        start = perf_counter()
        subprocess.run(COMMAND, check=True, stdout=subprocess.DEVNULL)
        seconds.append(perf_counter() - start)
    return min(seconds)


def _throughput(rate: float, jobs: Sequence[int], images: int = 200) -> dict[str, float]:
    """Protected 512x512 images per second with pools of several sizes, start-up not counted."""
    pixels, _ = _image("512x512")
    context = multiprocessing.get_context("spawn")
    rates = {}
    for size in dict.fromkeys(jobs):
        with ProcessPoolExecutor(size, mp_context=context) as pool:
            list(pool.map(_protect, [pixels] * 2 * size, [rate] * 2 * size))
            start = perf_counter()
            list(pool.map(_protect, [pixels] * images, [rate] * images))
            rates[str(size)] = images / (perf_counter() - start)
    return rates


def _protect(pixels: Pixels, rate: float) -> int:
    from benchmarks import adapter

    return adapter.encode(pixels, rate)[0]


def markdown(report: dict[str, Any]) -> str:
    """Lay out a report as Markdown tables."""
    lines = [
        f"{report['machine']}; medians of {report['repeat']}.",
        "",
        "| image | codec | bits | bits per pixel | encode (ms) | decode (ms) "
        "| primis / codec, encode | decode |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    own = {t["image"]: t for t in report["timings"] if t["codec"] == CANDIDATE}
    for t in report["timings"]:
        ratios = (
            f"{own[t['image']][key] / t[key]:.1f}" if t["image"] in own else "-"
            for key in ("encode_seconds", "decode_seconds")
        )
        lines.append(
            f"| {t['image']} | {t['codec']} | {t['bits']} | {t['bits_per_pixel']:.3f} "
            f"| {1000 * t['encode_seconds']:.1f} | {1000 * t['decode_seconds']:.1f} "
            f"| {' | '.join(ratios)} |"
        )
    if report["peak_memory_mib"]:
        lines += ["", "| fresh process | peak memory (MiB) |", "|---|---:|"]
        lines += [f"| {task} | {peak:.0f} |" for task, peak in report["peak_memory_mib"].items()]
    if report["images_per_second"]:
        lines += ["", "| processes | 512x512 images protected per second |", "|---:|---:|"]
        lines += [f"| {jobs} | {rate:.1f} |" for jobs, rate in report["images_per_second"].items()]
    if report["startup_seconds"] is not None:
        lines += ["", f"`primis --help`: {report['startup_seconds']:.2f} s, best of 5."]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
