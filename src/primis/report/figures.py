"""Plots and pictures as data URIs, in one style.

Every plot is one panel of 480 x 350 CSS pixels unless said otherwise, so that several stand side by
side on a desk (`page.Gallery` with a width of 360) and one below the other on a phone. A party
has the same colour in all of them: see `COLOURS`.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from primis.errors import UsageError
from primis.evaluate.agreement import limits_of_agreement

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, SOFT, GRID = "#1c2430", "#5b6676", "#dde2e9"

COLOURS: Mapping[str, str] = {
    "original": INK,
    "full": "#1f5f8b",
    "diagnostic": "#3d9ac7",
    "preview": "#8cc6e3",
    "public": "#b3261e",
    "primis": "#1f5f8b",
    "JPEG": "#c9a227",
    "JPEG 2000": "#d9722e",
    "JPEG XL": "#7a5195",
    "AVIF": "#2e8b57",
}
"""Colours by name; other names take those of `CYCLE` in turn."""

CYCLE = ("#1f5f8b", "#d9722e", "#2e8b57", "#7a5195", "#b3261e", "#c9a227", "#5b6676", "#3d9ac7")

OUTLINES: Mapping[str, tuple[int, int, int]] = {
    "yellow": (255, 196, 61),
    "blue": (74, 191, 239),
    "red": (255, 107, 107),
    "green": (120, 220, 140),
    "violet": (186, 140, 255),
    "orange": (255, 150, 50),
    "cyan": (90, 230, 220),
    "pink": (255, 150, 210),
}
"""Colours of the outlines of the first region, the second ..."""

_STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Source Sans 3", "Segoe UI", "Roboto", "Helvetica", "Arial", "DejaVu Sans"],
    "font.size": 10,
    "svg.fonttype": "none",
    "svg.hashsalt": "primis",
    "text.color": INK,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": SOFT,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
    "lines.markersize": 4,
}


def embed(path: Path) -> str:
    """Return an image file as a data URI, losslessly recompressed.

    Raises
    ------
    UsageError
        If the file is not there or not an image.
    """
    try:
        with Image.open(path) as image:
            return _webp(image)
    except OSError as error:
        raise UsageError(
            f"the report needs the picture {path}", hint="run the evaluation again"
        ) from error


def picture(pixels: NDArray[np.uint8], mask: NDArray[np.uint8] | None = None) -> str:
    """Return a grey image as a data URI.

    Parameters
    ----------
    pixels
        (rows, columns), 0 black.
    mask
        (rows, columns): a pixel's value is the sum of 1 if it lies in the first region, 2 if in
        the second, 4 if in the third ... Each region is outlined in its colour of `OUTLINES`.
    """
    if mask is None:
        return _webp(Image.fromarray(pixels))
    coloured = np.repeat(pixels[..., None], 3, axis=2)
    width = max(1, round(max(pixels.shape) / 200))
    for bit, colour in enumerate(OUTLINES.values()):
        coloured[_border((mask >> bit & 1).astype(np.bool_), width)] = colour
    return _webp(Image.fromarray(coloured))


def lines(
    series: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    x: str,
    y: str,
    log_x: bool = False,
    bands: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
    references: Mapping[str, float] | None = None,
    ticks: Sequence[float] | None = None,
    diagonal: bool = False,
    marker: str | None = ".",
    dashed: Sequence[str] = (),
) -> str:
    """Draw named curves.

    Parameters
    ----------
    series
        Name to (x, y).
    x, y
        What the axes show, with units.
    log_x
        Logarithmic x axis.
    bands
        Name to (low, high) around the curve of that name.
    references
        Horizontal dashed lines: label to height (a floor, a ceiling).
    ticks
        Places of the x ticks.
    diagonal
        Draw the line of chance of a ROC curve.
    marker
        Of the points; None for none.
    dashed
        Names of curves to draw dashed.
    """

    def draw(axes: Axes) -> None:
        for (name, (at, values)), colour in zip(series.items(), _colours(series), strict=True):
            style = "--" if name in dashed else "-"
            axes.plot(at, values, marker=marker, color=colour, label=name, linestyle=style)
            if bands and name in bands:
                axes.fill_between(at, *bands[name], color=colour, alpha=0.15, linewidth=0)
        if diagonal:
            axes.plot([0, 1], [0, 1], color=SOFT, linewidth=0.8, linestyle=":")
            axes.set_aspect("equal")
        for label, height in (references or {}).items():
            axes.axhline(height, color=SOFT, linewidth=1, linestyle="--")
            axes.annotate(
                label,
                (1, height),
                xycoords=("axes fraction", "data"),
                xytext=(0, 3),
                textcoords="offset points",
                ha="right",
                color=SOFT,
                fontsize=9,
            )
        if log_x:
            axes.set_xscale("log")
        if ticks is not None:
            axes.set_xticks(list(ticks), [f"{tick:g}" for tick in ticks])
            axes.minorticks_off()
        axes.set(xlabel=x, ylabel=y)
        if len(series) > 1:
            axes.legend()

    return _plot(draw)


@dataclass(frozen=True)
class Bar:
    """An estimate with its interval; `group` names the colour."""

    label: str
    value: float
    low: float
    high: float
    group: str = ""


def intervals(
    bars: Sequence[Bar],
    *,
    x: str,
    references: Mapping[str, float] | None = None,
    limits: tuple[float, float] | None = None,
) -> str:
    """Draw estimates and their intervals, one below the other; as tall as it needs.

    Parameters
    ----------
    bars
        From top to bottom.
    x
        What the axis shows, with its unit.
    references
        Vertical dashed lines: label to place (chance, a floor, a ceiling, a target).
    limits
        Ends of the axis.
    """

    def draw(axes: Axes) -> None:
        places = np.arange(len(bars))[::-1]
        groups = [bar.group or bar.label for bar in bars]
        known = dict(zip(dict.fromkeys(groups), _colours(dict.fromkeys(groups)), strict=True))
        for place, bar, group in zip(places, bars, groups, strict=True):
            axes.plot([bar.low, bar.high], [place] * 2, color=known[group], linewidth=2.4)
            axes.plot([bar.value], [place], "o", color=known[group], markersize=6)
        for label, at in (references or {}).items():
            axes.axvline(at, color=SOFT, linewidth=1, linestyle="--", zorder=0)
            axes.annotate(
                label,
                (at, 1),
                xycoords=("data", "axes fraction"),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                color=SOFT,
                fontsize=9,
            )
        axes.set_yticks(places, [bar.label for bar in bars])
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.set_ylim(-0.6, len(bars) - 0.4)
        axes.set(xlabel=x, xlim=limits)

    return _plot(draw, height=0.9 + 0.32 * len(bars))


def agreement(reference: ArrayLike, other: ArrayLike, *, quantity: str, group: str) -> str:
    """Draw a Bland-Altman plot: difference against mean.

    Solid: mean difference. Dashed: limits of agreement.

    Parameters
    ----------
    reference, other
        The same cases measured twice.
    quantity
        What was measured, with its unit.
    group
        Names the colour.
    """
    a, b = np.asarray(reference, np.float64), np.asarray(other, np.float64)
    low, bias, high = limits_of_agreement(a, b)

    def draw(axes: Axes) -> None:
        axes.plot((a + b) / 2, b - a, ".", color=_colours([group])[0], alpha=0.6)
        axes.axhline(bias, color=INK, linewidth=1.2)
        for limit in (low, high):
            axes.axhline(limit, color=SOFT, linewidth=1, linestyle="--")
        axes.set(xlabel=f"mean of both: {quantity}", ylabel="difference to original")

    return _plot(draw)


def heatmap(
    values: ArrayLike,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    label: str,
    limits: tuple[float, float] = (0, 1),
    form: str | None = None,
) -> str:
    """Draw a matrix as shades, one line per row; as tall as it needs.

    Parameters
    ----------
    values
        (rows, columns); NaN stays white.
    rows, columns
        Their names.
    label
        What the shades mean.
    limits
        Values of the palest and the darkest shade.
    form
        Format of the number written into each cell (".2f"); None writes none.
    """
    array = np.asarray(values, np.float64)

    def draw(axes: Axes) -> None:
        shades = axes.imshow(array, cmap="YlGnBu", vmin=limits[0], vmax=limits[1], aspect="auto")
        axes.set_xticks(range(len(columns)), columns)
        axes.set_yticks(range(len(rows)), rows, fontsize=8 if len(rows) > 30 else 9)
        axes.tick_params(length=0, labeltop=True, labelbottom=False, labelcolor=INK)
        axes.grid(visible=False)
        for spine in axes.spines.values():
            spine.set_visible(False)
        dark = limits[0] + 0.6 * (limits[1] - limits[0])
        if form is not None:
            for (i, j), value in np.ndenumerate(array):
                if np.isfinite(value):
                    colour = "white" if value > dark else INK
                    axes.text(j, i, f"{value:{form}}", ha="center", va="center", color=colour)
        axes.figure.colorbar(shades, ax=axes, label=label, shrink=min(1, 6 / len(rows)))

    return _plot(draw, height=0.8 + (0.16 if form is None else 0.3) * len(rows), width=5.6)


def _colours(names: Sequence[str] | Mapping[str, Any]) -> list[str]:
    """Colours of names: their own, or the next of the cycle."""
    others = iter(CYCLE * (1 + len(names) // len(CYCLE)))
    return [COLOURS[name] if name in COLOURS else next(others) for name in names]


def _plot(draw: Callable[[Axes], None], *, width: float = 5.0, height: float = 3.65) -> str:
    with _style() as plt:
        figure, axes = plt.subplots(figsize=(width, height), layout="constrained")
        draw(axes)
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
        plt.close(figure)
    return _uri("image/svg+xml", file.getvalue())


@contextmanager
def _style() -> Iterator[Any]:
    try:
        import matplotlib as mpl
    except ModuleNotFoundError as error:
        raise UsageError(
            "reports need the package matplotlib", hint="pip install 'primis[evaluate]'"
        ) from error
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    with mpl.rc_context(_STYLE):
        yield plt


def _border(region: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """Pixels of a region at most so far from what is outside it."""
    inner = region
    for _ in range(width):
        padded = np.pad(inner, 1)
        inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return region & ~inner


def _webp(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "WEBP", lossless=True, quality=80)
    return _uri("image/webp", file.getvalue())


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
