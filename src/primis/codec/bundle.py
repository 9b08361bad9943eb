"""Model bundles: a folder with networks, integer tables and a manifest that pins them all."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from primis.codec.census import COUNTS
from primis.codec.rim import DEPTH
from primis.errors import UnknownModelError

MANIFEST = "manifest.json"
DEFAULT = "radiograph-8"
DIGEST_LENGTH = 8
MODELS_VARIABLE = "PRIMIS_MODELS"
"""Environment variable: more folders to look for bundles in, separated as in PATH."""

_SHIPPED = Path(__file__).parent.parent / "models"


@dataclass(frozen=True, eq=False)
class ModelBundle:
    """A checked model bundle.

    Parameters
    ----------
    folder
        Where its files are.
    name
        Name and version, as ``radiograph-8``.
    digest
        First 8 bytes of the SHA-256 of the manifest: what a public file names its model by.
    rim
        Gains of the outermost lines of an image with a dark rim; see `primis.codec.rim`.
    bits_per_code
        By whether the sparsifier is used, (5,): bits that a coefficient takes on average for each
        count of `Census.counts`; turns a rate into a sparsity.
    probabilities, sign_probabilities
        128 integers each: the probability tables of the context model, in 1/65536.
    """

    folder: Path
    name: str
    digest: bytes
    rim: tuple[float, ...]
    bits_per_code: dict[bool, NDArray[np.float64]]
    probabilities: NDArray[np.int64]
    sign_probabilities: NDArray[np.int64]

    @classmethod
    def load(cls, folder: Path) -> ModelBundle:
        """Read the manifest and check every file against it.

        Raises
        ------
        UnknownModelError
            If the folder is not a complete, unaltered bundle.
        """
        try:
            text = (folder / MANIFEST).read_bytes()
            manifest = json.loads(text)
            for name, expected in manifest["files"].items():
                if hashlib.sha256((folder / name).read_bytes()).hexdigest() != expected:
                    raise UnknownModelError(
                        f"{name} of the model bundle in {folder} is not what its manifest says",
                        hint="install primis again",
                    )
            return cls(
                folder=folder,
                name=str(manifest["name"]),
                digest=hashlib.sha256(text).digest()[:DIGEST_LENGTH],
                rim=_gains(manifest["rim"]),
                bits_per_code={
                    sparsified: _prices(manifest["bits_per_code"][key])
                    for sparsified, key in ((True, "sparsified"), (False, "plain"))
                },
                probabilities=_probabilities(manifest["probabilities"]),
                sign_probabilities=_probabilities(manifest["sign_probabilities"]),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnknownModelError(
                f"{folder} is not a complete model bundle", hint="install primis again"
            ) from error


def _probabilities(numbers: object) -> NDArray[np.int64]:
    table = np.array(numbers, dtype=np.int64)
    if table.shape != (128,) or not (table > 0).all() or not (table < 2**16).all():
        raise ValueError("probabilities")
    return table


def _gains(numbers: object) -> tuple[float, ...]:
    gains = np.array(numbers, dtype=np.float64)
    if gains.shape != (DEPTH,) or not (gains > 0.1).all() or not (gains < 10).all():
        raise ValueError("rim")
    return tuple(gains.tolist())


def _prices(numbers: object) -> NDArray[np.float64]:
    prices = np.array(numbers, dtype=np.float64)
    if prices.shape != (COUNTS,) or not (prices >= 0).all() or not prices.any():
        raise ValueError("bits_per_code")
    return prices


def find(digest: bytes | None = None) -> ModelBundle:
    """Return the installed bundle with ``digest``, or the default one.

    Raises
    ------
    UnknownModelError
        If no installed bundle has it; the message names the digest.
    """
    if digest is None:
        return _load(_SHIPPED / DEFAULT)
    for folder in _folders():
        manifest = folder / MANIFEST
        if hashlib.sha256(manifest.read_bytes()).digest()[:DIGEST_LENGTH] == digest:
            return _load(folder)
    raise UnknownModelError(
        f"the public file was made with model {digest.hex()}, which is not installed",
        hint="install the release of primis that carries it, or put its folder into a folder that "
        f"{MODELS_VARIABLE} names",
    )


@cache
def _load(folder: Path) -> ModelBundle:
    return ModelBundle.load(folder)


def _folders() -> list[Path]:
    extra = os.environ.get(MODELS_VARIABLE, "")
    roots = [_SHIPPED, *(Path(part) for part in extra.split(os.pathsep) if part)]
    return [manifest.parent for root in roots for manifest in sorted(root.glob(f"*/{MANIFEST}"))]
