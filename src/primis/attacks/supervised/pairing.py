"""Two images of one patient: pairs of cases, and a network that learns to tell them.

Both views of a pair are embedded by networks trained so that, within a batch, the two of one
patient are closer than those of different patients (InfoNCE: van den Oord, Li, Vinyals, arXiv
1807.03748; for linking patients by chest radiographs: Packhäuser et al., Sci. Rep. 12, 2022).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import permutations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from primis.attacks.record import AttackResult, Kind
from primis.attacks.supervised.corpus import Corpus
from primis.attacks.supervised.learner import learn, legible
from primis.attacks.supervised.scene import Scene
from primis.attacks.supervised.scoring import auc_interval
from primis.attacks.supervised.verification import standardised
from primis.study.dataset import Case
from primis.study.learning import Classifier, predict
from primis.study.statistics import auc

_PER_PATIENT = 6  # pairs, so that a patient with many images does not outweigh the others
_STRANGERS = 5  # for each pair of one patient, pairs of two
_DIMENSIONS = 32
_TEMPERATURE = 0.2

Pairs = NDArray[np.int64]
Maps = NDArray[np.float16]


def link(
    scene: Scene, attack: str, kind: Kind, other: Corpus, knowledge: str
) -> list[AttackResult]:
    """Tell whether two different images are of one patient.

    Parameters
    ----------
    scene
        The corpus has the first view of each pair.
    attack, kind, knowledge
        For the result.
    other
        The second view; the same corpus if the attacker has two files.

    Returns
    -------
    list of AttackResult
        Empty if some split has no patient with two images.
    """
    rng = np.random.default_rng(scene.settings.seed)
    cases, column = scene.corpus.cases, scene.settings.column
    same = [_same(cases, part, rng) for part in (scene.train, scene.check, scene.test)]
    if min(map(len, same)) < 2:
        scene.report(f"{scene.name}: nothing to link, some split lacks patients with two images")
        return []
    check, test = (_with_strangers(pairs, cases, column, rng) for pairs in same[1:])

    def truth(pairs: Pairs) -> NDArray[np.bool_]:
        return np.array([cases[a].patient == cases[b].patient for a, b in pairs])

    learned = _learned(scene, other, same[0], check, truth(check))
    plain = _correlation(scene.corpus, other)
    best, score = max(
        (("learned embedding", learned), ("plain correlation", plain)),
        key=lambda named: auc(truth(check), named[1](check)),
    )
    return [
        AttackResult(
            attack=attack,
            kind=kind,
            target=scene.corpus.target,
            metric="AUC",
            score=auc_interval(
                [cases[a].patient for a, _ in test], truth(test), score(test), scene.settings.seed
            ),
            floor=0.5,
            ceiling=None,
            knowledge=knowledge,
            pairs=scene.pairs,
            notes=f"{best}; pairs of two patients have equal labels, as those of one mostly do",
        )
    ]


class TwoViews(nn.Module):
    """Embeds the cases of each pair: one network, or one for either view where they differ.

    Parameters
    ----------
    first, second
        (cases, channels, rows, columns): what the first and the second of a pair are seen as.
    width
        Of the networks.
    """

    def __init__(self, first: Maps, second: Maps, width: int) -> None:
        super().__init__()
        self._inputs = [torch.from_numpy(maps) for maps in (first, second)]

        def embedding(maps: Maps) -> nn.Module:
            channels = maps.shape[1]
            return Classifier(_DIMENSIONS, channels=channels, width=width, stages=3, stem=1)

        self.first = embedding(first)
        self.second = self.first if second is first else embedding(second)

    def forward(self, pairs: Tensor) -> Tensor:
        """Map pairs (n, 2) of positions of cases to unit vectors (n, 2, dimensions)."""
        chosen = [inputs[pairs[:, k].long()].float() for k, inputs in enumerate(self._inputs)]
        if self.second is self.first:
            both: Tensor = self.first(torch.cat(chosen))
            views = both.chunk(2)
        else:
            views = (self.first(chosen[0]), self.second(chosen[1]))
        return F.normalize(torch.stack(views, 1), dim=2)


def _contrast(embedded: Tensor, patients: Tensor) -> Tensor:
    """InfoNCE both ways; other pairs of the same patient do not count as strangers."""
    similar = embedded[:, 0] @ embedded[:, 1].T / _TEMPERATURE
    repeated = (patients[:, None] == patients[None]) & ~torch.eye(len(patients), dtype=torch.bool)
    similar = similar.masked_fill(repeated, -torch.inf)
    own = torch.arange(len(patients))
    return (F.cross_entropy(similar, own) + F.cross_entropy(similar.T, own)) / 2


def _learned(
    scene: Scene, other: Corpus, known: Pairs, check: Pairs, check_truth: NDArray[np.bool_]
) -> Callable[[Pairs], NDArray[np.float32]]:
    pairs = np.concatenate([known, check])
    brightness = scene.corpus.pixels.mean(axis=(1, 2))
    first = legible(scene.corpus, scene.train, brightness)
    second = first if other is scene.corpus else legible(other, scene.train, brightness)
    _, patients = np.unique(np.asarray(scene.corpus.patients), return_inverse=True)

    def cosine(embedded: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray((embedded[:, 0] * embedded[:, 1]).sum(axis=1))

    model = learn(
        scene,
        lambda: TwoViews(first, second, scene.settings.width),
        pairs,
        patients[pairs[:, 0]],
        _contrast,
        score=lambda embedded, _: auc(check_truth, cosine(embedded)),
        train=np.arange(len(known)),
        check=np.arange(len(known), len(pairs)),
    )
    return lambda pairs: cosine(predict(model, pairs))


def _correlation(first: Corpus, second: Corpus) -> Callable[[Pairs], NDArray[np.float32]]:
    one, other = (standardised(corpus) for corpus in (first, second))
    return lambda pairs: np.asarray(
        np.einsum("ij,ij->i", one[pairs[:, 0]], other[pairs[:, 1]]), np.float32
    )


def _same(cases: Sequence[Case], part: NDArray[np.intp], rng: np.random.Generator) -> Pairs:
    """Pair up the images of each patient, in both orders, as many as count for one patient."""
    images: dict[str, list[int]] = defaultdict(list)
    for i in part:
        images[cases[i].patient].append(int(i))
    pairs: list[NDArray[np.int64]] = [np.empty((0, 2), dtype=np.int64)]
    for own in images.values():
        ordered = np.array(list(permutations(own, 2)), dtype=np.int64).reshape(-1, 2)
        pairs.append(rng.permutation(ordered)[:_PER_PATIENT])
    return np.concatenate(pairs)


def _with_strangers(
    same: Pairs, cases: Sequence[Case], column: str, rng: np.random.Generator
) -> Pairs:
    """Add, to each pair of one patient, pairs with images of others that have its label."""
    members = np.unique(same)
    pairs = list(same)
    for first, second in same:
        label = cases[second].labels.get(column)
        others = [
            i
            for i in members
            if cases[i].patient != cases[first].patient and cases[i].labels.get(column) == label
        ]
        chosen = rng.permutation(others)[:_STRANGERS]
        pairs += [np.array([first, i]) for i in chosen.astype(np.int64)]
    return np.stack(pairs)
