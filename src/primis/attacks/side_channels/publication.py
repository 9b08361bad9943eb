"""Images as their owner published them, for the attacks that look beside the payloads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from primis.api import protect
from primis.attacks.record import LEVEL
from primis.attacks.targets import image
from primis.errors import InputError
from primis.keys import Keyring
from primis.obfuscation import Scheme
from primis.study.dataset import read_pixels
from primis.study.renditions import throwaway_keyring
from primis.study.statistics import Interval, share

if TYPE_CHECKING:
    from primis.attacks.attack import Settings
    from primis.study.dataset import Dataset

Pixels = NDArray[np.uint8]

_LEAST, _IMAGES = 8, 48
"""Enough to see a leak that matters: with so many, an AUC of 0.75 is told from 0.5."""


@dataclass(frozen=True)
class Publication:
    """Public files of images, and the keyring that only their owner has.

    Parameters
    ----------
    pixels
        The images, uint8 (rows, columns).
    patients
        One name per image.
    keyring
        The owner's.
    files
        One public file per image.
    ids
        Their image ids.
    """

    pixels: tuple[Pixels, ...] = field(repr=False)
    patients: tuple[str, ...]
    keyring: Keyring
    files: tuple[bytes, ...] = field(repr=False)
    ids: tuple[bytes, ...]


@dataclass(frozen=True)
class Victims:
    """Images of one shape, ready to be published.

    Sizes and times depend on the shape, which is public; what else they tell shows among images
    of one shape. Nothing is learnt here, so all splits of the data set serve.
    """

    pixels: tuple[Pixels, ...] = field(repr=False)
    patients: tuple[str, ...]
    rate: float

    @classmethod
    def of(cls, dataset: Dataset, settings: Settings) -> Victims:
        """Take one image of each of up to 48 patients, and cut the middle of each.

        Raises
        ------
        InputError
            If there are fewer than 8 patients: nothing could be told from their images.
        """
        first = {case.patient: case for case in reversed(dataset.cases)}
        names = sorted(first)
        if len(names) < _LEAST:
            raise InputError(f"{dataset.name} has {len(names)} patients, this needs {_LEAST}")
        count = min(_IMAGES, len(names), settings.images or _IMAGES)
        chosen = [first[names[index * len(names) // count]] for index in range(count)]
        return cls(
            tuple(cut([read_pixels(case) for case in chosen], settings.side)),
            tuple(case.patient for case in chosen),
            settings.rate,
        )

    def publish(self, *, original: bool = False, scheme: Scheme = Scheme.KEYSTREAM) -> Publication:
        """Protect the images under a new keyring, whose identity is thrown away."""
        keyring = throwaway_keyring()
        made = [
            protect(
                image(pixels),
                keyring,
                name="",
                rate=self.rate,
                original=original,
                scheme=scheme,
                threads=1,
            )
            for pixels in self.pixels
        ]
        files = tuple(file.data for file in made)
        ids = tuple(file.image_id for file in made)
        return Publication(self.pixels, self.patients, keyring, files, ids)


def cut(pixels: Sequence[Pixels], side: int) -> list[Pixels]:
    """Cut the middle of every image, all to one shape of at most ``side`` rows and columns."""
    rows, columns = (min(side, *(p.shape[axis] for p in pixels)) for axis in (0, 1))
    return [
        p[(p.shape[0] - rows) // 2 :, (p.shape[1] - columns) // 2 :][:rows, :columns]
        for p in pixels
    ]


def share_of(hits: Iterable[object]) -> Interval:
    """Estimate the share of hits among images, each of another patient and so independent."""
    counted = [bool(hit) for hit in hits]
    return share(sum(counted), len(counted), LEVEL)


def equal_bits(one: bytes, other: bytes) -> float:
    """Share of bits in which two byte strings of one length agree."""
    bits = [np.unpackbits(np.frombuffer(data, dtype=np.uint8)) for data in (one, other)]
    return float(np.mean(bits[0] == bits[1]))


def concordance(truth: NDArray[np.int64], guess: NDArray[np.int64]) -> float:
    """Share of pairs in one order in both, ties half; Kendall's tau is twice this minus one."""
    one, other = (np.sign(np.subtract.outer(order, order)) for order in (truth, guess))
    apart = one != 0
    return float(np.mean(1 + one[apart] * other[apart]) / 2) if apart.any() else float("nan")


def lossless_sizes(pixels: Sequence[Pixels]) -> NDArray[np.int64]:
    """Bytes of each image as lossless JPEG XL: how busy its content is."""
    coded = [imagecodecs.jpegxl_encode(image(p).pixels, lossless=True) for p in pixels]
    return np.array([len(data) for data in coded])


def busy(pixels: Sequence[Pixels]) -> NDArray[np.bool_]:
    """Tell the half of the images that compress worst: a property that side channels may tell."""
    sizes = lossless_sizes(pixels)
    worst = np.argsort(sizes, kind="stable")[len(sizes) // 2 :]
    return np.isin(np.arange(len(sizes)), worst)
