"""What each party sees of an image: the owner, the holders of each level, and everybody else."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyrage
from numpy.typing import NDArray

from primis import container
from primis.api import protect
from primis.batch import over_pool
from primis.codec import bitstream, bundle
from primis.codec.codec import Codec
from primis.codec.codes import SparseCodes
from primis.codec.layout import Layout
from primis.codec.spans import Span
from primis.errors import InputError, PrimisError, UsageError
from primis.files import write_atomically
from primis.images import Attributes, Image, read_image
from primis.images.raster import encode_png
from primis.keys import Keyring
from primis.levels import body_lengths, read_levels, write_levels
from primis.obfuscation import Level, Scheme, keystream
from primis.obfuscation.ambiguation import AMBIGUATED_SCALES, disambiguate
from primis.study.dataset import Case, content, read_pixels
from primis.study.workspace import make_folder

Pixels = NDArray[np.uint8]

ORIGINAL, FULL, DIAGNOSTIC, PREVIEW, PUBLIC = "original", "full", "diagnostic", "preview", "public"
LEVELS = (FULL, DIAGNOSTIC, PREVIEW)
RENDITIONS = (ORIGINAL, *LEVELS, PUBLIC)

_FORMAT = 3  # counted up when files in the cache change their meaning


class Renditions:
    """Everything that is seen of images protected at one rate, made once and kept on disk.

    Images are protected as 8-bit pictures, under keys that exist only while a file is made.
    Several processes may fill one cache at once.

    Parameters
    ----------
    rate
        Bits per pixel of the public file.
    cache
        Folder; files in it are named by content, rate, scheme and model.
    scheme
        How the codes are hidden.
    """

    def __init__(self, rate: float, cache: Path, *, scheme: Scheme = Scheme.KEYSTREAM) -> None:
        self.rate, self.cache, self.scheme = rate, cache, scheme
        self._model = bundle.find().digest.hex()

    @property
    def settings(self) -> dict[str, str | float]:
        """What decides the renditions, for the settings of a result."""
        return {"rate": self.rate, "scheme": self.scheme.name.lower(), "model": self._model}

    def pixels(self, case: Case, rendition: str) -> Pixels:
        """Return the picture that a party sees: uint8, of the original's shape.

        `PUBLIC` is what comes out when sealed bytes are read as if they were code bytes, with the
        header that is typical of the shape and rate. Under ambiguation it shows all public signs,
        as if each stood before the smallest magnitude that a key holder knows.
        """
        if rendition == ORIGINAL:
            return read_pixels(case)
        path = self._path(case, f"{_checked(rendition)}.png")
        if not path.exists():
            if rendition == PUBLIC:
                codes = self._public_codes(self.public_file(case))
            else:
                codes = self.codes(case, rendition, keep=False)
            _keep(path, encode_png(_codec().decode(codes, bits=8)))
        return np.asarray(read_image(path).pixels, np.uint8)

    def codes(self, case: Case, rendition: str, *, keep: bool = True) -> SparseCodes:
        """Return the codes that the holder of a level's key knows, decrypted and not decoded.

        Raises
        ------
        UsageError
            If the rendition is not a level.
        """
        if rendition not in LEVELS:
            raise UsageError(f"{rendition!r} has no codes", hint=f"choose among {LEVELS}")
        path = self._path(case, f"{rendition}.npz")
        if path.exists():
            return _read_codes(path)
        codes = self.unpack(case, rendition)
        if keep:
            _keep(path, _codes_to_bytes(codes))
        return codes

    def unpack(self, case: Case, rendition: str) -> SparseCodes:
        """Do what `codes` does without its cache: entropy decoding of the level and those below."""
        opened = self._opened(case)
        file = container.parse(opened.public)
        shape = (file.header.rows, file.header.columns)
        bodies = opened.bodies[: Level[rendition.upper()] + 1]
        if self.scheme is Scheme.KEYSTREAM:
            return read_levels(_codec(), shape, bodies)[1]
        _, support = read_levels(_codec(), shape, bodies, unsigned_scales=AMBIGUATED_SCALES)
        return disambiguate(support, file.payloads[0])

    def public_file(self, case: Case) -> bytes:
        """Return the public file of an image, under keys that nobody has any more."""
        return self._opened(case).public

    def _path(self, case: Case, suffix: str) -> Path:
        settings = json.dumps([_FORMAT, content(case.path), self.settings])
        name = hashlib.sha256(settings.encode()).hexdigest()[:32]
        return self.cache / "renditions" / name[:2] / f"{name}.{suffix}"

    def _opened(self, case: Case) -> _Opened:
        path = self._path(case, "primis.npz")
        if not path.exists():
            arrays = [np.frombuffer(part, np.uint8) for part in self._protect(case)]
            _keep(path, _to_bytes(arrays))
        public, *bodies = (array.tobytes() for array in _read_arrays(path))
        return _Opened(public, bodies)

    def _protect(self, case: Case) -> list[bytes]:
        """Return a public file and the bodies of its levels, as key holders decrypt them."""
        image = Image(read_pixels(case), Attributes())
        keyring = throwaway_keyring()
        made = protect(image, keyring, name="", rate=self.rate, scheme=self.scheme, threads=1)
        file = container.parse(made.data)
        material = keyring.image_key(made.image_id, Level.FULL).material
        if isinstance(material, tuple):
            return [made.data, *material]
        header = file.header.to_bytes()
        return [made.data, *keystream.open_levels(file.payloads, Level.FULL, material, header)]

    def _public_codes(self, public: bytes) -> SparseCodes:
        file = container.parse(public)
        shape = (file.header.rows, file.header.columns)
        if self.scheme is Scheme.AMBIGUATION:
            lengths = body_lengths(int(self.rate * shape[0] * shape[1] / 8))
            return disambiguate(_smallest(_typical(shape, tuple(lengths)).codes), file.payloads[0])
        sealed = [
            payload[keystream.KEY_LENGTH if level else 0 : -keystream.TAG_LENGTH]
            for level, payload in enumerate(file.payloads)
        ]
        heads = _typical(shape, tuple(map(len, sealed))).heads
        forged = [_behind(head, body) for head, body in zip(heads, sealed, strict=True)]
        return read_levels(_codec(), shape, forged)[1]


def fill(
    renditions: Renditions,
    cases: Iterable[Case],
    which: Sequence[str] = RENDITIONS,
    *,
    codes: Sequence[str] = (),
    processes: int = 1,
    report: Callable[[str], None] = lambda _: None,
) -> None:
    """Make the renditions of many cases, so that they are only read from disk afterwards.

    Parameters
    ----------
    renditions
        Where they are kept.
    cases
        Of which images.
    which
        Whose pixels; of `PUBLIC` the file as well.
    codes
        Of which levels to keep the codes too.
    processes
        How many to use, of one thread each.
    report
        Called now and then with a line on the progress.

    Raises
    ------
    PrimisError
        The first one; what was made until then stays.
    """
    names = [_checked(name) for name in which if name != ORIGINAL]
    suffixes = [*(f"{name}.png" for name in names), *(f"{name}.npz" for name in codes)]
    missing = [
        case
        for case in cases
        if not all(renditions._path(case, suffix).exists() for suffix in suffixes)
    ]
    work = partial(_fill_case, renditions=renditions, which=names, codes=codes)
    outcomes = over_pool(work, missing, processes=min(processes, len(missing)))
    for done, outcome in enumerate(outcomes, start=1):
        if isinstance(outcome, PrimisError):
            raise outcome
        if done % 50 == 0 or done == len(missing):
            report(f"renditions of {done} of {len(missing)} images at {renditions.rate:g} bpp")


class _Opened(NamedTuple):
    """A public file, and the bodies of its levels."""

    public: bytes
    bodies: list[bytes]


class _Typical(NamedTuple):
    """What anybody can tell of files of one shape and length from files of his own.

    ``heads`` is what stands before the coded words in the body of each level.
    """

    codes: SparseCodes
    heads: list[bytes]


@lru_cache(maxsize=256)
def _typical(shape: tuple[int, int], lengths: tuple[int, ...]) -> _Typical:
    """Code a picture of noise whose spectrum falls as that of natural images does (1/f)."""
    rng = np.random.default_rng(0)
    rows, columns = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None]
    spectrum = np.fft.rfft2(rng.normal(size=shape)) / np.hypot(rows, columns).clip(1 / max(shape))
    noise = np.fft.irfft2(spectrum, s=shape)
    pixels = np.rint(127.5 + 50 * noise / noise.std()).clip(0, 255).astype(np.uint8)
    _, bodies = write_levels(_codec(), Image(pixels, Attributes()), lengths)
    ends = [bitstream.minimum_length(level) - bitstream.MIN_STREAM_LENGTH for level in range(3)]
    ends[0] += 1 + bodies[0][0]  # the image's attributes and their length
    heads = [body[:end] for body, end in zip(bodies, ends, strict=True)]
    return _Typical(read_levels(_codec(), shape, bodies)[1], heads)


def _behind(head: bytes, sealed: bytes) -> bytes:
    """Put the bytes of a sealed body in the place of the coded words behind a head."""
    words = (len(sealed) - len(head)) // bitstream.WORD * bitstream.WORD
    return (head + sealed[len(head) :][:words]).ljust(len(sealed), b"\0")


def _smallest(codes: SparseCodes) -> SparseCodes:
    """Give all coefficients with public signs the smallest magnitude, and the others none."""
    ones = [
        codes.span.values(np.full_like(band, 1 << codes.plane))
        for band in codes.values[:AMBIGUATED_SCALES]
    ]
    zeros = [np.zeros_like(band) for band in codes.values[AMBIGUATED_SCALES:]]
    return replace(codes, values=(*ones, *zeros))


def _fill_case(
    case: Case, *, renditions: Renditions, which: Sequence[str], codes: Sequence[str]
) -> None:
    for name in codes:
        renditions.codes(case, name)
    for name in which:
        renditions.pixels(case, name)


def _checked(rendition: str) -> str:
    if rendition not in RENDITIONS:
        raise UsageError(f"{rendition!r} is not a rendition", hint=f"choose among {RENDITIONS}")
    return rendition


def _codec() -> Codec:
    return Codec.default(threads=1)


def throwaway_keyring() -> Keyring:
    """Make the keyring of a new data set, for an owner whose identity nobody keeps."""
    return Keyring.create([str(pyrage.x25519.Identity.generate().to_public())])


def _keep(path: Path, data: bytes) -> None:
    """Write a file of the cache; of two processes that make it at once, the first one wins."""
    make_folder(path.parent)
    if not path.exists():
        write_atomically(path, data, overwrite=True)


def _read_arrays(path: Path) -> list[NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return list(arrays.values())
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is damaged", hint="delete it; it will be made again") from error


def _to_bytes(arrays: Iterable[NDArray[Any]]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, *arrays)
    return buffer.getvalue()


def _codes_to_bytes(codes: SparseCodes) -> bytes:
    layout = codes.layout
    numbers = [layout.rows, layout.columns, codes.step, codes.offset, codes.plane]
    numbers += [codes.sparsified, codes.dark_sides, codes.span.code]
    return _to_bytes([np.array(numbers, np.float64), *codes.values, *codes.known])


def _read_codes(path: Path) -> SparseCodes:
    numbers, *bands = _read_arrays(path)
    rows, columns, step, offset, plane, sparsified, dark_sides, span = numbers.tolist()
    values, known = bands[: len(bands) // 2], bands[len(bands) // 2 :]
    return SparseCodes(
        layout=Layout(int(rows), int(columns)),
        step=step,
        offset=int(offset),
        values=tuple(values),
        plane=int(plane),
        known=tuple(known),
        sparsified=bool(sparsified),
        dark_sides=int(dark_sides),
        span=Span(int(span)),
    )
