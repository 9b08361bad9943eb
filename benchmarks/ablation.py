"""What each ingredient of the codec is worth: bytes without it, at equal PSNR or MS-SSIM.

`python -m benchmarks.ablation --data DIR` prints a Markdown table of the ingredients that can be
taken out of a trained model. Those that have to be trained without are compared as bundles:
`--models whole=DIR1 frozen=DIR2` says what the second needs more than the first.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from benchmarks.command import exit_code, split_parser
from benchmarks.images import Sample, read_split
from benchmarks.levels import coded_alone
from benchmarks.summary import bootstrap_interval, decibels
from primis.codec import bitstream
from primis.codec.bundle import ModelBundle
from primis.codec.codec import SPARE_PLANES, Codec
from primis.codec.codes import SparseCodes, everything_known
from primis.codec.fitting import encode_levels
from primis.codec.networks import Networks
from primis.codec.rim import DEPTH
from primis.codec.tiling import Maps
from primis.errors import UsageError
from primis.evaluate import bd_rate, ms_ssim, psnr
from primis.levels import body_lengths

Pixels: TypeAlias = NDArray[Any]
Coded: TypeAlias = tuple[float, Pixels]
"""Bytes of the codes, and the picture that they give."""
Variant: TypeAlias = Callable[[Codec, Pixels, int], Coded]

RATES = (0.05, 0.1, 0.2, 0.4)
FIXED = 297
"""Bytes beside the codes: of a public file with three levels of a raster image, and of a key."""
LEVEL = 52
"""Of these, what a level adds: carried key, tag, length in the header."""


def _ms_ssim(pixels: Pixels, decoded: Pixels, data_range: float) -> float:
    """MS-SSIM in decibels; pictures as good as equal count as 100."""
    return min(100.0, decibels(ms_ssim(pixels, decoded, data_range)))


METRICS = {"PSNR": psnr, "MS-SSIM": _ms_ssim}


def in_levels(codec: Codec, pixels: Pixels, size: int) -> Coded:
    """Code as `protect` does."""
    return size, codec.decode(_held(codec, pixels, size), bits=8)


def in_one_level(codec: Codec, pixels: Pixels, size: int) -> Coded:
    """Code into one level, without what the two others take."""
    return size, coded_alone(codec, pixels, size - FIXED + 2 * LEVEL)


class _Unsparsified(Networks):
    def sparsify(self, details: Sequence[Maps], _: Sequence[float] = ()) -> list[Maps]:
        """Leave the coefficients as they are."""
        return list(details)


class _Unselected(Networks):
    def _selected(self, _: Sequence[Maps], shifted: Sequence[Maps], scale: int) -> Maps:
        """Let the quantiser decide which coefficients become non-zero."""
        return shifted[scale]


class _Unrestored(Networks):
    def restore(self, image: Maps, *_: Sequence[Maps]) -> Maps:
        """Leave the synthesis as the lifting steps give it."""
        return image


class _Neither(_Unsparsified, _Unrestored):
    pass


def without_sparsifier(codec: Codec, pixels: Pixels, size: int) -> Coded:
    """Code the coefficients as they are, neither shifted nor selected, and restore."""
    return in_levels(_altered(codec).unsparsified, pixels, size)


def without_selectors(codec: Codec, pixels: Pixels, size: int) -> Coded:
    """Leave to the sparsifier's shifts which coefficients become non-zero."""
    return in_levels(_altered(codec).unselected, pixels, size)


def without_restorer(codec: Codec, pixels: Pixels, size: int) -> Coded:
    """Leave the synthesis as the lifting steps give it."""
    return in_levels(_altered(codec).unrestored, pixels, size)


def without_either(codec: Codec, pixels: Pixels, size: int) -> Coded:
    """Code the coefficients as they are, and do not restore."""
    return in_levels(_altered(codec).neither, pixels, size)


def without_rim(codec: Codec, pixels: Pixels, size: int) -> Coded:
    """Leave dark rims as they are."""
    return in_levels(_altered(codec).rimless, pixels, size)


class _Altered(NamedTuple):
    unselected: Codec
    unsparsified: Codec
    unrestored: Codec
    neither: Codec
    rimless: Codec


@cache
def _altered(codec: Codec) -> _Altered:
    """Return codecs of the same model that lack a part each."""
    model = codec.model
    return _Altered(
        Codec(model, networks=_Unselected(model.folder)),
        Codec(model, networks=_Unsparsified(model.folder)),
        Codec(model, networks=_Unrestored(model.folder)),
        Codec(model, networks=_Neither(model.folder)),
        Codec(replace(model, rim=(1.0,) * DEPTH)),
    )


def plain(codec: Codec, pixels: Pixels, size: int) -> Coded:
    """Code the CDF 9/7 wavelet, neither sparsified nor restored."""
    return size, codec.decode(_held(codec, pixels, size, sparsified=False), bits=8)


def _held(codec: Codec, pixels: Pixels, size: int, *, sparsified: bool = True) -> SparseCodes:
    """Return what a reader of all levels has of the codes."""
    lengths = body_lengths(size - FIXED)
    lengths[0] = bitstream.usable_length(0, lengths[0])
    _, bodies = encode_levels(codec, pixels, lengths, sparsified=sparsified)
    return codec.unpack(pixels.shape, bodies)


def to_the_end_of_a_plane(codec: Codec, pixels: Pixels, size: int) -> Coded:
    """Let the file be as long as the planes are that the rate asks for."""
    codes = codec.encode(pixels, size - FIXED, sparsified=True)
    bits = bitstream.measure(codes, codec.context).bits[SPARE_PLANES:].sum()
    return FIXED + bits / 8, codec.decode(_upper_planes(codes), bits=8)


def without_context(codec: Codec, pixels: Pixels, size: int) -> Coded:
    """Code the same planes, each band and plane of an image with ideal probabilities of its own."""
    codes = codec.encode(pixels, size - FIXED, sparsified=True)
    return FIXED + bits_without_context(codes) / 8, codec.decode(_upper_planes(codes), bits=8)


def bits_without_context(codes: SparseCodes) -> float:
    """Bits of all planes from `SPARE_PLANES` on, at the entropy of every band and plane."""
    total = 0.0
    for bands in codes.values[:-1]:
        for band in np.abs(bands):
            for plane in range(SPARE_PLANES, int(band.max(initial=0)).bit_length()):
                ones, fresh = band >> plane & 1 == 1, band >> plane + 1 == 0
                total += _entropy(ones[fresh]) + _entropy(ones[~fresh]) + (ones & fresh).sum()
    smooth = np.abs(codes.values[-1])
    return float(total + smooth.size * int(smooth.max(initial=0) >> SPARE_PLANES).bit_length())


def _entropy(bits: NDArray[np.bool_]) -> float:
    if not bits.size or bits.all() or not bits.any():
        return 0.0
    share = bits.mean()
    return float(-bits.size * (share * np.log2(share) + (1 - share) * np.log2(1 - share)))


def _upper_planes(codes: SparseCodes) -> SparseCodes:
    kept = tuple(
        np.sign(band) * (np.abs(band) >> SPARE_PLANES << SPARE_PLANES) for band in codes.values
    )
    return replace(codes, values=kept, plane=SPARE_PLANES, known=everything_known(codes.layout))


INGREDIENTS: dict[str, tuple[Variant, Variant]] = {
    "selectors": (without_selectors, in_levels),
    "sparsifier and selectors (optimised quantisation)": (without_sparsifier, in_levels),
    "restorer (non-linear synthesis)": (without_restorer, in_levels),
    "sparsifier, selectors and restorer": (without_either, in_levels),
    "all learned networks but the context model": (plain, in_levels),
    "context model": (without_context, to_the_end_of_a_plane),
    "undoing dark rims": (without_rim, in_levels),
    "levels": (in_one_level, in_levels),
    "constant size": (to_the_end_of_a_plane, in_levels),
}
"""What is taken out: how to code without it, and with what that is compared."""


@dataclass(frozen=True)
class Worth:
    """Percent of bytes that it takes more without an ingredient, with a 95 % interval."""

    ingredient: str
    mean: float
    low: float
    high: float
    images: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return the exit code."""
    parser = split_parser("ablation")
    parser.add_argument("--rates", nargs="+", type=float, default=RATES)
    parser.add_argument("--metric", choices=METRICS, default="PSNR", help="what is to be equal")
    parser.add_argument(
        "--models",
        nargs="+",
        metavar="NAME=FOLDER",
        help="instead: compare bundles with the first of them",
    )
    parser.add_argument("--json", type=Path, help="write all numbers here")
    options = parser.parse_args(arguments)
    return exit_code(lambda: _run(options))


def _run(options: argparse.Namespace) -> None:
    samples = read_split(options.data, options.split, options.limit, options.trim)
    metric = METRICS[options.metric]
    curves = partial(_curves, samples=samples, rates=options.rates, metric=metric)
    if options.models:
        bundles = dict(map(_named_codec, options.models))
        (_, first), *others = bundles.items()
        base = curves(in_levels, first)
        found = [_worth(name, samples, base, curves(in_levels, codec)) for name, codec in others]
    else:
        codec, measured = Codec.default(), {}
        for name, variants in INGREDIENTS.items():
            for variant in variants:
                if variant not in measured:
                    measured[variant] = curves(variant, codec)
            print(f"{name}: done", file=sys.stderr)
        found = [
            _worth(name, samples, measured[whole], measured[without])
            for name, (without, whole) in INGREDIENTS.items()
        ]
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n")
    print(markdown(found))


def _named_codec(argument: str) -> tuple[str, Codec]:
    name, equals, folder = argument.partition("=")
    if not equals:
        raise UsageError(f"{argument} is not NAME=FOLDER", hint="--models whole=DIR1 frozen=DIR2")
    return name, Codec(ModelBundle.load(Path(folder)))


Curve: TypeAlias = list[tuple[float, float]]
"""Bytes and quality (dB) of one image at several rates."""


def _curves(
    variant: Variant,
    codec: Codec,
    *,
    samples: Sequence[Sample],
    rates: Sequence[float],
    metric: Callable[[Pixels, Pixels, float], float],
) -> list[Curve]:
    curves = []
    for sample in samples:
        pixels, curve = sample.pixels, []
        for rate in rates:
            size, decoded = variant(codec, pixels, int(rate * pixels.size / 8))
            curve.append((size, metric(pixels, decoded, 255)))
        curves.append(curve)
    return curves


def _worth(
    name: str, samples: Sequence[Sample], whole: Sequence[Curve], without: Sequence[Curve]
) -> Worth:
    differences = np.array([_difference(*curves) for curves in zip(whole, without, strict=True)])
    known = np.isfinite(differences)
    low, high = bootstrap_interval(differences, [sample.patient for sample in samples])
    return Worth(name, float(differences[known].mean()), low, high, int(known.sum()))


def _difference(whole: Curve, without: Curve) -> float:
    try:
        return bd_rate(*zip(*whole, strict=True), *zip(*without, strict=True))
    except UsageError:
        return float("nan")


def markdown(found: Sequence[Worth]) -> str:
    """Lay out a line per ingredient."""
    return "\n".join(
        [
            "| without | bytes, % | 95 % interval | images |",
            "|---|---:|---:|---:|",
            *(
                f"| {one.ingredient} | {one.mean:+.1f} | {one.low:+.1f} to {one.high:+.1f} "
                f"| {one.images} |"
                for one in found
            ),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
