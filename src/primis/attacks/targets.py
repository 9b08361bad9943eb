"""What the public sees of an image under each way of hiding it, and the truth to score against.

=======================  ===========================================================================
codes                    nothing is hidden: the positive control of most attacks
separable noise          noise outside the range of the true values, as in the code published with
                         the PRIMIS paper
ambiguation 25 %, 50 %   `primis.obfuscation.ambiguation` with fewer noisy positions. The shipped
                         scheme has no such parameter: it is emulated by erasing its noise again
                         from the other positions
ambiguation 100 %        the shipped scheme
keystream                the default; the public part is also read as if the sealed bytes were
                         code bytes
keystream, key reused    a planted defect: every file sealed under the same keys and nonce
keystream, open preview  a planted defect: the lowest level is not sealed
=======================  ===========================================================================

Keys and noise of the shipped schemes come from the operating system, fresh for every image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from types import MappingProxyType
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from primis import container
from primis.api import protect
from primis.attacks.attack import Settings
from primis.codec import bitstream
from primis.codec.codec import Codec
from primis.codec.codes import Integers, Mask, SparseCodes, everything_known
from primis.codec.layout import Layout
from primis.errors import UsageError
from primis.images.image import Attributes, Image
from primis.levels import read_levels
from primis.obfuscation import Scheme, keystream
from primis.obfuscation.ambiguation import AMBIGUATED_SCALES, disambiguate
from primis.study.renditions import throwaway_keyring

Grey: TypeAlias = NDArray[np.uint8]

SIGNS_STEP = 4.0
"""Grey levels that a value counts where the public knows only signs."""

DEFAULT_RATE = 0.6
"""Bits per pixel at which targets are made: `high`, since attackers see small images."""


@dataclass(frozen=True, eq=False)
class Published:
    """One image as the public has it, and the truth.

    Parameters
    ----------
    bands
        Public part in the layout of the codes, int32 (bands, rows, columns), finest first, in
        quantiser steps; zeros where the public has nothing. Of a keystream file: the codes that
        the sealed bytes decode to, read as if they were code bytes.
    step, offset
        Quantiser step and mean in grey levels as far as the public knows them, else 1 and 0.
    payloads
        The bytes that lie in the public file, level by level.
    bodies
        Those of them that stand where the code bytes of each level do.
    truth
        The codes as a holder of the highest key knows them.
    pixels
        The original, uint8 (rows, columns).
    header
        That of a keystream file, as its payloads authenticate it.
    key
        Of the lowest level of a keystream file: to score guesses by, and to plant weak keys.
    """

    bands: tuple[Integers, ...]
    step: float
    offset: int
    payloads: tuple[bytes, ...] = field(repr=False)
    bodies: tuple[bytes, ...] = field(repr=False)
    truth: SparseCodes = field(repr=False)
    pixels: Grey = field(repr=False)
    header: bytes = field(repr=False, default=b"")
    key: bytes = field(repr=False, default=b"")

    @property
    def data(self) -> bytes:
        """All payload bytes."""
        return b"".join(self.payloads)

    @property
    def support(self) -> tuple[Mask, ...]:
        """Where the true codes are not zero."""
        return tuple(band != 0 for band in self.truth.values)

    @property
    def signs(self) -> tuple[NDArray[np.int8], ...]:
        """True signs: -1, 1, and 0 off the support."""
        return tuple(np.sign(band).astype(np.int8) for band in self.truth.values)


class Target(Protocol):
    """A way of publishing images."""

    @property
    def name(self) -> str:
        """How results call it."""

    def publish(self, pixels: Grey, seed: int) -> Published:
        """Publish an image.

        Parameters
        ----------
        pixels
            (rows, columns), uint8, at least 32 a side.
        seed
            Of the noise that is emulated here. That of the shipped schemes cannot be seeded.
        """


@dataclass(frozen=True)
class RawCodes:
    """Nothing is hidden."""

    rate: float = DEFAULT_RATE
    name: str = "codes"

    def publish(self, pixels: Grey, seed: int) -> Published:  # noqa: ARG002
        """See `Target`."""
        _, bodies, _, _ = _sealed(pixels, self.rate)
        truth = read_bodies(bodies, pixels.shape)
        return Published(truth.values, truth.step, truth.offset, bodies, bodies, truth, pixels)


@dataclass(frozen=True)
class SeparableNoise:
    """True values, and on every empty position noise from 2 to 3 times the largest of them."""

    rate: float = DEFAULT_RATE
    name: str = "separable noise"

    def publish(self, pixels: Grey, seed: int) -> Published:
        """See `Target`."""
        clear = RawCodes(self.rate).publish(pixels, seed)
        rng = np.random.default_rng(seed)
        top = max(1, *(int(np.abs(values).max()) for values in clear.bands))
        bands = []
        for values in clear.bands:
            noise = rng.integers(2 * top, 3 * top, values.shape, endpoint=True)
            noise *= rng.choice((-1, 1), values.shape)
            bands.append(np.where(values != 0, values, noise).astype(np.int32))
        width = ">i2" if 3 * top < 2**15 else ">i4"
        payload = b"".join(band.astype(width).tobytes() for band in bands)
        return replace(clear, bands=tuple(bands), payloads=(payload,), bodies=())


@dataclass(frozen=True)
class Ambiguation:
    """Public signs of the two finest scales, with noise on a share of the empty positions."""

    share: float = 1.0
    rate: float = DEFAULT_RATE

    @property
    def name(self) -> str:
        """How results call it."""
        return f"ambiguation {100 * self.share:g} %"

    def publish(self, pixels: Grey, seed: int) -> Published:
        """See `Target`."""
        keyring = throwaway_keyring()
        protected = protect(
            image(pixels),
            keyring,
            name="target",
            rate=self.rate,
            scheme=Scheme.AMBIGUATION,
            threads=1,
        )
        payloads = container.parse(protected.data).payloads
        supports = keyring.images[protected.image_id].supports
        _, support = read_levels(
            _codec(), pixels.shape, supports, unsigned_scales=AMBIGUATED_SCALES
        )
        rng = np.random.default_rng(seed)
        every = disambiguate(_ones(support.layout), payloads[0]).values
        bands = [
            np.where((true != 0) | (rng.random(true.shape) < self.share), signs, 0)
            if scale < AMBIGUATED_SCALES
            else np.zeros_like(true)
            for scale, (signs, true) in enumerate(zip(every, support.values, strict=True))
        ]
        truth = disambiguate(support, payloads[0])
        if self.share < 1:
            payloads = tuple(map(packed_trits, bands[:AMBIGUATED_SCALES]))
        return Published(tuple(bands), 1.0, 0, payloads, (), truth, pixels)


@dataclass(frozen=True)
class Keystream:
    """The default scheme, or one of two defects planted in it.

    Parameters
    ----------
    reused_key
        All files are sealed under the same keys and nonce.
    open_preview
        The lowest level is not sealed.
    """

    rate: float = DEFAULT_RATE
    reused_key: bool = False
    open_preview: bool = False

    @property
    def name(self) -> str:
        """How results call it."""
        if self.reused_key:
            return "keystream, key reused"
        return "keystream, open preview" if self.open_preview else "keystream"

    def publish(self, pixels: Grey, seed: int) -> Published:  # noqa: ARG002
        """See `Target`."""
        payloads, clear, header, key = _sealed(pixels, self.rate)
        if self.reused_key:
            keys = [bytes([level]) * keystream.KEY_LENGTH for level in range(len(clear))]
            payloads, header, key = tuple(keystream.seal(clear, keys, b"")), b"", keys[0]
        bodies = tuple(_in_place_of_body(payload, level) for level, payload in enumerate(payloads))
        if self.open_preview:
            payloads, bodies = (clear[0], *payloads[1:]), (clear[0], *bodies[1:])
        seen = read_bodies(bodies, pixels.shape)
        truth = read_bodies(clear, pixels.shape)
        return Published(
            seen.values, seen.step, seen.offset, payloads, bodies, truth, pixels, header, key
        )


def standard_targets(rate: float = DEFAULT_RATE) -> Mapping[str, Target]:
    """Return the targets that every attack is run against, by name."""
    targets: Sequence[Target] = (
        RawCodes(rate),
        SeparableNoise(rate),
        *(Ambiguation(share, rate) for share in (0.25, 0.5, 1.0)),
        Keystream(rate),
    )
    return MappingProxyType({target.name: target for target in targets})


def planted_targets(rate: float = DEFAULT_RATE) -> Mapping[str, Target]:
    """Return keystreams with a defect, to show that an attack would find it, by name."""
    targets = (Keystream(rate, reused_key=True), Keystream(rate, open_preview=True))
    return MappingProxyType({target.name: target for target in targets})


def chosen(settings: Settings, attack: str | None = None) -> list[Target]:
    """Return the targets that the settings name, or else those that are for an attack.

    Raises
    ------
    UsageError
        If they name an unknown one.
    """
    standard, planted = standard_targets(settings.rate), planted_targets(settings.rate)
    known = {**standard, **planted}
    names: Sequence[str] = tuple(known)
    if settings.targets is not None:
        names = settings.targets
    elif attack is not None and settings.planted is not None and attack not in settings.planted:
        names = tuple(standard)
    if unknown := [name for name in names if name not in known]:
        raise UsageError(f"{unknown[0]!r} is not a target", hint=f"targets are {', '.join(known)}")
    return [known[name] for name in names]


def read_bodies(bodies: Sequence[bytes], shape: tuple[int, int]) -> SparseCodes:
    """Read any bytes as the code bytes of an 8-bit grey image: sealed ones give some codes too.

    Parameters
    ----------
    bodies
        Levels 0 to n, each as long as a public file has them.
    shape
        Rows and columns.
    """
    attributes = 1 + len(Attributes().to_bytes().rstrip(b"\0"))
    first = bodies[0][attributes:]
    usable = bitstream.usable_length(0, len(first))
    return _codec().unpack(shape, [first[:usable], *bodies[1:]])


def _sealed(pixels: Grey, rate: float) -> tuple[tuple[bytes, ...], tuple[bytes, ...], bytes, bytes]:
    """Protect an image: payloads, the bodies inside, the header, the key of the lowest level."""
    keyring = throwaway_keyring()
    protected = protect(image(pixels), keyring, name="target", rate=rate, threads=1)
    file = container.parse(protected.data)
    top = len(file.payloads) - 1
    lowest, highest = (keyring.image_key(protected.image_id, level).material for level in (0, top))
    assert isinstance(lowest, bytes)
    assert isinstance(highest, bytes)
    header = file.header.to_bytes()
    bodies = tuple(keystream.open_levels(file.payloads, top, highest, header))
    return file.payloads, bodies, header, lowest


def _in_place_of_body(payload: bytes, level: int) -> bytes:
    start = keystream.KEY_LENGTH if level else 0
    return payload[start : -keystream.TAG_LENGTH]


def packed_trits(band: Integers) -> bytes:
    """Pack values -1, 0 and 1 as densely as fixed places go: five digits to base 3 in a byte."""
    digits = np.pad(band.ravel() + 1, (0, -band.size % 5)).reshape(-1, 5)
    return bytes((digits @ 3 ** np.arange(5)).astype(np.uint8))


def _ones(layout: Layout) -> SparseCodes:
    values = tuple(np.ones(shape, dtype=np.int32) for shape in layout.shapes)
    return SparseCodes(layout, 1.0, 0, values, 0, everything_known(layout))


def image(pixels: Grey) -> Image:
    """Wrap 8-bit pixels (rows, columns) as an image."""
    return Image(np.ascontiguousarray(pixels), Attributes())


@cache
def _codec() -> Codec:
    return Codec.default(1)
