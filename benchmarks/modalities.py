"""Other modalities and bit depths: primis and JPEG 2000 at equal bytes, image by image.

`python -m benchmarks.modalities` prints a Markdown table of the grey images of `pydicom-data` that
were not compressed with loss before, each once.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray

from benchmarks import adapter
from benchmarks.command import exit_code
from benchmarks.images import sample_folder
from primis.errors import PrimisError
from primis.evaluate import psnr
from primis.evaluate.peers import PEERS
from primis.images import read_image

RATES = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
PEER = "JPEG 2000"
LARGEST = 120.0
"""Decibels of equal pictures, for JSON knows no infinity."""


@dataclass(frozen=True)
class Comparison:
    """PSNR (dB, against the range of the stored bits) of one image at equal bytes.

    `peer` is None where the peer has no file so small.
    """

    image: str
    modality: str
    rows: int
    columns: int
    bits: int
    rate: float
    bits_per_pixel: float
    primis: float
    peer: float | None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.modalities")
    parser.add_argument("--rates", nargs="+", type=float, default=RATES)
    parser.add_argument("--images", nargs="+", help="only files whose names start so")
    parser.add_argument("--json", type=Path, help="write all numbers here")
    options = parser.parse_args(arguments)
    return exit_code(lambda: _run(options))


def _run(options: argparse.Namespace) -> None:
    found = []
    for path, modality in _images(sample_folder(), tuple(options.images or [""])):
        found += [_compare(path, modality, rate) for rate in options.rates]
        print(f"{path.name}: done", file=sys.stderr)
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n")
    print(markdown(found))


def _images(folder: Path, prefixes: tuple[str, ...]) -> Iterator[tuple[Path, str]]:
    """Yield grey images that primis reads, of equal pixels the first, with their modality."""
    seen = set()
    for path in sorted(folder.glob("*.dcm")):
        if not path.name.startswith(prefixes):
            continue
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True)
            pixels = read_image(path).pixels
        except (PrimisError, pydicom.errors.InvalidDicomError):
            continue
        digest = hashlib.sha256(pixels.tobytes()).digest()
        if header.get("LossyImageCompression") != "01" and digest not in seen:
            seen.add(digest)
            yield path, header.get("Modality", "")


def _compare(path: Path, modality: str, rate: float) -> Comparison:
    image = read_image(path)
    pixels, bits = image.pixels, image.attributes.bits
    size, decode = adapter.encode(pixels, rate, bits=bits)
    (peer,) = (peer for peer in PEERS if peer.name == PEER)
    data = peer.at_size(pixels, size, bits)
    rows, columns = pixels.shape
    return Comparison(
        path.stem,
        modality,
        rows,
        columns,
        bits,
        rate,
        8 * size / pixels.size,
        _quality(pixels, decode(), bits),
        None if data is None else _quality(pixels, peer.decode(data), bits),
    )


def _quality(original: NDArray[Any], decoded: NDArray[Any], bits: int) -> float:
    value = psnr(original, decoded, 2.0**bits - 1)
    return min(LARGEST, value) if math.isfinite(value) else LARGEST


def markdown(found: Sequence[Comparison]) -> str:
    """Lay out PSNR of primis and what it is above the peer's, a line per image."""
    rates = sorted({one.rate for one in found})
    lines = [
        f"| image | modality | size | bits | {' | '.join(f'{rate:g} bpp' for rate in rates)} |",
        "|---|---|---|---:|" + "---:|" * len(rates),
    ]
    for name in dict.fromkeys(one.image for one in found):
        own = sorted((one for one in found if one.image == name), key=lambda one: one.rate)
        first = own[0]
        lines.append(
            f"| {name} | {first.modality} | {first.columns}x{first.rows} | {first.bits} "
            f"| {' | '.join(map(_cell, own))} |"
        )
    medians = [f"{np.median(_gains(found, rate)):+.2f}" for rate in rates]
    return "\n".join([*lines, f"| median difference | | | | {' | '.join(medians)} |"])


def _gains(found: Sequence[Comparison], rate: float) -> list[float]:
    return [one.primis - one.peer for one in found if one.rate == rate and one.peer is not None]


def _cell(one: Comparison) -> str:
    gain = "-" if one.peer is None else f"{one.primis - one.peer:+.2f}"
    return f"{one.primis:.1f} ({gain})"


if __name__ == "__main__":
    sys.exit(main())
