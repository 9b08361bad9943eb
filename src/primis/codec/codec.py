"""The auto-encoder at run time: pixels to sparse codes and back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from primis.codec import bitstream, bundle, rim
from primis.codec.bundle import ModelBundle
from primis.codec.census import Census
from primis.codec.codes import Integers, SparseCodes, everything_known
from primis.codec.context import ContextModel
from primis.codec.layout import Layout
from primis.codec.networks import Networks
from primis.codec.spans import DYADIC, Span
from primis.codec.tiling import Maps

SPARE_PLANES = 2
"""Codes below the one that the rate asks for: coded only where bytes are left."""

_TRIAL_RATE = 0.75
"""Bits per pixel from which the encoder tries whether an image is better off with plain codes."""

MEASURED_RATE = 0.45
"""Bits per pixel from which the encoder measures codes, and corrects the quantiser step."""

_TRIAL_SIDE = 1024

_BEYOND = 1.15
"""Of the bits of the lowest level, by the prices: what a plane may take that ends about there."""

_REFINEMENTS, _NEAR = 2, 0.007
"""How often codes of a high rate are measured and made anew, until their bytes are so near."""

_FINEST_STEP = 2.0**-6  # grey levels; below it an integer image is exact anyway

Pixels = NDArray[np.unsignedinteger[Any]]


class _Room(NamedTuple):
    """Bytes for all levels together and, if there are several, for the lowest.

    Of the bits for all, the part ``spared`` is left to codes finer than those of the step.
    """

    budget: int
    lowest_level: int | None = None
    spared: float = 0.0


class Codec:
    """Turns grey images into sparse codes, and sparse codes into images.

    Parameters
    ----------
    model
        The bundle with the networks and tables.
    threads
        Threads per ONNX network; None for all cores.
    networks
        What runs the networks of the bundle; others than these for experiments.

    Examples
    --------
    >>> codec = Codec.default()
    >>> codes = codec.encode(pixels, 8192)
    >>> levels = codec.pack(codes, [1024, 3072, 4096])
    >>> preview = codec.decode(codec.unpack(pixels.shape, levels[:1]), bits=8)
    """

    def __init__(
        self, model: ModelBundle, threads: int | None = None, networks: Networks | None = None
    ) -> None:
        self.model = model
        self._networks = networks or Networks(model.folder, threads)

    @classmethod
    def default(cls, threads: int | None = None) -> Codec:
        """Return the codec of the shipped model, made once per process."""
        return _codec(None, threads)

    @classmethod
    def of_model(cls, digest: bytes, threads: int | None = None) -> Codec:
        """Return the codec of an installed model by its digest (8 bytes).

        Raises
        ------
        UnknownModelError
            If it is not installed.
        """
        return _codec(digest, threads)

    def census(self, pixels: Pixels, *, sparsified: bool = True) -> Census:
        """Count the coefficients of an image (rows, columns) by magnitude, unquantised."""
        image, *_ = self._prepared(pixels)
        details, _ = self._networks.analyse(image, Layout(*pixels.shape), plain=not sparsified)
        return Census.of(details)

    @cached_property
    def context(self) -> ContextModel:
        """The model of the code symbols' probabilities."""
        return ContextModel(
            self.model.folder, self.model.probabilities, self.model.sign_probabilities
        )

    def encode(
        self,
        pixels: Pixels,
        budget: int,
        *,
        lowest_level: int | None = None,
        spared: float = 0.0,
        sparsified: bool | None = None,
        refine: bool = True,
    ) -> SparseCodes:
        """Code an image so that its coarser codes fill about ``budget`` bytes.

        The quantiser step is the magnitude above which lie as many coefficients as the budget can
        pay for; finer codes follow below it. Where a high rate leaves the learned networks nothing
        to do but harm, the codes are plain: those of the CDF 9/7 wavelet, neither sparsified nor
        restored.

        Parameters
        ----------
        pixels
            (rows, columns) uint8 or uint16.
        budget
            Bytes that `pack` will have for all levels together.
        lowest_level
            Bytes of the lowest level, if there are several: a plane of the codes ends about there.
        spared
            What part of the bytes is left to finer codes; if any, codes suit twice the step, too.
        sparsified
            Whether to use the learned networks; None: unless a trial shows that they do harm.
        refine
            Whether to measure codes of a high rate and correct the step.
        """
        room = _Room(budget, lowest_level, spared)
        rate = 8 * budget / pixels.size
        refine = refine and rate >= MEASURED_RATE
        if sparsified is not None or rate < _TRIAL_RATE:
            return self._encode(pixels, room, sparsified is not False, refine=refine)
        middle, share = _middle(pixels, budget)
        if refine and middle.shape == pixels.shape:
            return self._better(pixels, room)
        better = self._better(middle, _Room(share))
        return self._encode(pixels, room, better.sparsified, refine=refine)

    def _encode(
        self, pixels: Pixels, room: _Room, sparsified: bool, *, refine: bool
    ) -> SparseCodes:
        layout = Layout(*pixels.shape)
        image, offset, sides = self._prepared(pixels)
        details, smooth = self._networks.analyse(image, layout, plain=not sparsified)
        census, prices = Census.of(details), self.model.bits_per_code[sparsified]
        largest = max(float(np.abs(bands).max()) for bands in (*details, smooth))
        least = _least_step(largest)
        lowest_step = room.lowest_level and census.step(_BEYOND * 8 * room.lowest_level, prices)

        def made(bits: float) -> SparseCodes:
            step = max(census.step(bits, prices), least)
            finest = bitstream.decode_step(bitstream.encode_step(step / 2**SPARE_PLANES))
            span = DYADIC
            coarser = [2.0] if room.spared else []
            if lowest_step:
                span, plane = Span.ending_at(lowest_step / finest)
                coarser += [span.width(plane) * finest / step] if plane >= span.bits else []
            values = self._quantised(details, smooth, step, finest, sparsified, coarser)
            known = everything_known(layout)
            return SparseCodes(layout, finest, offset, values, 0, known, sparsified, sides, span)

        aim = 8.0 * room.budget * (1 - room.spared)
        asked, codes = aim, made(aim)
        tried: list[tuple[float, float]] = []
        for _ in range(_REFINEMENTS if refine else 0):
            spent = bitstream.measure(codes, self.context, lowest=SPARE_PLANES).bits.sum()
            if abs(spent - aim) <= _NEAR * aim:
                break
            tried.append((asked, max(float(spent), 1.0)))
            asked = _corrected(tried, aim)
            codes = made(asked)
        return codes

    def _quantised(
        self,
        details: Sequence[Maps],
        smooth: Maps,
        step: float,
        finest: float,
        sparsified: bool,
        coarser: Sequence[float],
    ) -> tuple[Integers, ...]:
        """Return all codes, in steps of ``finest``; ``step`` is that of the budget.

        Those of ``coarser``, in that of the budget, are what lower levels know codes to.
        """
        in_steps = [bands / np.float32(step) for bands in details]
        if sparsified:
            in_steps = self._networks.sparsify(in_steps, coarser)
        scale = np.float32(step / finest)
        return (
            *(np.trunc(bands * scale).astype(np.int32) for bands in in_steps),
            np.trunc(smooth / np.float32(finest)).astype(np.int32),
        )

    def _prepared(self, pixels: Pixels) -> tuple[Maps, int, int]:
        """Return what is analysed, the mean that was subtracted, and the sides with a dark rim."""
        image, gains = pixels.astype(np.float32), self.model.rim
        sides = rim.dark_sides(image, gains)
        image = rim.brighten(image, gains, sides)
        offset = min(round(float(image.mean())), 2**16 - 1)
        return image - np.float32(offset), offset, sides

    def _better(self, pixels: Pixels, room: _Room) -> SparseCodes:
        """Code an image both ways, measured, and return what gives the smaller error."""
        length = bitstream.usable_length(0, max(bitstream.minimum_length(0), room.budget))

        def error(codes: SparseCodes) -> float:
            held = self.unpack(pixels.shape, self.pack(codes, [length]))
            return float(np.square(self.decode_exactly(held) - pixels).mean())

        return min(
            (self._encode(pixels, room, sparsified, refine=True) for sparsified in (True, False)),
            key=error,
        )

    def decode(self, codes: SparseCodes, bits: int) -> Pixels:
        """Reconstruct an image from what is known of its codes.

        Parameters
        ----------
        codes
            All of them or, from fewer levels, the coarser part.
        bits
            Bits of a pixel, 1 to 16: values are rounded and clipped to 0 .. 2**bits - 1.

        Returns
        -------
        array
            (rows, columns), uint8 up to 8 bits and uint16 above.
        """
        image = np.rint(self.decode_exactly(codes)).clip(0, 2**bits - 1)
        return image.astype(np.uint8 if bits <= 8 else np.uint16)

    def decode_exactly(self, codes: SparseCodes) -> Maps:
        """Reconstruct an image as float32 (rows, columns), neither rounded nor clipped."""
        coefficients = codes.coefficients()
        picture = self._synthesised(coefficients, codes)
        if codes.sparsified:
            picture = self._restored(picture, coefficients[:2], codes)
        image = picture * np.float32(codes.step) + np.float32(codes.offset)
        return rim.darken(image, self.model.rim, codes.dark_sides)

    def synthesise(self, codes: SparseCodes) -> Maps:
        """Return what the transform alone makes of codes: float32 (rows, columns), in steps.

        Restorer, mean and rim are still to come.
        """
        return self._synthesised(codes.coefficients(), codes)

    def _synthesised(self, coefficients: Sequence[Maps], codes: SparseCodes) -> Maps:
        *details, smooth = coefficients
        return self._networks.synthesise(details, smooth, codes.layout, plain=not codes.sparsified)

    def _restored(self, picture: Maps, details: Sequence[Maps], codes: SparseCodes) -> Maps:
        unit = codes.span.width(codes.plane + 1) / 2
        half = [np.float32(1) - known for known in codes.known[:2]]
        if not any(known.any() for known in codes.known[:2]):
            unit, half = 2 * unit, [np.zeros_like(mask) for mask in half]
        scale = np.float32(1 / unit)
        restored = self._networks.restore(
            picture * scale, [bands * scale for bands in details], half
        )
        return restored * np.float32(unit)

    def pack(
        self, codes: SparseCodes, lengths: list[int], *, unsigned_scales: int = 0
    ) -> list[bytes]:
        """Code into levels of exactly ``lengths`` bytes; see `primis.codec.bitstream.encode`."""
        return bitstream.encode(
            codes, lengths, self.context, unsigned_scales=unsigned_scales
        ).bodies

    def unpack(
        self, shape: tuple[int, int], bodies: list[bytes], *, unsigned_scales: int = 0
    ) -> SparseCodes:
        """Read the codes of an image of ``shape`` from its lower or all levels."""
        return bitstream.decode(
            Layout(*shape), bodies, self.context, unsigned_scales=unsigned_scales
        )


def _middle(pixels: Pixels, budget: int) -> tuple[Pixels, int]:
    """Return the middle of an image, all of it unless it is large, and its share of the bytes."""
    rows, columns = ((side - min(side, _TRIAL_SIDE)) // 2 for side in pixels.shape)
    middle = pixels[rows : rows + _TRIAL_SIDE, columns : columns + _TRIAL_SIDE]
    return middle, budget * middle.size // pixels.size


def _least_step(largest: float) -> float:
    """Return the smallest step that makes sense and leaves the largest magnitude its planes."""
    return max(_FINEST_STEP * 2.0**SPARE_PLANES, largest / 2.0 ** (bitstream.MAX_PLANES - 4))


def _corrected(tried: Sequence[tuple[float, float]], aim: float) -> float:
    """Return what to ask for to spend ``aim``, from pairs of asked and spent bits so far.

    At most twice as much or half: in drawings, coefficients are so alike that a small step more
    may be all or nothing.
    """
    asked, spent = tried[-1]
    slope = 1.0
    if len(tried) > 1:
        asked_before, spent_before = tried[-2]
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.log(asked / asked_before) / np.log(spent / spent_before)
        slope = float(np.clip(np.nan_to_num(found, nan=1.0), 0.5, 2.0))
    return float(np.clip(asked * (aim / spent) ** slope, aim / 2, 2 * aim))


@cache
def _codec(digest: bytes | None, threads: int | None) -> Codec:
    return Codec(bundle.find(digest), threads)
