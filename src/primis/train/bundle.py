"""From trained networks to a model bundle that the codec loads and checks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from primis.codec.bitstream import measure, usable_length
from primis.codec.bundle import MANIFEST, ModelBundle
from primis.codec.codec import SPARE_PLANES, Codec
from primis.train.context import ContextNetworks, calibrate, export_context, prior_probabilities
from primis.train.data import Picture
from primis.train.export import export_networks
from primis.train.networks import AutoEncoder

GOLDEN = "golden.json"
_GUESSED_BITS_PER_CODE = 8.0
_CALIBRATION_RATES = (0.06, 0.12, 0.25, 0.5)  # bits per pixel


def write_bundle(
    codec: AutoEncoder,
    context: ContextNetworks,
    folder: Path,
    *,
    name: str,
    pictures: Sequence[Picture],
    facts: dict[str, Any],
) -> ModelBundle:
    """Export, calibrate on ``pictures`` (training images), and pin everything in a manifest.

    Parameters
    ----------
    codec, context
        The trained networks.
    folder
        Made if missing; files of the same names are replaced.
    name
        Name and version of the model.
    pictures
        Images that the probability table is counted on.
    facts
        What the manifest shall say of the model's origin: data, licence, training.
    """
    folder.mkdir(parents=True, exist_ok=True)
    export_networks(codec, folder)
    export_context(context, folder / "context.onnx")
    manifest: dict[str, Any] = {
        "name": name,
        **facts,
        "bits_per_code": _GUESSED_BITS_PER_CODE,
        "probabilities": prior_probabilities().tolist(),
    }
    _write_manifest(folder, manifest)
    bits_per_code, symbols = _survey(folder, pictures)
    manifest["bits_per_code"] = bits_per_code
    manifest["probabilities"] = calibrate(symbols[:, 1], symbols.sum(1)).tolist()
    _write_manifest(folder, manifest)
    _write_golden(folder)
    _write_manifest(folder, manifest)
    return ModelBundle.load(folder)


def _survey(folder: Path, pictures: Sequence[Picture]) -> tuple[float, NDArray[np.int64]]:
    """Measure bits per non-zero coefficient, and bits at each probability index."""
    codec = Codec(ModelBundle.load(folder))
    symbols = np.zeros((128, 2), dtype=np.int64)
    ratios = []
    for number, picture in enumerate(pictures):
        rate = _CALIBRATION_RATES[number % len(_CALIBRATION_RATES)]
        budget = int(rate * picture.size / 8)
        codes = codec.encode(picture, budget)
        statistics = measure(codes, codec.context)
        wanted = 8 * budget / codec.model.bits_per_code
        ratios.append(statistics.bits[SPARE_PLANES:].sum() / wanted)
        # Planes far below the rate are hardly ever coded: count only what a file holds.
        shifted = replace(
            codes,
            values=tuple(
                np.sign(band) * (np.abs(band) >> SPARE_PLANES - 1) for band in codes.values
            ),
        )
        symbols += measure(shifted, codec.context).symbols
    return round(float(np.median(ratios)), 2), symbols


def _write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    files = sorted([*folder.glob("*.onnx"), *folder.glob(GOLDEN)])
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    text = json.dumps({**manifest, "files": digests}, indent=1)
    (folder / MANIFEST).write_text(text + "\n")


def golden_image() -> Picture:
    """Return a synthetic test picture (96, 80): shading, an ellipse, bars and text-like specks."""
    y, x = np.mgrid[0:96, 0:80].astype(np.float64)
    picture = 90 + 0.8 * x + 20 * np.sin(y / 9)
    picture += 60 * (((x - 42) / 22) ** 2 + ((y - 50) / 30) ** 2 < 1)
    picture[10:14, 8:40] = 230
    picture[80:90, 50:70:4] = 10
    picture += ((7 * x + 13 * y) % 11 < 1) * 6
    return np.rint(picture).clip(0, 255).astype(np.uint8)


def _write_golden(folder: Path) -> None:
    """Write what every runtime must reproduce: bodies, and the picture that they decode to."""
    (folder / GOLDEN).unlink(missing_ok=True)
    codec = Codec(ModelBundle.load(folder))
    picture = golden_image()
    lengths = [usable_length(level, length) for level, length in enumerate((160, 300, 500))]
    bodies = codec.pack(codec.encode(picture, sum(lengths)), lengths)
    decoded = codec.decode(codec.unpack((96, 80), bodies), bits=8)
    golden = {
        "rows": 96,
        "columns": 80,
        "bodies": [body.hex() for body in bodies],
        "pixels": decoded.tobytes().hex(),
    }
    (folder / GOLDEN).write_text(json.dumps(golden, indent=1) + "\n")
