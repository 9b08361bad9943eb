"""From trained networks to a model bundle that the codec loads and checks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from primis.codec.bitstream import measure, usable_length
from primis.codec.bundle import MANIFEST, ModelBundle
from primis.codec.census import Census
from primis.codec.codec import SPARE_PLANES, Codec
from primis.codec.context import NETWORK, PARENT_NETWORK, SIGN_NETWORK
from primis.codec.integers import EVEN_ODDS, EVEN_SIGN
from primis.train.data import Picture
from primis.train.entropy import EntropyNetworks
from primis.train.export import export_networks
from primis.train.integers import (
    calibrate,
    export_context,
    export_parents,
    export_signs,
    prior_probabilities,
)
from primis.train.networks import DISTINCT_SCALES, AutoEncoder

GOLDEN = "golden.json"
_GUESSED_BITS_PER_CODE = (7.0,) * DISTINCT_SCALES + (0.0,)
_CALIBRATION_RATES = {  # bits per pixel
    "sparsified": (0.04, 0.08, 0.16, 0.32, 0.5, 0.7),
    "plain": (0.5, 1.0, 2.0, 4.0),
}


def write_bundle(
    codec: AutoEncoder,
    entropy: EntropyNetworks,
    folder: Path,
    *,
    name: str,
    rim: Sequence[float],
    pictures: Sequence[Picture],
    facts: dict[str, Any],
) -> ModelBundle:
    """Export, calibrate on ``pictures`` (training images), and pin everything in a manifest.

    Parameters
    ----------
    codec, entropy
        The trained networks.
    folder
        Made if missing; files of the same names are replaced.
    name
        Name and version of the model.
    rim
        Gains of the rim, from `primis.codec.rim.fit_gains`.
    pictures
        Images that the probability table is counted on.
    facts
        What the manifest shall say of the model's origin: data, licence, training.
    """
    folder.mkdir(parents=True, exist_ok=True)
    export_networks(codec, folder)
    export_context(entropy.context, folder / NETWORK)
    export_parents(entropy.context, folder / PARENT_NETWORK)
    export_signs(entropy.signs, folder / SIGN_NETWORK)
    manifest: dict[str, Any] = {
        "name": name,
        **facts,
        "rim": rim,
        "bits_per_code": dict.fromkeys(_CALIBRATION_RATES, _GUESSED_BITS_PER_CODE),
        "probabilities": prior_probabilities(EVEN_ODDS).tolist(),
        "sign_probabilities": prior_probabilities(EVEN_SIGN).tolist(),
    }
    _write_manifest(folder, manifest)
    manifest |= _survey(folder, pictures)
    _write_manifest(folder, manifest)
    _write_golden(folder)
    _write_manifest(folder, manifest)
    return ModelBundle.load(folder)


def _survey(folder: Path, pictures: Sequence[Picture]) -> dict[str, Any]:
    """Measure bits per coefficient, for each count of a census, and both probability tables."""
    codec = Codec(ModelBundle.load(folder))
    symbols, signs = np.zeros((2, 128, 2), dtype=np.int64)
    prices = {}
    for name, rates in _CALIBRATION_RATES.items():
        found = []
        for number, picture in enumerate(pictures):
            for rate in rates[number % 2 :: 2]:
                budget, sparsified = int(rate * picture.size / 8), name == "sparsified"
                codes = codec.encode(picture, budget, sparsified=sparsified, refine=False)
                counts = codec.census(picture, sparsified=sparsified).counts()
                bin_ = Census.bin_of(codes.step * 2**SPARE_PLANES)
                # Planes far below the rate are hardly ever coded: count only what a file holds.
                counted = measure(codes, codec.context, lowest=SPARE_PLANES - 1)
                found.append(np.append(counts[:, bin_], counted.bits[SPARE_PLANES:].sum()))
                symbols += counted.symbols
                signs += counted.signs
        prices[name] = fit_prices(np.array(found))
    return {
        "bits_per_code": prices,
        "probabilities": calibrate(symbols, EVEN_ODDS).tolist(),
        "sign_probabilities": calibrate(signs, EVEN_SIGN).tolist(),
    }


def fit_prices(found: NDArray[np.float64]) -> list[float]:
    """Fit bits per coefficient, none negative, to (n, 6): counts and bits of coded images.

    A percent counts alike in all of them.
    """
    counts, bits = found[:, :-1], found[:, -1]
    prices, _ = nnls(counts / bits[:, None], np.ones(len(bits)))
    return [round(float(price), 3) for price in prices]


def _write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    files = sorted([*folder.glob("*.onnx"), *folder.glob("*.npz"), *folder.glob(GOLDEN)])
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
