"""How close every level comes to the original, against other codecs of equally many bytes.

The result (`evaluate_fidelity`) is a dict:

- ``images``, ``patients``, ``rates`` (name: bits per pixel), ``recipes`` (codec: options);
- ``rows``: one record per rate, rendition and codec ("primis" or a peer) with ``bits_per_pixel``
  and, each an interval over patients, ``psnr`` (dB), ``ssim``, ``ms_ssim``. A peer that cannot
  make one of the files so small has None for them. The rendition "public" is a public file read
  without a key, and the codec "uniform grey" is what a viewer gets who knows nothing at all;
- ``differences``: per rate, level and peer, primis minus peer, image by image (``psnr``,
  ``ms_ssim``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from primis import container
from primis.api import RATES
from primis.evaluate.metrics import ms_ssim, psnr, ssim
from primis.evaluate.peers import Peer, available
from primis.evaluate.per_image import Measurement, measure_each
from primis.obfuscation import Level
from primis.obfuscation.keystream import KEY_LENGTH
from primis.study.dataset import Case, Dataset, read_pixels
from primis.study.renditions import DIAGNOSTIC, FULL, PREVIEW, PUBLIC, Renditions
from primis.study.statistics import bootstrap
from primis.study.workspace import Workspace

Pixels = NDArray[np.uint8]
Row = dict[str, Any]

METRICS: Mapping[str, Callable[[Pixels, Pixels, float], float]] = {
    "psnr": psnr,
    "ssim": ssim,
    "ms_ssim": ms_ssim,
}
PEAK = 255.0
LARGEST = 100.0
"""Decibels of equal pictures, for JSON and means know no infinity."""
CANDIDATE, NOTHING = "primis", "uniform grey"
LEVELS = {PREVIEW: Level.PREVIEW, DIAGNOSTIC: Level.DIAGNOSTIC, FULL: Level.FULL}


def evaluate_fidelity(
    dataset: Dataset,
    workspace: Workspace,
    *,
    rates: Mapping[str, float] = RATES,
    images: int = 40,
    peers: Sequence[Peer] | None = None,
    processes: int = 1,
    report: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Measure the fidelity of the test images of a data set.

    Parameters
    ----------
    dataset
        Its test split is measured.
    workspace
        Keeps the measurements of each image.
    rates
        Bits per pixel of a public file, by name.
    images
        At most about so many images, all of one patient or none: searching a peer's file of a
        given size encodes the image many times over.
    peers
        Codecs to compare with; None for all that are installed.
    processes
        How many to use.
    report
        Told about progress.

    Raises
    ------
    InputError
        If the data set has no test images.
    """
    peers = available() if peers is None else peers
    renditions = {name: Renditions(rate, workspace.cache) for name, rate in rates.items()}
    recipes = {peer.name: peer.recipe for peer in peers}
    settings = {
        "rates": {name: made.settings for name, made in renditions.items()},
        "peers": recipes,
    }
    measure = partial(measure_image, renditions=renditions, peers=peers)
    cases, measured = measure_each(
        Measurement("fidelity", measure, settings, workspace.folder),
        dataset,
        images,
        processes=processes,
        report=report,
    )
    patients = [case.patient for case in cases]
    return {
        "images": len(cases),
        "patients": len(set(patients)),
        "rates": dict(rates),
        "recipes": recipes,
        "rows": [_summary(rows, patients) for rows in zip(*measured, strict=True)],
        "differences": _differences(measured, patients),
    }


def measure_image(
    case: Case, renditions: Mapping[str, Renditions], peers: Sequence[Peer]
) -> list[Row]:
    """Measure one image at every rate and level, and each peer at the same bytes.

    Returns
    -------
    list of dict
        ``rate``, ``rendition``, ``codec``, ``bits_per_pixel``, ``psnr``, ``ssim``, ``ms_ssim``; the
        last four None for a peer that has no file so small.
    """
    original = read_pixels(case)
    peers = [_remembering(peer) for peer in peers]
    rows = []
    for rate, made in renditions.items():
        public = made.public_file(case)
        for rendition, level in LEVELS.items():
            size = bytes_needed(public, level)
            rows.append(
                _row(rate, rendition, CANDIDATE, size, original, made.pixels(case, rendition))
            )
            for peer in peers:
                data = peer.at_size(original, size)
                decoded = None if data is None else peer.decode(data)
                length = size if data is None else len(data)
                rows.append(_row(rate, rendition, peer.name, length, original, decoded))
        for codec, pixels in (
            (CANDIDATE, made.pixels(case, PUBLIC)),
            (NOTHING, np.full_like(original, 128)),
        ):
            rows.append(_row(rate, PUBLIC, codec, len(public), original, pixels))
    return rows


def bytes_needed(public: bytes, level: Level) -> int:
    """Bytes that the holder of a level's key needs: the key, the file without higher levels."""
    lengths = container.parse(public).header.lengths
    return KEY_LENGTH + len(public) - sum(lengths[level + 1 :])


def _row(
    rate: str, rendition: str, codec: str, size: int, original: Pixels, pixels: Pixels | None
) -> Row:
    qualities: Row = dict.fromkeys(METRICS)
    if pixels is not None:
        qualities = {
            name: min(metric(original, pixels, PEAK), LARGEST) for name, metric in METRICS.items()
        }
    return {
        "rate": rate,
        "rendition": rendition,
        "codec": codec,
        "bits_per_pixel": 8 * size / original.size,
        **qualities,
    }


def _remembering(peer: Peer) -> Peer:
    """Return a peer for one image of 8 bits that encodes at each setting once."""
    known: dict[float, bytes] = {}

    def encode(pixels: Pixels, setting: float, bits: int) -> bytes:
        if setting not in known:
            known[setting] = peer.encode(pixels, setting, bits)
        return known[setting]

    return replace(peer, encode=encode)


def _summary(rows: Sequence[Row], patients: Sequence[str]) -> Row:
    """Means of one rate, rendition and codec over the images."""
    first = rows[0]
    return {
        **{name: first[name] for name in ("rate", "rendition", "codec")},
        "bits_per_pixel": float(np.mean([row["bits_per_pixel"] for row in rows])),
        **{name: _mean([row[name] for row in rows], patients) for name in METRICS},
    }


def _differences(measured: Sequence[Sequence[Row]], patients: Sequence[str]) -> list[Row]:
    """Primis minus each peer at each rate and level."""
    places = {
        (row["rate"], row["rendition"], row["codec"]): place
        for place, row in enumerate(measured[0])
    }
    result = []
    for (rate, rendition, codec), place in places.items():
        if rendition == PUBLIC or codec == CANDIDATE:
            continue
        own = places[rate, rendition, CANDIDATE]
        record: Row = {"rate": rate, "rendition": rendition, "peer": codec}
        for name in ("psnr", "ms_ssim"):
            pairs = [(rows[own][name], rows[place][name]) for rows in measured]
            record[name] = _mean([None if b is None else a - b for a, b in pairs], patients)
        result.append(record)
    return result


def _mean(values: Sequence[float | None], patients: Sequence[str]) -> dict[str, float] | None:
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    return asdict(bootstrap(_average, patients, np.array(known)))


def _average(values: NDArray[np.float64]) -> float:
    return float(values.mean())
