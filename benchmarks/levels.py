"""What levels cost: each level of a file against a file of as many bytes coded for it alone.

`python -m benchmarks.levels --data DIR` prints Markdown tables of that, and of how steadily
quality rises with the rate.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from benchmarks.command import exit_code, split_parser
from benchmarks.images import Sample, read_split
from primis.codec import bitstream
from primis.codec.codec import Codec
from primis.codec.fitting import encode_levels
from primis.evaluate import psnr
from primis.levels import body_lengths
from primis.obfuscation import Level

Pixels: TypeAlias = NDArray[Any]

RATES = (0.1, 0.2, 0.4)
LOWER = (Level.PREVIEW, Level.DIAGNOSTIC)
FINE_RATES = tuple(round(0.05 * 1.05**number, 4) for number in range(48))
"""Bits per pixel from 0.05 to 0.5, each 5 % above the one before."""


@dataclass(frozen=True)
class LevelLoss:
    """PSNR (dB) of a level of one image, and of a file coded for as many bytes alone."""

    image: str
    rate: float
    level: str
    bits_per_pixel: float
    of_level: float
    alone: float

    @property
    def loss(self) -> float:
        """What the level is below the file, in dB."""
        return self.alone - self.of_level


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return the exit code."""
    parser = split_parser("levels")
    parser.add_argument("--rates", nargs="+", type=float, default=RATES)
    parser.add_argument(
        "--sweep", type=int, default=8, help="images whose quality is followed along the rate"
    )
    parser.add_argument("--json", type=Path, help="write all numbers here")
    options = parser.parse_args(arguments)
    return exit_code(lambda: _run(options))


def _run(options: argparse.Namespace) -> None:
    samples = read_split(options.data, options.split, options.limit, options.trim)
    codec = Codec.default()
    found: list[LevelLoss] = []
    for number, sample in enumerate(samples):
        found += [one for rate in options.rates for one in level_losses(codec, sample, rate)]
        if (number + 1) % 20 == 0:
            print(f"{number + 1} of {len(samples)} images", file=sys.stderr)
    followed = read_split(
        options.data, options.split, min(options.sweep, len(samples)), options.trim
    )
    sweeps = {sample.path.name: quality_along_rate(codec, sample.pixels) for sample in followed}
    if options.json:
        report = {
            "levels": [asdict(one) for one in found],
            "rates": FINE_RATES,
            "psnr_along_rate": sweeps,
        }
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    print(markdown(found, sweeps))


def level_losses(codec: Codec, sample: Sample, rate: float) -> list[LevelLoss]:
    """Compare the lower levels of one image with codes made for their bytes alone."""
    pixels = sample.pixels
    lengths = body_lengths(int(rate * pixels.size / 8))
    lengths[0] = bitstream.usable_length(0, lengths[0])
    _, bodies = encode_levels(codec, pixels, lengths)
    losses = []
    for level in LOWER:
        held = bodies[: level + 1]
        size = sum(map(len, held))
        of_level = codec.decode(codec.unpack(pixels.shape, held), bits=8)
        losses.append(
            LevelLoss(
                sample.path.name,
                rate,
                level.label,
                8 * size / pixels.size,
                psnr(pixels, of_level, 255),
                psnr(pixels, coded_alone(codec, pixels, size), 255),
            )
        )
    return losses


def quality_along_rate(codec: Codec, pixels: Pixels) -> list[float]:
    """PSNR (dB) of one image coded at each of `FINE_RATES`."""
    sizes = [int(rate * pixels.size / 8) for rate in FINE_RATES]
    return [psnr(pixels, coded_alone(codec, pixels, size), 255) for size in sizes]


def coded_alone(codec: Codec, pixels: Pixels, size: int) -> Pixels:
    """Code 8-bit pixels into one level of at most ``size`` bytes, and decode them."""
    length = bitstream.usable_length(0, size)
    bodies = codec.pack(codec.encode(pixels, length), [length])
    return codec.decode(codec.unpack(pixels.shape, bodies), bits=8)


def markdown(found: Sequence[LevelLoss], sweeps: dict[str, list[float]]) -> str:
    """Lay out the losses per rate and level, and the steps of quality along the rate."""
    lines = [
        f"{len({one.image for one in found})} images.",
        "",
        "| bits per pixel | level | bits per pixel of the level | PSNR of the level (dB) "
        "| coded alone | mean loss | 95th percentile | largest |",
        "|---:|---|---:|---:|---:|---:|---:|---:|",
    ]
    for rate, level in dict.fromkeys((one.rate, one.level) for one in found):
        own = [one for one in found if (one.rate, one.level) == (rate, level)]
        losses = [one.loss for one in own]
        size = np.mean([one.bits_per_pixel for one in own])
        lines.append(
            f"| {rate:g} | {level} | {size:.4f} | {np.mean([one.of_level for one in own]):.2f} "
            f"| {np.mean([one.alone for one in own]):.2f} | {np.mean(losses):.2f} "
            f"| {np.percentile(losses, 95):.2f} | {max(losses):.2f} |"
        )
    steps = np.concatenate([np.diff(sweep) for sweep in sweeps.values()])
    return "\n".join(
        [
            *lines,
            "",
            f"Along {len(FINE_RATES)} rates from {FINE_RATES[0]:g} to {FINE_RATES[-1]:g} bits per "
            f"pixel, each 5 % above the one before, PSNR of {len(sweeps)} images rises by "
            f"{steps.mean():.2f} dB per step on average, {steps.min():+.2f} at least and "
            f"{steps.max():+.2f} at most.",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
