"""Pictures side by side: each whole, and a part of it enlarged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

WIDTH, GAP = 360, 16
TITLE_SIZE, CAPTION_SIZE = 25, 19


@dataclass(frozen=True)
class Panel:
    """One column of the comparison: 8-bit grey pixels of shape (rows, columns), and its words."""

    title: str
    caption: str
    pixels: NDArray[np.uint8]


def shade(pixels: NDArray[Any], ends: Sequence[float] | NDArray[np.floating]) -> NDArray[np.uint8]:
    """Map values linearly to 8 bits, from black at the first end to white at the second.

    Where the ends are equal, all up to them is black.
    """
    low, high = ends
    grey = (pixels.astype(np.float64) - low) / ((high - low) or 1)
    return np.rint(255 * np.clip(grey, 0, 1)).astype(np.uint8)


def draw_bytes(data: bytes, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Draw each byte as one grey square, row by row, and enlarge the whole to `shape`."""
    rows, columns = shape
    width = max(1, round((len(data) * columns / rows) ** 0.5))
    height = len(data) // width
    small = np.frombuffer(data, np.uint8, width * height).reshape(height, width)
    return np.asarray(Image.fromarray(small).resize((columns, rows), Image.Resampling.NEAREST))


def side_by_side(panels: Sequence[Panel], part: tuple[int, int, int]) -> Image.Image:
    """Draw panels of one shape next to each other.

    Parameters
    ----------
    panels
        From left to right.
    part
        Top row, left column and side in pixels of the square that is enlarged below.
    """
    top, left, side = part
    rows, columns = panels[0].pixels.shape
    scale = WIDTH / columns
    head = TITLE_SIZE + CAPTION_SIZE + 2 * GAP
    height = round(rows * scale)
    canvas = Image.new(
        "L", (GAP + len(panels) * (WIDTH + GAP), head + height + WIDTH + 2 * GAP), 255
    )
    draw = ImageDraw.Draw(canvas)
    for number, panel in enumerate(panels):
        x = GAP + number * (WIDTH + GAP)
        picture = Image.fromarray(panel.pixels)
        canvas.paste(picture.resize((WIDTH, height), Image.Resampling.LANCZOS), (x, head))
        enlarged = picture.crop((left, top, left + side, top + side))
        canvas.paste(
            enlarged.resize((WIDTH, WIDTH), Image.Resampling.BICUBIC), (x, head + height + GAP)
        )
        corner = x + left * scale, head + top * scale
        draw.rectangle(
            (*corner, corner[0] + side * scale, corner[1] + side * scale), outline=255, width=2
        )
        draw.text((x, GAP // 2), panel.title, 0, ImageFont.load_default(TITLE_SIZE))
        draw.text((x, GAP + TITLE_SIZE), panel.caption, 80, ImageFont.load_default(CAPTION_SIZE))
    return canvas
