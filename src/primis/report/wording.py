"""How a report puts a measured difference into words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from primis.report.page import Tone


def compared(difference: Mapping[str, Any], tolerance: float) -> tuple[Tone, str]:
    """Judge what a level loses against the originals.

    Parameters
    ----------
    difference
        Interval of the level minus the originals: ``value`` and ``low``.
    tolerance
        How much may be lost.

    Returns
    -------
    tone, words
        To be put between "a network does" and "on level full as on the originals". Good only if
        the whole interval is within the tolerance: few patients prove nothing.
    """
    if difference["low"] >= -tolerance:
        return "good", "as well"
    if difference["value"] >= -tolerance:
        return "fair", "about as well (more patients would be needed to be sure)"
    return "fair", "not as well"
