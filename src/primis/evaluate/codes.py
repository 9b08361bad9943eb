"""What each sparse code contributes to the picture.

The codes of an image are bit-planes ("plane" 0 the finest) of the bands of several scales ("scale"
0 the finest, the last one the smooth band). They are added in the order of coding, the most
significant plane first and the coarsest scale first within a plane, and the picture is decoded
after each addition. The result (`evaluate_codes`) is a dict:

- ``images``, ``rate``;
- ``rows``: one record per plane and scale that holds anything, in that order: ``plane``,
  ``scale``, ``size`` (pixels that a coefficient stands for, a side), and means over the ``images``
  that have it: ``coefficients``, ``nonzeros``, ``bits`` (what coding them takes), ``psnr`` (dB,
  with this and all before), ``gain`` (dB over the picture without it), ``error_per_bit`` (how much
  the sum of squared errors falls for each bit) and ``carried`` (level: fraction of the
  coefficients that its holder knows);
- ``pictures``: file names of one image, relative to the output folder: ``alone`` and ``together``
  by plane, ``scales`` by scale (each scale alone).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from primis import container
from primis.codec import bitstream
from primis.codec.codec import Codec
from primis.codec.codes import SparseCodes, everything_known
from primis.evaluate.per_image import Measurement, measure_each
from primis.files import write_atomically
from primis.images import Attributes, Image
from primis.images.raster import encode_png
from primis.levels import read_levels, write_levels
from primis.obfuscation import Level, keystream
from primis.study.dataset import Case, Dataset, read_pixels
from primis.study.renditions import Renditions
from primis.study.workspace import Workspace

Pixels = NDArray[np.uint8]
Row = dict[str, Any]

LEVELS = (Level.PREVIEW, Level.DIAGNOSTIC, Level.FULL)


def evaluate_codes(
    dataset: Dataset,
    renditions: Renditions,
    workspace: Workspace,
    *,
    images: int = 20,
    pictures: Path | None = None,
    processes: int = 1,
    report: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Take the codes of test images apart.

    Parameters
    ----------
    dataset
        Its test split is measured.
    renditions
        Tell how many bytes each level has.
    workspace
        Keeps the measurements of each image.
    images
        At most about so many images.
    pictures
        Folder for pictures of the codes of the first image; None makes none.
    processes
        How many to use.
    report
        Told about progress.

    Raises
    ------
    InputError
        If the data set has no test images.
    """
    measure = partial(_measure_case, renditions=renditions)
    cases, measured = measure_each(
        Measurement("codes", measure, renditions.settings, workspace.folder),
        dataset,
        images,
        processes=processes,
        report=report,
    )
    result: dict[str, Any] = {
        "images": len(cases),
        "rate": renditions.rate,
        "rows": _mean_rows(measured),
    }
    if pictures is not None:
        first = cases[0]
        lengths = body_lengths(renditions.public_file(first))
        result["pictures"] = save_pictures(read_pixels(first), lengths, pictures)
    return result


def body_lengths(public: bytes) -> list[int]:
    """Bytes of attributes and codes at each level of a keystream public file."""
    lengths = container.parse(public).header.lengths[: len(LEVELS)]
    return [length - keystream.sealed_length(level, 0) for level, length in enumerate(lengths)]


def measure_codes(pixels: Pixels, lengths: Sequence[int]) -> list[Row]:
    """Add the codes of one image one after another.

    Parameters
    ----------
    pixels
        (rows, columns).
    lengths
        Bytes of the levels, as `body_lengths` tells.

    Returns
    -------
    list of dict
        As ``rows`` of the module, down to the finest plane that level full knows anything of.
    """
    codec = Codec.default(threads=1)
    codes, bodies = write_levels(codec, _image(pixels), lengths)
    held = {
        level.label: read_levels(codec, _shape(pixels), bodies[: level + 1])[1] for level in LEVELS
    }
    bits = bitstream.measure(codes, codec.context).bits
    picture = np.full(pixels.shape, codes.offset, np.float64)
    rows = []
    for plane, scale in _order(codes, held[Level.FULL.label].plane):
        cost = float(bits[plane, scale])
        if not cost:
            continue
        before, code = picture, codes.code(plane)[scale]
        picture = codec.decode(known_until(codes, plane, scale), 8).astype(np.float64)
        errors = [float(((image - pixels) ** 2).sum()) for image in (before, picture)]
        rows.append(
            {
                "plane": plane,
                "scale": scale,
                "size": 2 ** min(scale + 1, codes.layout.scales),
                "coefficients": code.size,
                "nonzeros": int(np.count_nonzero(code)),
                "bits": cost,
                "psnr": _decibels(errors[1], pixels.size),
                "gain": _decibels(errors[1], pixels.size) - _decibels(errors[0], pixels.size),
                "error_per_bit": (errors[0] - errors[1]) / cost,
                "carried": {
                    level: _share_known(part, plane, scale) for level, part in held.items()
                },
            }
        )
    return rows


def known_until(codes: SparseCodes, plane: int, scale: int) -> SparseCodes:
    """Forget what is coded after one plane of one scale."""
    places = range(len(codes.values))
    cuts = [plane if place >= scale else plane + 1 for place in places]
    return replace(
        codes,
        values=tuple(
            codes.span.values(np.sign(words) * (np.abs(words) >> cut << cut))
            for words, cut in zip(codes.words(), cuts, strict=True)
        ),
        plane=plane,
        known=tuple(np.full(codes.values[place].shape, place >= scale) for place in places),
    )


def only_plane(codes: SparseCodes, plane: int) -> SparseCodes:
    """Keep one ternary code and forget all others."""
    values = tuple(codes.span.values(code.astype(np.int32) << plane) for code in codes.code(plane))
    return replace(codes, values=values, plane=plane, known=everything_known(codes.layout))


def only_scale(codes: SparseCodes, scale: int) -> SparseCodes:
    """Keep all codes of one scale and forget the others."""
    values = tuple(
        band if place == scale else np.zeros_like(band) for place, band in enumerate(codes.values)
    )
    return replace(codes, values=values)


def save_pictures(
    pixels: Pixels, lengths: Sequence[int], folder: Path
) -> dict[str, dict[str, str]]:
    """Write pictures of the codes of one image as PNG files.

    Returns
    -------
    dict
        ``alone`` and ``together`` (with all coarser ones) by plane, ``scales`` by scale: names
        relative to the folder above `folder`. What stands alone is shown around mid-grey, its
        contrast stretched.
    """
    codec = Codec.default(threads=1)
    _, bodies = write_levels(codec, _image(pixels), lengths)
    codes = read_levels(codec, _shape(pixels), bodies)[1]
    folder.mkdir(parents=True, exist_ok=True)
    names: dict[str, dict[str, str]] = {"alone": {}, "together": {}, "scales": {}}

    def save(kind: str, part: int, picture: Pixels) -> None:
        path = folder / f"codes-{kind}-{part}.png"
        write_atomically(path, encode_png(picture), overwrite=True)
        names[kind][str(part)] = f"{folder.name}/{path.name}"

    for plane in reversed(range(codes.plane, codes.planes)):
        save("alone", plane, _stretched(codec, only_plane(codes, plane)))
        together = codes if plane == codes.plane else known_until(codes, plane, 0)
        save("together", plane, codec.decode(together, 8))
    for scale in reversed(range(len(codes.values))):
        save("scales", scale, _stretched(codec, only_scale(codes, scale)))
    return names


def _measure_case(case: Case, renditions: Renditions) -> list[Row]:
    return measure_codes(read_pixels(case), body_lengths(renditions.public_file(case)))


def _order(codes: SparseCodes, last: int) -> Iterator[tuple[int, int]]:
    for plane in reversed(range(last, codes.planes)):
        for scale in reversed(range(len(codes.values))):
            yield plane, scale


def _share_known(codes: SparseCodes, plane: int, scale: int) -> float:
    if plane != codes.plane:
        return float(plane > codes.plane)
    return float(codes.known[scale].mean())


def _stretched(codec: Codec, codes: SparseCodes) -> Pixels:
    change = codec.decode_exactly(codes) - codes.offset
    unit = max(float(np.percentile(np.abs(change), 99.5)), 1e-6)
    return np.asarray(np.rint(127.5 + 127.5 * (change / unit).clip(-1, 1)), np.uint8)


def _mean_rows(measured: Sequence[Sequence[Row]]) -> list[Row]:
    """Average each plane and scale over the images that have it."""
    groups: dict[tuple[int, int], list[Row]] = {}
    for row in (row for rows in measured for row in rows):
        groups.setdefault((row["plane"], row["scale"]), []).append(row)
    result = []
    for (plane, scale), rows in sorted(groups.items(), reverse=True):
        mean: Row = {"plane": plane, "scale": scale, "size": rows[0]["size"], "images": len(rows)}
        for name in ("coefficients", "nonzeros", "bits", "psnr", "gain", "error_per_bit"):
            mean[name] = float(np.mean([row[name] for row in rows]))
        mean["carried"] = {
            level: float(np.mean([row["carried"][level] for row in rows]))
            for level in rows[0]["carried"]
        }
        result.append(mean)
    return result


def _decibels(error: float, size: int) -> float:
    return float(10 * np.log10(255**2 * size / max(error, 1e-6 * size)))


def _image(pixels: Pixels) -> Image:
    return Image(pixels, Attributes(bits=8))


def _shape(pixels: Pixels) -> tuple[int, int]:
    return pixels.shape[0], pixels.shape[1]
