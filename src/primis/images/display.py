"""How an image looks on a screen: window, inversion, depth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from primis.images.image import Image, Pixels


def window(image: Image) -> tuple[float, float]:
    """Center and width of the DICOM LINEAR window, in modality units.

    It is the source's own, or else the one that spans the values of the image (of the whole
    range of stored values, for an image that came from a raster file).
    """
    attributes = image.attributes
    if attributes.window:
        return attributes.window
    ends = (0, (1 << image.bits) - 1)
    if attributes.source == "dicom":
        ends = (int(image.pixels.min()), int(image.pixels.max()))
    slope, intercept = attributes.rescale or (1.0, 0.0)
    low, high = sorted(slope * (end - attributes.offset) + intercept for end in ends)
    return (low + high + 1) / 2, high - low + 1


def display(image: Image) -> NDArray[np.uint8]:
    """Render for viewing: 0 is black and 255 is white, through `window`.

    The window function is LINEAR of DICOM PS3.3 section C.11.2.1.2.1.

    Returns
    -------
    uint8 array of the image's shape.
    """
    attributes = image.attributes
    center, width = window(image)
    slope, intercept = attributes.rescale or (1.0, 0.0)
    values = slope * (np.arange(1 << image.bits) - attributes.offset) + intercept
    grey = (values - (center - 0.5)) / max(width - 1, 1e-6) + 0.5
    if attributes.photometric == "MONOCHROME1":
        grey = 1 - grey
    table: NDArray[np.uint8] = np.rint(255 * np.clip(grey, 0, 1)).astype(np.uint8)
    return table[image.pixels]


def full_depth(image: Image) -> Pixels:
    """Render for viewing and measuring: every stored value remains distinct, without a window.

    An image from a raster file keeps its stored values unchanged. One from DICOM is scaled from
    `image.bits` to all 8 or 16 bits of its type, and MONOCHROME1 is inverted to look right.

    Returns
    -------
    Array of the shape and type of the image's pixels.
    """
    pixels, attributes = image.pixels, image.attributes
    if attributes.source == "raster":
        return pixels
    table = np.rint(np.linspace(0, np.iinfo(pixels.dtype).max, 1 << image.bits))
    if attributes.photometric == "MONOCHROME1":
        table = table[::-1]
    return table.astype(attributes.dtype)[pixels]
