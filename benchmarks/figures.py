"""Curves and crops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from numpy.typing import NDArray

from benchmarks.summary import Point, quality

mpl.use("Agg")
from matplotlib import pyplot as plt

Pixels = NDArray[Any]

RATE_TICKS = (0.03, 0.05, 0.1, 0.2, 0.3, 0.5)


def draw_curves(points: Mapping[str, Sequence[Point]], path: Path) -> None:
    """Quality against rate, one line per codec; the suffix of `path` chooses the format."""
    figure, panels = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    for panel, metric in zip(panels, ("PSNR", "MS-SSIM"), strict=True):
        for codec, curve in points.items():
            own = codec == "primis"
            panel.plot(
                [p.bits_per_pixel for p in curve],
                [quality(p, metric) for p in curve],
                marker=".",
                label=codec,
                linewidth=2.4 if own else 1.2,
                color="black" if own else None,
            )
        panel.set_xscale("log")
        panel.set_xticks(
            [0.03, 0.05, 0.1, 0.2, 0.3, 0.5], ["0.03", "0.05", "0.1", "0.2", "0.3", "0.5"]
        )
        panel.minorticks_off()
        panel.set_xlabel("bits per pixel, everything counted")
        panel.set_ylabel("PSNR (dB)" if metric == "PSNR" else "MS-SSIM (dB: -10 log10(1 - x))")
        panel.grid(alpha=0.3)
    panels[0].legend()
    figure.savefig(path, dpi=150, bbox_inches="tight")
    plt.close(figure)


def draw_crops(crops: Sequence[tuple[str, Pixels]], path: Path) -> None:
    """Equal regions side by side, each with a title, on one grey scale (0 to 255)."""
    figure, panels = plt.subplots(
        1, len(crops), figsize=(3 * len(crops), 3.4), layout="constrained", squeeze=False
    )
    for panel, (title, pixels) in zip(panels[0], crops, strict=True):
        panel.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        panel.set_title(title, fontsize=9)
        panel.axis("off")
    figure.savefig(path, dpi=150, bbox_inches="tight")
    plt.close(figure)
