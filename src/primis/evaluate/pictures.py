"""Pictures to look at: an image as every party sees it, and a part of it through other codecs.

The result (`make_pictures`) is a list with a dict per image: ``shape``; ``renditions``, by name
``file`` (relative to the folder above the pictures), ``psnr`` (dB; None for the original) and
``bytes`` (None for the original); ``crops``, by codec the same for a part of the image at the bytes
of level full ("original" and "primis" among them); ``region`` of the crops (top, left, side).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from primis.evaluate.fidelity import CANDIDATE, LEVELS, PEAK, bytes_needed
from primis.evaluate.metrics import psnr
from primis.evaluate.peers import Peer, available
from primis.files import write_atomically
from primis.images.raster import encode_png
from primis.obfuscation import Level
from primis.study.dataset import Case, Dataset, read_pixels
from primis.study.renditions import FULL, ORIGINAL, PUBLIC, RENDITIONS, Renditions
from primis.study.workspace import make_folder

Pixels = NDArray[np.uint8]

CROP = 160


def make_pictures(
    dataset: Dataset,
    renditions: Renditions,
    folder: Path,
    *,
    images: int = 2,
    peers: Sequence[Peer] | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """Write pictures of test images as PNG files.

    Parameters
    ----------
    dataset
        The first images of its first test patients are shown.
    renditions
        How they look.
    folder
        Of the pictures; made if missing.
    images
        How many to show.
    peers
        Codecs to compare with; None for all that are installed.
    report
        Told about progress.

    Raises
    ------
    InputError
        If the data set has no test images.
    StoreError
        If the file system refuses.
    """
    make_folder(folder)
    patients: dict[str, Case] = {}
    for case in dataset.split("test"):
        patients.setdefault(case.patient, case)
    cases = list(patients.values())[:images]
    result = []
    for number, case in enumerate(cases):
        shown = _Shown(case, renditions, folder, number)
        result.append(
            {
                "shape": list(shown.original.shape),
                "renditions": {name: shown.whole(name) for name in RENDITIONS},
                "crops": shown.crops(available() if peers is None else peers),
                "region": [*shown.corner, shown.side],
            }
        )
        report(f"pictures: {number + 1} of {len(cases)} images")
    return result


class _Shown:
    """One image and where its pictures go."""

    def __init__(self, case: Case, renditions: Renditions, folder: Path, number: int) -> None:
        self.original = read_pixels(case)
        self._case, self._renditions = case, renditions
        self._folder, self._number = folder, number
        self._public = renditions.public_file(case)
        self.side = min(CROP, *self.original.shape)
        rows, columns = self.original.shape
        self.corner = min(rows // 4, rows - self.side), min(columns // 5, columns - self.side)

    def whole(self, rendition: str) -> dict[str, Any]:
        pixels = self._renditions.pixels(self._case, rendition)
        if rendition == ORIGINAL:
            return self._saved(rendition, pixels, pixels, None)
        size = (
            len(self._public)
            if rendition == PUBLIC
            else bytes_needed(self._public, LEVELS[rendition])
        )
        return self._saved(rendition, pixels, pixels, size)

    def crops(self, peers: Sequence[Peer]) -> dict[str, dict[str, Any]]:
        size = bytes_needed(self._public, Level.FULL)
        full = self._renditions.pixels(self._case, FULL)
        result = {
            ORIGINAL: self._crop(ORIGINAL, self.original, None),
            CANDIDATE: self._crop(CANDIDATE, full, size),
        }
        for peer in peers:
            data = peer.at_size(self.original, size)
            if data is not None:
                result[peer.name] = self._crop(peer.name, peer.decode(data), len(data))
        return result

    def _crop(self, name: str, pixels: Pixels, size: int | None) -> dict[str, Any]:
        (top, left), side = self.corner, self.side
        part = pixels[top : top + side, left : left + side]
        return self._saved(f"crop-{name.lower().replace(' ', '-')}", part, pixels, size)

    def _saved(self, name: str, shown: Pixels, pixels: Pixels, size: int | None) -> dict[str, Any]:
        """Write a picture; the quality is that of the whole image."""
        path = self._folder / f"{self._number + 1}-{name}.png"
        write_atomically(path, encode_png(np.ascontiguousarray(shown)), overwrite=True)
        return {
            "file": f"{self._folder.name}/{path.name}",
            "bytes": size,
            "psnr": None if size is None else psnr(self.original, pixels, PEAK),
        }
