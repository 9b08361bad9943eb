"""Images published under a target, as an attacker collects them who knows none of the originals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from primis.attacks.pictures import small
from primis.attacks.record import AttackResult, with_ceilings
from primis.attacks.targets import SIGNS_STEP, Grey, Published, RawCodes, Target, chosen
from primis.codec.codec import Codec
from primis.codec.codes import Integers, SparseCodes, everything_known
from primis.errors import InputError
from primis.study.dataset import Case, Dataset, read_pixels

if TYPE_CHECKING:
    from primis.attacks.attack import Report, Settings

_LEAST = 8  # patients
_IMAGES = {True: 60, False: 150}  # quick or not
_CROWDED = 0.05  # share of a band's values in the upper half of its range
_EVEN = 0.7  # their mean, as part of the largest: 0.75 if spread evenly
_SIGNS_OFFSET = 128  # grey levels, where the public has signs alone


@dataclass(frozen=True, eq=False)
class Files:
    """Published images of one target.

    Parameters
    ----------
    target
        Its name.
    cases
        n cases; nothing is learnt, so they come from all splits.
    published
        What the public has of each, and the truth to score by.
    seed
        Of samples and bootstraps.
    """

    target: str
    cases: tuple[Case, ...] = field(repr=False)
    published: tuple[Published, ...] = field(repr=False)
    seed: int = 0

    @property
    def patients(self) -> list[str]:
        """The patient of every case."""
        return [case.patient for case in self.cases]

    def first(self, count: int) -> Files:
        """Return one file of each of the first ``count`` patients."""
        place = {case.patient: i for i, case in reversed(list(enumerate(self.cases)))}
        chosen = sorted(place.values())[:count]
        cases, published = zip(*((self.cases[i], self.published[i]) for i in chosen), strict=True)
        return Files(self.target, cases, published, self.seed)

    def others(self, index: int, count: int = 4) -> Iterator[int]:
        """Yield positions of other patients' files: what they give is had without the file."""
        following = ((index + step) % len(self.cases) for step in range(1, len(self.cases)))
        foreign = (i for i in following if self.cases[i].patient != self.cases[index].patient)
        for _, other in zip(range(count), foreign, strict=False):
            yield other


def against_targets(
    attack: Callable[[Files], Iterable[AttackResult]],
    dataset: Dataset,
    settings: Settings,
    report: Report,
) -> list[AttackResult]:
    """Run an attack against every target that the settings name.

    Where it gives no ceiling, what it got from raw codes is one.
    """
    results: list[AttackResult] = []
    for target in chosen(settings):
        report(target.name)
        results += attack(publish(dataset, target, settings))
    return with_ceilings(results, RawCodes().name)


def publish(dataset: Dataset, target: Target, settings: Settings) -> Files:
    """Publish some images, cut square and averaged down; made once per process.

    Raises
    ------
    InputError
        If there are images of fewer than 8 patients: nothing could be told from them.
    """
    if (patients := len({case.patient for case in dataset.cases})) < _LEAST:
        raise InputError(
            f"{dataset.name} has images of {patients} patients, this needs {_LEAST}",
            hint="add images, or the column patient to the labels if each is of another patient",
        )
    cases = _choose(dataset, _IMAGES[settings.images is not None], settings.seed)
    paths = tuple(case.path for case in cases)
    published = _published(paths, target, settings.side, settings.seed)  # type: ignore[arg-type]
    return Files(target.name, cases, published, settings.seed)


def _choose(dataset: Dataset, count: int, seed: int) -> tuple[Case, ...]:
    """Draw about ``count`` cases: for one half pairs of one patient, as far as there are."""
    by_patient: dict[str, list[Case]] = {}
    for case in dataset.cases:
        by_patient.setdefault(case.patient, []).append(case)
    names = np.random.default_rng(seed).permutation(sorted(by_patient))
    pairs = [by_patient[name][:2] for name in names if len(by_patient[name]) > 1][: count // 4]
    paired = {case.patient for pair in pairs for case in pair}
    single = [by_patient[name][0] for name in names if name not in paired]
    return (*(case for pair in pairs for case in pair), *single[: count - 2 * len(pairs)])


def cleaned(published: Published) -> tuple[Integers, ...]:
    """Return the public codes without noise that sticks out.

    Where no position of the finest scale is empty, noise was added; the published code of the paper
    draws it evenly from the upper half of the range of a band. True values thin out towards the
    largest. So where the upper half is evenly filled, the lower half is kept. Equal ones stay.
    """
    *details, smooth = published.bands
    if not details[0].all():
        return published.bands
    return (*map(_without_noise, details), smooth)


def _without_noise(band: Integers) -> Integers:
    magnitudes = np.abs(band)
    top = int(magnitudes.max())
    upper = magnitudes > top // 2
    noisy = top > 1 and np.mean(upper) > _CROWDED and magnitudes[upper].mean() > _EVEN * top
    return np.where(upper, 0, band) if noisy else band


def decode(published: Published, bands: tuple[Integers, ...]) -> Grey:
    """Decode public codes as they are, with a typical step and brightness where none is public."""
    layout = published.truth.layout
    unknown = published.step == 1 and not published.offset
    step, offset = (SIGNS_STEP, _SIGNS_OFFSET) if unknown else (published.step, published.offset)
    codes = SparseCodes(layout, step, offset, bands, 0, everything_known(layout))
    return np.asarray(Codec.default(1).decode(codes, 8), np.uint8)


@lru_cache(maxsize=16)
def _published(
    paths: tuple[Path, ...], target: Target, side: int, seed: int
) -> tuple[Published, ...]:
    return tuple(
        target.publish(small(read_pixels(Case(path.name, path, path.name, "test")), side), seed + n)
        for n, path in enumerate(paths)
    )
