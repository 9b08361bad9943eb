"""Guided search: for the key by the tag, for true values by how plausible the picture becomes."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from primis.attacks import pictures
from primis.attacks.record import LEVEL, AttackResult
from primis.attacks.supervised.scoring import above_floor
from primis.attacks.targets import Grey, Published, RawCodes
from primis.attacks.unsupervised.files import Files, against_targets, cleaned, decode
from primis.attacks.verdicts import DEFAULT
from primis.codec.codec import Codec
from primis.codec.codes import Integers, Mask, SparseCodes, everything_known
from primis.codec.layout import Layout
from primis.errors import NoKeyError
from primis.obfuscation import keystream
from primis.obfuscation.ambiguation import AMBIGUATED_SCALES
from primis.study.statistics import auc, share

if TYPE_CHECKING:
    from primis.attacks.attack import Report, Settings
    from primis.study.dataset import Dataset
    from primis.study.workspace import Workspace

Floats = NDArray[np.float64]

MASKS = 200
"""Pictures decoded of each file, each from another choice of its values."""

PLANTED = "planted: coarse scales open"
UNKNOWN_KEY_BITS = 12

_IMAGES = {True: 24, False: 48}  # quick or not
_KEY_FILES = 8
_LIKELY = (0.05, 0.95)  # how often a position is kept, at least and at most
_PICTURES = 4


def run(
    dataset: Dataset, workspace: Workspace, settings: Settings, report: Report
) -> list[AttackResult]:
    """See `primis.attacks.attack.Attack`."""
    count = _IMAGES[settings.images is not None]

    def attack(files: Files) -> Iterator[AttackResult]:
        few = files.first(count)
        if files.target == RawCodes().name:
            few = Files(PLANTED, few.cases, _coarse_open(few), few.seed)
            originals = [published.pixels for published in few.published[:_PICTURES]]
            pictures.keep(workspace, "support search", pictures.ORIGINAL, originals)
        found = [Found.of(few, index) for index in range(len(few.cases))]
        yield from support_search(few, found)
        recovered = [one.picture for one in found]
        pictures.keep(workspace, "support search", few.target, recovered[:_PICTURES])
        best = int(np.argmax([one.told(few.published[n]) for n, one in enumerate(found)]))
        original = few.published[best].pixels
        pictures.keep_best(workspace, "support search", few.target, original, recovered[best])
        if files.target == DEFAULT:
            yield from key_search(files.first(_KEY_FILES))

    return against_targets(attack, dataset, settings, report)


def support_search(files: Files, found: Sequence[Found]) -> Iterator[AttackResult]:
    """Tell true values from noise by what becomes of the decoder's picture.

    Many pictures are decoded, each from a random choice of the public signs of the two finest
    scales, as many as are true in other patients' images, with the magnitudes that are typical
    there. A position is likely to be true if pictures that keep it are more plausible around it
    than those that drop it.

    Only positions that are not empty in the public file are searched. In raw codes all of those
    are true; they serve for the planted weakness, an ambiguation whose coarser scales are open.
    """
    own, without = [], []
    for index, published in enumerate(files.published):
        own.append(found[index].told(published))
        foreign = [found[other].told(published) for other in files.others(index)]
        without.append(np.mean(foreign))
    score, floor = above_floor(
        files.patients, np.array(own), np.array(without), files.seed, largest=1.0
    )
    yield AttackResult(
        attack="support search",
        kind="unsupervised",
        target=files.target,
        metric="AUC, true values against noise",
        score=score,
        floor=floor,
        ceiling=1.0,
        knowledge="the public file, the program, and other patients' images",
        pairs=None,
        notes=f"{MASKS} pictures of each of {len(own)} files; "
        "floor: the same search in other patients' files",
    )


def key_search(files: Files) -> Iterator[AttackResult]:
    """Try keys on the lowest payload until its tag fits.

    The tag says right or wrong for certain, so that no guess about pictures could do better. Keys
    are random or, planted, the true one but for 12 bits.
    """
    tries = 2**UNKNOWN_KEY_BITS
    for target, unknown in (
        (files.target, 8 * keystream.KEY_LENGTH),
        (f"planted: {UNKNOWN_KEY_BITS} unknown key bits", UNKNOWN_KEY_BITS),
    ):
        found = [
            any(_opens(published, guess) for guess in _keys(published.key, unknown, tries))
            for published in files.published
        ]
        yield AttackResult(
            attack="key search",
            kind="unsupervised",
            target=target,
            metric="share of keys found",
            score=share(sum(found), len(found), LEVEL),
            floor=0.0,
            ceiling=1.0,
            knowledge=f"the public file, and the key but for {unknown} bits",
            pairs=None,
            notes=f"{tries} keys tried for each of {len(found)} files",
        )


def plausibility(picture: NDArray[np.floating]) -> Floats:
    """Return for each pixel minus the square roots of its differences from its four neighbours.

    Pictures with few and sharp edges are plausible (hyper-Laplacian prior: Krishnan and Fergus,
    NIPS 2009).

    Parameters
    ----------
    picture
        (rows, columns), in any unit.
    """
    result = np.zeros(picture.shape)
    for pixels, values in ((picture, result), (picture.T, result.T)):
        jumps = np.sqrt(np.abs(np.diff(pixels, axis=0)))
        values[1:] -= jumps
        values[:-1] -= jumps
    return result


@dataclass(frozen=True, eq=False)
class Found:
    """What the search for true values found in one file.

    Parameters
    ----------
    candidates
        Where its two finest scales are not empty.
    scores
        In the same shapes: how much more plausible the picture is with the value than without.
    picture
        What the most likely values decode to, with the coarser scales as they are public.
    """

    candidates: tuple[Mask, ...]
    scores: tuple[Floats, ...]
    picture: Grey

    @classmethod
    def of(cls, files: Files, index: int) -> Found:
        """Search a file; other patients' images tell how many values are true, and how large."""
        published = files.published[index]
        finest = published.bands[:AMBIGUATED_SCALES]
        coarse = cleaned(published)[AMBIGUATED_SCALES:]
        candidates = tuple(band != 0 for band in finest)
        true = [files.published[other].truth.values for other in files.others(index)]
        values, kept = [], []
        for scale, (band, places) in enumerate(zip(finest, candidates, strict=True)):
            magnitudes = np.abs(np.stack([like[scale] for like in true]))
            typical = round(float(magnitudes.sum() / max(1, np.count_nonzero(magnitudes))))
            values.append((np.sign(band) * max(1, typical)).astype(np.int32))
            part = np.mean(magnitudes > 0) / max(np.mean(places), _LIKELY[0])
            kept.append(float(np.clip(part, *_LIKELY)))
        scores = _effects(published.truth.layout, values, coarse, kept, files.seed + index)
        likely = [
            band * (score >= np.quantile(score[places], 1 - part)) if places.any() else band
            for band, places, score, part in zip(values, candidates, scores, kept, strict=True)
        ]
        return cls(candidates, scores, decode(published, (*likely, *coarse)))

    def told(self, published: Published) -> float:
        """Mean AUC of both scales against the truth of a file; 0.5 where all or none is true."""
        areas = [
            auc(true[places], score[places])
            for true, places, score in zip(
                published.support[:AMBIGUATED_SCALES], self.candidates, self.scores, strict=True
            )
        ]
        return float(np.mean(np.nan_to_num(areas, nan=0.5)))


def _effects(
    layout: Layout,
    values: Sequence[Integers],
    coarse: Sequence[Integers],
    kept: Sequence[float],
    seed: int,
) -> tuple[Floats, ...]:
    """Mean plausibility at each position, of pictures that keep its value, less of those without.

    Pictures are decoded by the linear synthesis alone, in quantiser steps.
    """
    rng = np.random.default_rng(seed)
    codec, known = Codec.default(1), everything_known(layout)
    count = [np.zeros(band.shape) for band in values]
    total = [np.zeros(band.shape) for band in values]
    every: list[Floats] = [np.zeros(band.shape[1:]) for band in values]
    for _ in range(MASKS):
        masks = [rng.random(band.shape) < part for band, part in zip(values, kept, strict=True)]
        bands = (*(band * mask for band, mask in zip(values, masks, strict=True)), *coarse)
        codes = SparseCodes(layout, 1.0, 0, bands, 0, known)
        plausible = plausibility(codec.synthesise(codes))
        for scale, mask in enumerate(masks):
            rows, columns = every[scale].shape
            at = plausible.reshape(rows, 2 << scale, columns, 2 << scale).sum(axis=(1, 3))
            count[scale] += mask
            total[scale] += mask * at
            every[scale] += at
    return tuple(
        with_it / np.maximum(n, 1) - (of_all - with_it) / np.maximum(MASKS - n, 1)
        for with_it, n, of_all in zip(total, count, every, strict=True)
    )


def _coarse_open(files: Files) -> tuple[Published, ...]:
    """Plant a weakness in raw codes: only the two finest scales are hidden, by noise on all else.

    As in ambiguation, the signs of those are public.
    """
    rng = np.random.default_rng(files.seed)
    weak = []
    for published in files.published:
        bands = list(published.bands)
        for scale in range(AMBIGUATED_SCALES):
            noise = rng.choice((-1, 1), bands[scale].shape)
            signs = np.where(bands[scale], np.sign(bands[scale]), noise)
            bands[scale] = signs.astype(np.int32)
        weak.append(replace(published, bands=tuple(bands)))
    return tuple(weak)


def _keys(key: bytes, unknown: int, tries: int) -> Iterator[bytes]:
    known = int.from_bytes(key, "big") >> unknown << unknown
    for guess in range(tries):
        rest = guess if 2**unknown <= tries else secrets.randbits(unknown)
        yield (known | rest).to_bytes(keystream.KEY_LENGTH, "big")


def _opens(published: Published, guess: bytes) -> bool:
    try:
        keystream.open_levels(published.payloads, 0, guess, published.header)
    except NoKeyError:
        return False
    return True
