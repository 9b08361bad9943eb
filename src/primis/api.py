"""From an image to a public file and back: the whole path in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from primis import container
from primis.codec.codec import Codec
from primis.codec.codes import SparseCodes
from primis.container import Header, PublicFile
from primis.errors import DamagedFileError, NoKeyError, UsageError
from primis.images.image import Image, check_size
from primis.keys import Entry, Keyring, KeySource, new_id
from primis.levels import (
    CODED_LEVELS,
    body_lengths,
    read_attributes,
    read_levels,
    read_original,
    write_levels,
    write_original,
)
from primis.obfuscation import Level, Scheme, keystream
from primis.obfuscation.ambiguation import AMBIGUATED_SCALES, ambiguate, disambiguate

RATES = {"low": 0.1, "medium": 0.25, "high": 0.6}
"""Named rates in bits per pixel of the public file (without the level `original`)."""

MIN_RATE, MAX_RATE = 0.01, 8.0


@dataclass(frozen=True)
class Protected:
    """A public file and the random id by which keys name it."""

    image_id: bytes
    data: bytes


@dataclass(frozen=True)
class Reconstruction:
    """What a key shows of a public file.

    ``exact`` says that the pixels are those of the original.
    """

    image: Image
    image_id: bytes
    level: Level
    exact: bool


def parse_rate(text: str) -> float:
    """Turn ``low``, ``medium``, ``high`` or a number into bits per pixel.

    Raises
    ------
    UsageError
        If it is neither, or outside 0.01 to 8.
    """
    try:
        rate = RATES[text] if text in RATES else float(text)
    except ValueError:
        rate = float("nan")
    _check_rate(rate, text)
    return rate


def protect(
    image: Image,
    keyring: Keyring,
    *,
    name: str,
    rate: float = RATES["medium"],
    scheme: Scheme = Scheme.KEYSTREAM,
    original: bool = False,
    threads: int | None = None,
) -> Protected:
    """Turn an image into a public file and note it in the keyring.

    Parameters
    ----------
    image
        32 to 4096 pixels a side.
    keyring
        The owner's. The new image is added to it in memory; save it before publishing the file.
    name
        What the owner calls the image; kept in the keyring only.
    rate
        Bits per pixel of the public file, 0.01 to 8, the level `original` not counted. Very small
        images take more, since header, signature and authentication have a fixed size. Under
        ambiguation it is the key that has this rate; the public file has one bit per coefficient
        of the two finest scales.
    scheme
        How the codes are hidden.
    original
        Add a level that gives back the exact pixels (keystream only).
    threads
        Threads for the networks; None for all cores.

    Raises
    ------
    UsageError
        If the rate is out of range, or `original` is asked for under ambiguation.
    InputError
        If the image is too small or too large.
    """
    _check_rate(rate, f"{rate:g}")
    check_size(name, *image.pixels.shape)
    codec = Codec.default(threads)
    if scheme is Scheme.AMBIGUATION:
        if original:
            raise UsageError(
                "ambiguation has no level `original`", hint="use the scheme keystream for it"
            )
        return _protect_by_ambiguation(codec, image, keyring, name, rate)
    levels = range(CODED_LEVELS)
    header = _header(Scheme.KEYSTREAM, codec.model.digest, image.pixels.shape, [0] * 3, keyring)
    overhead = header.file_length + sum(keystream.sealed_length(level, 0) for level in levels)
    _, bodies = write_levels(codec, image, body_lengths(_file_length(image, rate) - overhead))
    if original:
        bodies.append(write_original(image.pixels))
    lengths = [keystream.sealed_length(level, len(body)) for level, body in enumerate(bodies)]
    header = replace(header, lengths=tuple(lengths))
    data = _seal(bodies, header, keyring)
    keyring.add(header.image_id, Entry(name))
    return Protected(header.image_id, data)


def reconstruct(
    data: bytes, keys: KeySource, *, level: Level | None = None, threads: int | None = None
) -> Reconstruction:
    """Open a public file as far as the keys go.

    Parameters
    ----------
    data
        The public file.
    keys
        A keyring, a grant or a single key.
    level
        The level to show; None for the highest that the file has and the keys open.
    threads
        Threads for the networks; None for all cores.

    Raises
    ------
    DamagedFileError
        If the file is not as its publisher signed it, or was published by somebody else than the
        keys are for.
    NoKeyError
        If the keys do not open the file at that level.
    UnknownModelError
        If the model it was made with is not installed.
    """
    file = _verified(data, keys)
    header = file.header
    highest = Level(_level_count(header) - 1)
    if level is not None and level > highest:
        raise NoKeyError(
            f"this file goes up to {highest.label}, it has no {level.label}",
            hint="ask for a lower level",
        )
    wanted = min(keys.highest_level(header.image_id), highest) if level is None else level
    bodies = _bodies(file, keys, wanted)
    codec = Codec.of_model(header.model, threads)
    shape = (header.rows, header.columns)
    exact = wanted == Level.ORIGINAL
    if exact:
        attributes = read_attributes(bodies[0], shape)
        pixels = read_original(bodies[Level.ORIGINAL], attributes, shape)
    else:
        ambiguated = header.scheme is Scheme.AMBIGUATION
        attributes, codes = read_levels(
            codec, shape, bodies, unsigned_scales=AMBIGUATED_SCALES if ambiguated else 0
        )
        if ambiguated:
            codes = disambiguate(codes, file.payloads[0])
        pixels = codec.decode(codes, attributes.bits)
    return Reconstruction(Image(pixels, attributes), header.image_id, Level(wanted), exact)


def rekey(data: bytes, old: Keyring, new: Keyring) -> Protected:
    """Seal the levels of a public file under the secrets of another keyring, without loss.

    The new file has a new id and a new publisher; the entry's name is copied into ``new``. What
    was granted from ``old`` still opens copies of the old file.

    Raises
    ------
    UsageError
        Under ambiguation: noise drawn anew would give the support away by comparison.
    DamagedFileError, NoKeyError
        As `reconstruct`.
    """
    file = _verified(data, old)
    if file.header.scheme is Scheme.AMBIGUATION:
        raise UsageError(
            "an ambiguated file cannot be rekeyed: comparing two noises reveals the support",
            hint="protect the image again with the scheme keystream",
        )
    bodies = _bodies(file, old, _level_count(file.header) - 1)
    header = replace(file.header, image_id=new_id(), publisher=new.publisher)
    entry = old.images.get(file.header.image_id)
    sealed = _seal(bodies, header, new)
    new.add(header.image_id, Entry(entry.name if entry else file.header.image_id.hex()))
    return Protected(header.image_id, sealed)


def _check_rate(rate: float, text: str) -> None:
    if not MIN_RATE <= rate <= MAX_RATE:
        raise UsageError(
            f"{text!r} is not a rate",
            hint=f"give {', '.join(RATES)} or bits per pixel from {MIN_RATE} to {MAX_RATE:g}",
        )


def _file_length(image: Image, rate: float) -> int:
    return int(rate * image.pixels.size / 8)


def _header(
    scheme: Scheme, model: bytes, shape: tuple[int, ...], lengths: list[int], keyring: Keyring
) -> Header:
    rows, columns = shape
    return Header(scheme, model, new_id(), rows, columns, tuple(lengths), keyring.publisher)


def _seal(bodies: list[bytes], header: Header, keyring: Keyring) -> bytes:
    materials = [keyring.image_key(header.image_id, level).material for level in range(len(bodies))]
    keys = [material for material in materials if isinstance(material, bytes)]
    payloads = keystream.seal(bodies, keys, header.to_bytes())
    return container.pack(header, payloads, keyring.signing_key)


def _protect_by_ambiguation(
    codec: Codec, image: Image, keyring: Keyring, name: str, rate: float
) -> Protected:
    lengths = body_lengths(_file_length(image, rate))
    codes, supports = write_levels(codec, image, lengths, unsigned_scales=AMBIGUATED_SCALES)
    shape = (image.pixels.shape[0], image.pixels.shape[1])
    _, support = read_levels(codec, shape, supports, unsigned_scales=AMBIGUATED_SCALES)
    public = ambiguate(_signed(support, codes))
    header = _header(Scheme.AMBIGUATION, codec.model.digest, shape, [len(public), 0, 0], keyring)
    data = container.pack(header, [public, b"", b""], keyring.signing_key)
    keyring.add(header.image_id, Entry(name, tuple(supports)))
    return Protected(header.image_id, data)


def _signed(support: SparseCodes, truth: SparseCodes) -> SparseCodes:
    pairs = zip(support.values, truth.values, strict=True)
    return replace(support, values=tuple(np.abs(known) * np.sign(band) for known, band in pairs))


def _verified(data: bytes, keys: KeySource) -> PublicFile:
    file = container.parse(data)
    file.verify()
    if keys.publisher is not None and keys.publisher != file.header.publisher:
        raise DamagedFileError(
            "the public file is signed by somebody else than the publisher of these keys",
            hint="use the keys of its publisher, or fetch the file from where they published it",
        )
    return file


def _level_count(header: Header) -> int:
    return len(header.lengths)


def _bodies(file: PublicFile, keys: KeySource, level: int) -> list[bytes]:
    """Open levels 0 to ``level``."""
    header = file.header
    key = keys.image_key(header.image_id, level)
    if header.scheme is Scheme.AMBIGUATION:
        if isinstance(key.material, bytes):
            raise NoKeyError("the key is for a file of the scheme keystream")
        return list(key.material[: level + 1])
    if isinstance(key.material, tuple):
        raise NoKeyError("the key is for a file of the scheme ambiguation")
    return keystream.open_levels(file.payloads, key.level, key.material, header.to_bytes())[
        : level + 1
    ]
