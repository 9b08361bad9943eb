"""A data set as the attacker has it: arrays that a network reads, and the truth beside them.

Every band is repeated up to half the image's resolution, so that all that belongs to one place of
the picture is in one column of channels: ``maps`` has the channels

- details, three for each scale, finest first, and the smooth band: grey levels, compressed by
  asinh, since true values and sealed bytes read as codes span many orders of magnitude;
- the mean grey level;
- the picture that the decoder makes of the public part as it is, each 2x2 pixels in 4 channels,
  and the one it makes of the lower half of the magnitudes: noise outside the range of true values
  falls away.

Beside them ``bits`` has the first bytes of every level: what fields there are stand there, so that
is where a wrong use of a cipher would show first.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from primis.attacks.attack import Report, Settings
from primis.attacks.pictures import small
from primis.attacks.targets import SIGNS_STEP, Grey, Published, Target
from primis.batch import over_pool
from primis.codec.codec import Codec
from primis.codec.codes import Integers
from primis.codec.layout import Layout
from primis.errors import PrimisError
from primis.files import write_atomically
from primis.levels import CODED_LEVELS
from primis.obfuscation.ambiguation import AMBIGUATED_SCALES
from primis.study.dataset import Case, content, read_pixels
from primis.study.workspace import JSON, Workspace, make_folder, settings_hash

Arrays: TypeAlias = dict[str, NDArray[Any]]

HEAD = 32
"""Bytes from the start of each level that are looked at bit by bit."""

_FORMAT = 3  # counted up when what is kept changes its meaning


@dataclass(frozen=True, eq=False)
class Corpus:
    """Cases, published.

    Parameters
    ----------
    target
        Name of the target or level.
    cases
        What was published, n cases.
    pixels
        uint8 (n, side, side): the originals.
    full
        uint8 (n, side, side): what a holder of the highest key sees.
    maps
        float16 (n, channels, side / 2, side / 2), see above.
    bits
        int8 (n, m), -1 or 1; 0 where there is none.
    signs
        int8 (n, 6, side / 2, side / 2): true signs of the two finest scales, 0 off the support,
        the coarser one repeated. None where the question makes no sense.
    """

    target: str
    cases: tuple[Case, ...]
    pixels: Grey
    full: Grey
    maps: NDArray[np.float16]
    bits: NDArray[np.int8]
    signs: NDArray[np.int8] | None = None

    @cached_property
    def patients(self) -> list[str]:
        """The patient of every case."""
        return [case.patient for case in self.cases]

    def indices(self, split: str) -> NDArray[np.intp]:
        """Positions of the cases of a split."""
        return np.flatnonzero([case.split == split for case in self.cases])


def publish(
    cases: Sequence[Case], target: Target, settings: Settings, workspace: Workspace, report: Report
) -> Corpus:
    """Publish cases under a target, each with fresh keys; what was published before is reused."""
    side = settings.side
    arrays = _stored(
        workspace,
        {
            "format": _FORMAT,
            "target": target.name,
            "rate": settings.rate,
            "side": side,
            "seed": settings.seed,
            "model": Codec.default(1).model.digest.hex(),
            "images": [content(case.path) for case in cases],
        },
        lambda: _publish(cases, target, settings, report),
    )
    pixels = arrays["pixels"]
    layout = Layout(side, side)
    bands = [_repeated(band, side // 2) for band in _split(arrays["bands"], layout)]
    maps = np.concatenate(
        [
            *bands,
            np.broadcast_to(
                arrays["offset"][:, None, None, None], (len(cases), 1, *[side // 2] * 2)
            ),
            blocks(arrays["whole"]),
            blocks(arrays["lower"]),
        ],
        axis=1,
        dtype=np.float16,
    )
    finest = _split(arrays["signs"], layout)[:AMBIGUATED_SCALES]
    signs = np.concatenate([_repeated(band, side // 2) for band in finest], axis=1)
    return Corpus(target.name, tuple(cases), pixels, arrays["full"], maps, arrays["bits"], signs)


def shown(
    name: str,
    cases: Sequence[Case],
    shown_pixels: Sequence[Grey],
    originals: Sequence[Grey],
    side: int,
) -> Corpus:
    """Make the corpus of a party who sees pictures, not files.

    Parameters
    ----------
    name
        What is shown: a level.
    cases, shown_pixels, originals
        Equally many; pictures of any size, uint8.
    side
        Pixels a side to which everything is averaged down.
    """
    seen = np.stack([small(picture, side) for picture in shown_pixels])
    pixels = np.stack([small(picture, side) for picture in originals])
    maps = blocks((seen.astype(np.float16) - 128) / 64)
    bits = np.zeros((len(cases), 0), dtype=np.int8)
    return Corpus(name, tuple(cases), pixels, seen, maps, bits)


def _publish(cases: Sequence[Case], target: Target, settings: Settings, report: Report) -> Arrays:
    """Publish and keep what is needed, compactly."""
    work = partial(_publish_one, target=target, side=settings.side, seed=settings.seed)
    rows: dict[str, list[Any]] = {}
    outcomes = over_pool(work, enumerate(cases), processes=min(settings.processes, len(cases)))
    for done, row in enumerate(outcomes, start=1):
        if isinstance(row, PrimisError):
            raise row
        for name, value in row.items():
            rows.setdefault(name, []).append(value)
        if done % 100 == 0 or done == len(cases):
            report(f"{target.name}: published {done} of {len(cases)} images")
    return {name: np.stack(values) for name, values in rows.items()}


def _publish_one(numbered: tuple[int, Case], *, target: Target, side: int, seed: int) -> Arrays:
    number, case = numbered
    codec = Codec.default(1)
    pixels = small(read_pixels(case), side)
    published = target.publish(pixels, seed + number)
    return {
        "pixels": pixels,
        "full": codec.decode(published.truth, 8),
        "bands": _compressed(published),
        "offset": np.asarray(np.clip((published.offset - 128) / 64, -4, 4), np.float16),
        "whole": _decoded(codec, published, published.bands),
        "lower": _decoded(codec, published, _lower_half(published.bands)),
        "bits": _bits(published),
        "signs": np.concatenate([signs.ravel() for signs in published.signs]),
    }


def _compressed(published: Published) -> NDArray[np.float16]:
    values = np.concatenate([band.ravel() for band in published.bands])
    return (np.arcsinh(values * (published.step / 4)) / 2).astype(np.float16)


def _decoded(
    codec: Codec, published: Published, bands: tuple[Integers, ...]
) -> NDArray[np.float16]:
    step, offset = (published.step, published.offset) if published.step != 1 else (SIGNS_STEP, 128)
    codes = replace(published.truth, values=bands, step=step, offset=offset)
    picture = codec.decode_exactly(codes)
    return (np.nan_to_num(picture).clip(-256, 512) / 64 - 2).astype(np.float16)


def _lower_half(bands: tuple[Integers, ...]) -> tuple[Integers, ...]:
    """Drop all values beyond half of the largest magnitude."""
    half = max(int(np.abs(band).max()) for band in bands) / 2
    return tuple(np.where(np.abs(band) <= half, band, 0) for band in bands)


def _bits(published: Published) -> NDArray[np.int8]:
    """Return the bits of the first bytes of every level, as far as they are there."""
    bits = np.zeros((CODED_LEVELS, 8 * HEAD), dtype=np.int8)
    for level, body in enumerate(published.bodies or published.payloads):
        there = np.unpackbits(np.frombuffer(body[:HEAD], dtype=np.uint8))
        bits[level, : len(there)] = 2 * there.astype(np.int8) - 1
    return bits.ravel()


def _split(flat: NDArray[Any], layout: Layout) -> list[NDArray[Any]]:
    """Part flat coefficients (n, coefficients) into bands (n, bands, rows, columns)."""
    result, start = [], 0
    for shape in layout.shapes:
        size = int(np.prod(shape))
        result.append(flat[:, start : start + size].reshape(-1, *shape))
        start += size
    return result


def unblocked(maps: NDArray[Any]) -> NDArray[Any]:
    """Undo `blocks`: (n, 4, r, c) to (n, 2 r, 2 c)."""
    count, _, rows, columns = maps.shape
    squares = maps.reshape(count, 2, 2, rows, columns).transpose(0, 3, 1, 4, 2)
    return squares.reshape(count, 2 * rows, 2 * columns)


def _repeated(bands: NDArray[Any], side: int) -> NDArray[Any]:
    factor = side // bands.shape[-1]
    return bands.repeat(factor, axis=2).repeat(factor, axis=3)


def blocks(pictures: NDArray[Any]) -> NDArray[Any]:
    """Turn pictures (n, 2 r, 2 c) into the four places of their 2x2 blocks (n, 4, r, c)."""
    return np.stack([pictures[:, down::2, right::2] for down in (0, 1) for right in (0, 1)], axis=1)


def _stored(
    workspace: Workspace, settings: Mapping[str, JSON], compute: Callable[[], Arrays]
) -> Arrays:
    """Keep arrays in the workspace's cache."""
    path = workspace.cache / "published" / f"{settings_hash(settings)}.npz"
    if not path.exists():
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **compute())
        make_folder(path.parent)
        write_atomically(path, buffer.getvalue(), overwrite=True)
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)
