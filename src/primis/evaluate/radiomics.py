"""Texture of a region in numbers: the features of the Image Biomarker Standardisation Initiative.

`mirp` computes them (Zwanenburg et al., JOSS 9(99), 2024), after the definitions of the IBSI
reference manual (Zwanenburg et al., Radiology 295(2), 2020; arXiv 1612.07003). Choices that the
manual leaves open:

- two dimensions, matrices of all four directions merged, distance 1, coarseness 0;
- a fixed number of bins between the lowest and highest grey level of the region, as the manual
  advises for intensities without physical units, like those of 8-bit radiographs;
- no interpolation: pixels as they are.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from primis.errors import UsageError

BINS = 32

FAMILIES = {
    "stat": "intensity statistics",
    "ih": "intensity histogram",
    "cm": "GLCM",
    "rlm": "GLRLM",
    "szm": "GLSZM",
    "dzm": "GLDZM",
    "ngt": "NGTDM",
    "ngl": "NGLDM",
}
"""The family of a feature, by the part of its name before the first underscore."""


def features(
    pixels: NDArray[np.uint8], region: NDArray[np.bool_], bins: int = BINS
) -> dict[str, float]:
    """Compute the IBSI features of a region.

    Parameters
    ----------
    pixels
        Grey image (rows, columns).
    region
        Where to measure: boolean, of the shape of the image.
    bins
        Number of grey levels that all families but the first reduce the region to.

    Returns
    -------
    dict
        Value by name, `mirp`'s without the notes on aggregation and bins: ``cm_contrast``.

    Raises
    ------
    UsageError
        If the shapes differ, the region is empty, or there are fewer than two bins.
    """
    if pixels.shape != region.shape or pixels.ndim != 2:
        raise UsageError(f"an image of shape {pixels.shape} and a region of shape {region.shape}")
    if not region.any():
        raise UsageError("the region to measure is empty")
    if bins < 2:
        raise UsageError(f"texture needs two bins or more, got {bins}")
    from mirp import extract_features

    with _quiet():
        (table,) = extract_features(
            image=pixels[None].astype(np.float64),
            mask=region[None].astype(np.uint8),
            by_slice=True,
            base_discretisation_method="fixed_bin_number",
            base_discretisation_n_bins=bins,
            base_feature_families=[
                "statistics",
                "intensity_histogram",
                "glcm",
                "glrlm",
                "glszm",
                "gldzm",
                "ngtdm",
                "ngldm",
            ],
        )
    values = table.iloc[0].items()
    return {_name(key): float(value) for key, value in values if _family(key) in FAMILIES}


def family(feature: str) -> str:
    """Name the family of a feature: ``GLCM`` for ``cm_contrast``."""
    return FAMILIES[_family(feature)]


def _family(name: str) -> str:
    return name.partition("_")[0]


def _name(column: str) -> str:
    """Drop the notes on distance, aggregation and discretisation behind a feature's name."""
    for note in ("_d1", "_2d", "_fbn"):
        column = column.partition(note)[0]
    return column


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep mirp from writing to the standard output and from setting up the program's log."""
    root = logging.getLogger()
    handler, disabled = logging.NullHandler(), root.manager.disable
    root.addHandler(handler)  # one is there: logging.basicConfig then leaves all as it is
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(disabled)
        root.removeHandler(handler)
