"""Compressing the public bytes: what compresses is not random."""

from __future__ import annotations

import bz2
import lzma
import secrets
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import imagecodecs
import numpy as np

from primis.attacks.record import AttackResult
from primis.attacks.supervised.scoring import above_floor
from primis.attacks.unsupervised.files import Files, against_targets

if TYPE_CHECKING:
    from primis.attacks.attack import Report, Settings
    from primis.study.dataset import Dataset
    from primis.study.workspace import Workspace


def run(dataset: Dataset, _: Workspace, settings: Settings, report: Report) -> list[AttackResult]:
    """See `primis.attacks.attack.Attack`."""
    return against_targets(compression, dataset, settings, report)


COMPRESSORS: dict[str, Callable[[bytes], bytes | bytearray]] = {
    "zlib": partial(zlib.compress, level=9),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zstd": partial(imagecodecs.zstd_encode, level=19),
    "brotli": imagecodecs.brotli_encode,
}


def compression(files: Files) -> Iterator[AttackResult]:
    """Compress each file's payloads by the best of five programs, and random bytes likewise."""
    own = [saving(published.data) for published in files.published]
    without = [saving(secrets.token_bytes(len(published.data))) for published in files.published]
    score, floor = above_floor(files.patients, np.array(own), np.array(without), files.seed)
    yield AttackResult(
        attack="compression",
        kind="unsupervised",
        target=files.target,
        metric="bytes saved (%)",
        score=score,
        floor=floor,
        ceiling=100.0,
        knowledge="the public file",
        pairs=None,
        notes=f"best of {', '.join(COMPRESSORS)}; floor: random bytes of the same length",
    )


def saving(data: bytes) -> float:
    """Return by how many percent the best program shortens ``data``; negative if it gets longer."""
    shortest = min(len(compress(data)) for compress in COMPRESSORS.values())
    return 100 * (1 - shortest / len(data))
