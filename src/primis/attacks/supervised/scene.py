"""One attack against all targets: who knows what, in which split, and what is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from primis.attacks.attack import Report, Settings
from primis.attacks.identity import identity
from primis.attacks.pictures import slug
from primis.attacks.record import AttackResult, with_ceilings
from primis.attacks.supervised.corpus import Corpus, publish
from primis.attacks.targets import RawCodes, chosen, planted_targets
from primis.errors import InputError
from primis.study.dataset import SPLITS, Case, Dataset
from primis.study.workspace import Workspace

CHECK_SHARE = 0.2
"""Share of the known pairs by which the attacker decides when to stop learning."""

_VERSION = 2  # counted up when what attackers learn, or how they are scored, changes
_CHOICES = ("pairs", "targets", "planted", "images", "inside_images")  # change no single result

Indices: TypeAlias = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Scene:
    """An attacker before one target.

    Parameters
    ----------
    corpus
        All cases, published under the target, every file under keys of its own.
    train, check
        Positions of the known pairs: to learn from (split train) and to stop by (split val).
    test
        Positions of the files to attack (split test); other patients than those of the pairs.
    settings, workspace, report
        As the attack got them.
    """

    corpus: Corpus
    train: Indices
    check: Indices
    test: Indices
    settings: Settings
    workspace: Workspace
    report: Report

    @property
    def pairs(self) -> int:
        """Number of known pairs."""
        return len(self.train) + len(self.check)

    @property
    def complete(self) -> bool:
        """Whether he knows all pairs that there are."""
        return self.pairs + len(self.test) == len(self.corpus.cases)

    @property
    def name(self) -> str:
        """What a progress report calls it."""
        return f"{self.corpus.target}, {self.pairs} pairs"

    @cached_property
    def held(self) -> Corpus:
        """The same cases as an attacker sees those whose image he holds: he can code them."""
        target = RawCodes(self.settings.rate)
        cases = self.corpus.cases
        return publish(cases, target, self.settings, self.workspace, self.report)

    def limited_to(self, keep: NDArray[np.bool_]) -> Scene:
        """Return the scene without the cases that ``keep`` (n,) rules out."""
        parts = {name: getattr(self, name) for name in ("train", "check", "test")}
        return replace(self, **{name: part[keep[part]] for name, part in parts.items()})


Attempt: TypeAlias = Callable[[Scene], list[AttackResult]]


def against_targets(
    attack: str,
    attempt: Attempt,
    dataset: Dataset,
    workspace: Workspace,
    settings: Settings,
    report: Report,
) -> list[AttackResult]:
    """Run an attack against every target with every number of pairs, planted ones with all pairs.

    The ceiling of a result, where the attack gives none, is what the same attack with as many pairs
    got from raw codes.

    Raises
    ------
    UsageError
        If ``settings.targets`` names an unknown target.
    InputError
        If a split has no images, or the images are not of a kind that the attack is for.
    """
    cases = selected(dataset, settings)
    corpora = {
        target.name: partial(publish, cases, target, settings, workspace, report)
        for target in chosen(settings, attack)
    }
    results = run_scenes(
        attack, attempt, corpora, cases, workspace, settings, report, no_curve=planted_targets()
    )
    if not results:
        raise InputError(f"{dataset.name} has too few images, labels or patients for {attack}")
    return with_ceilings(results, RawCodes().name)


def run_scenes(
    attack: str,
    attempt: Attempt,
    corpora: Mapping[str, Callable[[], Corpus]],
    cases: tuple[Case, ...],
    workspace: Workspace,
    settings: Settings,
    report: Report,
    *,
    no_curve: Collection[str] = (),
) -> list[AttackResult]:
    """Run an attack against corpora, made when needed, with every number of pairs.

    Those of ``no_curve`` are attacked with all pairs only.
    """
    identifying = identity(cases, settings, _VERSION, but=_CHOICES)
    known = sum(case.split != "test" for case in cases)
    amounts = (*(pairs for pairs in settings.pairs if pairs < known), known)
    results = []
    for target, make in corpora.items():
        corpus = cache(make)
        for pairs in amounts[-1:] if target in no_curve else amounts:
            report(f"{attack}: {target}, {pairs} pairs")
            kept = workspace.result(
                slug(f"{attack} {target} {pairs}"),
                {**identifying, "attack": attack, "target": target, "pairs": pairs},
                partial(_compute, attempt, corpus, pairs, workspace, settings, report),
            )
            results += [AttackResult.from_json(fields) for fields in kept]
    return results


def selected(dataset: Dataset, settings: Settings) -> tuple[Case, ...]:
    """Choose the cases: all, or some of each split, half of them of patients with several."""
    for split in SPLITS:
        dataset.split(split)  # raises where there is none
    if settings.images is None:
        return dataset.cases
    counts = Counter(case.patient for case in dataset.cases)
    several = tuple(case for case in dataset.cases if counts[case.patient] > 1)
    single = tuple(case for case in dataset.cases if counts[case.patient] == 1)
    per_split = settings.images // 2 if several and single else settings.images
    parts = [replace(dataset, cases=part) for part in (several, single) if part]
    return tuple(
        case for part in parts for case in part.subset(per_split, seed=settings.seed).cases
    )


def _compute(
    attempt: Attempt,
    corpus: Callable[[], Corpus],
    pairs: int,
    workspace: Workspace,
    settings: Settings,
    report: Report,
) -> list[dict[str, Any]]:
    published = corpus()
    train, check = published.indices("train"), published.indices("val")
    if pairs < len(train) + len(check):
        rng = np.random.default_rng(settings.seed)
        held_out = min(len(check), round(CHECK_SHARE * pairs))
        train = np.sort(rng.permutation(train)[: pairs - held_out])
        check = np.sort(rng.permutation(check)[:held_out])
    test = published.indices("test")
    scene = Scene(published, train, check, test, settings, workspace, report)
    return [result.to_json() for result in attempt(scene)]
