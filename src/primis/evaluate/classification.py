"""What a classifier loses by reconstruction: networks trained and tested on every rendition.

Three ways are compared:

- trained on originals and tested on each rendition, as when a hospital's network meets images of
  primis;
- trained and tested on the same rendition, as when a researcher has nothing else;
- trained and tested on the codes that a key decrypts, without making a picture of them: the bands
  of the coarser scales are the channels of the input (`code_maps`).

The seed of a network decides its first weights and its training. Estimates are means over the
seeds, with bootstrap intervals over the patients of the test split, so they tell how certain the
estimate is for other patients, not for other seeds; the values of single seeds tell the latter.
The validation split decides which epoch's weights to keep and the threshold for accuracy.

The result (`evaluate_classification`) is a dict:

- ``title``, ``column``, ``negative``, ``positive`` (values of that column), ``rate`` (bits per
  pixel);
- ``images``: by split, the numbers of ``negative`` and ``positive`` ones and of ``patients``;
- ``training``: settings of the networks, and ``epochs``;
- ``floor``: what guessing reaches: ``auc`` (0.5) and ``accuracy`` (share of the larger class in the
  test split);
- ``scores``: a list of records, one per input, training and test:

  - ``input``: "pixels" or "codes"; ``trained_on`` and ``tested_on``: a rendition;
  - ``auc``, ``accuracy``: intervals; ``seeds``: a list of ``seed``, ``auc``, ``accuracy``;
  - ``difference``: ``auc`` and ``accuracy``, intervals of the same minus networks of the same seeds
    trained and tested on original pixels, on the same resamples, each with ``p`` of the two-sided
    test against zero; None for these themselves;
  - ``roc``: ``false_positives`` (0, 0.01 ... 1) and ``true_positives``, mean over the seeds;

- ``speed``: how a network on codes compares with one on pixels; None if no network has codes as
  input. ``level``, ``images`` (how many were timed), and by input (``pixels``, ``codes``):

  - ``shape`` (channels, rows, columns), ``bytes`` (one per value), and ``nonzero`` (share of the
    values) of the input; ``multiply_adds`` and ``parameters`` of the network;
  - ``seconds`` of one core for one image, medians of ``entropy_decoding``, ``synthesis`` (none for
    codes), ``scaling``, ``network`` and ``total``.

An interval is a dict of ``value``, ``low`` and ``high``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from primis.batch import over_pool
from primis.errors import InputError, PrimisError
from primis.evaluate.classifier import CODES, PIXELS, Experiment, Networks, Outputs, Training
from primis.evaluate.classifier_speed import measure_speed
from primis.evaluate.plan import Task
from primis.study.dataset import SPLITS, Dataset
from primis.study.renditions import (
    DIAGNOSTIC,
    FULL,
    ORIGINAL,
    PREVIEW,
    PUBLIC,
    RENDITIONS,
    Renditions,
    fill,
)
from primis.study.statistics import Difference, Interval, auc, bootstrap, paired_bootstrap
from primis.study.workspace import Workspace

Array = NDArray[Any]
Report = Callable[[str], None]

USUAL = Training()
ALL = (
    Networks(PIXELS, ORIGINAL, RENDITIONS, (0, 1, 2)),
    Networks(PIXELS, FULL, (FULL,), (0, 1, 2)),
    Networks(PIXELS, DIAGNOSTIC, (DIAGNOSTIC,), (0, 1)),
    Networks(PIXELS, PREVIEW, (PREVIEW,), (0, 1)),
    Networks(PIXELS, PUBLIC, (PUBLIC,), (0, 1)),
    Networks(CODES, FULL, (FULL,), (0, 1)),
    Networks(CODES, DIAGNOSTIC, (DIAGNOSTIC,), (0, 1)),
    Networks(CODES, PREVIEW, (PREVIEW,), (0, 1)),
)

QUICK = Training(side=64, width=12, images=3_000, fewest=4, most=15)
FEW = (
    Networks(PIXELS, ORIGINAL, RENDITIONS, (0,)),
    Networks(PIXELS, FULL, (FULL,), (0,)),
    Networks(CODES, FULL, (FULL,), (0,)),
)


def evaluate_classification(
    dataset: Dataset,
    renditions: Renditions,
    workspace: Workspace,
    *,
    task: Task,
    quick: bool = False,
    training: Training | None = None,
    networks: Sequence[Networks] = (),
    processes: int = 1,
    report: Report = lambda _: None,
) -> dict[str, Any]:
    """Tell two classes of images apart, in every rendition.

    Parameters
    ----------
    dataset
        Images of other classes are left out.
    renditions
        What is compared.
    workspace
        Keeps the networks and their scores, one by one.
    task
        The classes.
    quick
        Small networks and few of them.
    training, networks
        Which networks to train, and how; default: what `quick` says. The first must be trained and
        tested on original pixels, with all seeds that others have.
    processes
        How many groups of networks to train at once.
    report
        Told about progress.

    Returns
    -------
    dict
        See `primis.evaluate.classification`.

    Raises
    ------
    InputError
        If a class has no image in one of the splits.
    """
    training = training or (QUICK if quick else USUAL)
    networks = networks or (FEW if quick else ALL)
    chosen = dataset.where(**{task.column: {*task.negative, *task.positive}})
    experiment = Experiment(chosen, task, renditions, workspace, training)
    for split in SPLITS:
        if len(set(experiment.truth(split).tolist())) < 2:
            raise InputError(
                f"the split {split} of {dataset.name} has only one class of {task.title}",
                hint="give more images of each class, of more patients",
            )

    def compute() -> dict[str, Any]:
        _make_renditions(experiment, networks, processes, report)
        outputs = _all_outputs(experiment, networks, processes, report)
        test = chosen.split("test")
        share = experiment.truth("test").mean()
        level = next((group.trained_on for group in networks if group.input == CODES), None)
        return {
            "title": task.title,
            **asdict(task),
            "rate": renditions.rate,
            "images": {split: _count(experiment, split) for split in SPLITS},
            "training": {
                **asdict(training),
                "epochs": training.epochs(len(chosen.split("train"))),
            },
            "floor": {"auc": 0.5, "accuracy": max(share, 1 - share)},
            "scores": _records(experiment, networks, outputs),
            "speed": level and measure_speed(test, renditions, training, level),
        }

    settings = {**experiment.settings, "groups": networks}
    return dict(workspace.result("classification", settings, compute))


def _count(experiment: Experiment, split: str) -> dict[str, int]:
    truth = experiment.truth(split)
    return {
        "negative": int((truth == 0).sum()),
        "positive": int(truth.sum()),
        "patients": len({case.patient for case in experiment.dataset.split(split)}),
    }


def threshold(truth: Array, score: Array) -> float:
    """Return the score above which calling images positive is right most often.

    It lies midway between two scores; of several such, it is the one in the middle.
    """
    ends = np.unique(score)
    places = np.concatenate([[ends[0] - 1], (ends[1:] + ends[:-1]) / 2, [ends[-1] + 1]])
    right = np.array([np.mean((score > place) == (truth > 0)) for place in places])
    best = np.flatnonzero(right == right.max())
    return float(places[best[len(best) // 2]])


def _make_renditions(
    experiment: Experiment,
    networks: Sequence[Networks],
    processes: int,
    report: Report,
) -> None:
    def needed(input_: str, split: str) -> list[str]:
        groups = [group for group in networks if group.input == input_]
        seen = {name for group in groups for name in group.tested_on if split == "test"}
        return [name for name in RENDITIONS if name in seen | {g.trained_on for g in groups}]

    for split in SPLITS:
        fill(
            experiment.renditions,
            experiment.dataset.split(split),
            needed(PIXELS, split),
            codes=needed(CODES, split),
            processes=processes,
            report=report,
        )


def _all_outputs(
    experiment: Experiment, networks: Sequence[Networks], processes: int, report: Report
) -> list[list[Outputs]]:
    """Return the outputs of each network of each group."""
    outputs = []
    outcomes = over_pool(experiment.outputs, networks, processes=processes)
    for done, (group, outcome) in enumerate(zip(networks, outcomes, strict=True), start=1):
        if isinstance(outcome, PrimisError):
            raise outcome
        outputs.append(outcome)
        report(
            f"{experiment.dataset.name}, {experiment.task.title}: networks on {group.trained_on} "
            f"{group.input} ({done} of {len(networks)} groups)"
        )
    return outputs


@dataclass(frozen=True)
class _Test:
    """Outputs for the test split and whether they are right at the threshold: (n, seeds)."""

    score: Array
    right: Array

    @classmethod
    def of(
        cls, networks: Sequence[dict[str, Any]], rendition: str, truth: dict[str, Array]
    ) -> _Test:
        outputs = [np.array(network["test"][rendition]) for network in networks]
        thresholds = [threshold(truth["val"], np.array(network["val"])) for network in networks]
        called = [output > place for output, place in zip(outputs, thresholds, strict=True)]
        right = [positive == (truth["test"] > 0) for positive in called]
        return cls(np.stack(outputs, 1), np.stack(right, 1))

    def seeds(self, columns: Sequence[int]) -> _Test:
        """Return a part of the seeds."""
        return _Test(self.score[:, columns], self.right[:, columns])


def _mean_auc(truth: Array, score: Array) -> float:
    return float(np.mean([auc(truth, column) for column in score.T]))


def _records(
    experiment: Experiment, networks: Sequence[Networks], outputs: Sequence[Sequence[Outputs]]
) -> list[dict[str, Any]]:
    """Turn the outputs of networks into what the result says of them."""
    truth = {split: experiment.truth(split) for split in SPLITS}
    positive = truth["test"]
    patients = [case.patient for case in experiment.dataset.split("test")]
    originals = _Test.of(outputs[0], ORIGINAL, truth)

    def estimates(test: _Test) -> dict[str, Interval]:
        return {
            "auc": bootstrap(_mean_auc, patients, positive, test.score),
            "accuracy": bootstrap(np.mean, patients, test.right),
        }

    def differences(a: _Test, b: _Test) -> dict[str, Difference]:
        return {
            "auc": paired_bootstrap(_mean_auc, patients, [positive, a.score], [positive, b.score]),
            "accuracy": paired_bootstrap(np.mean, patients, [a.right], [b.right]),
        }

    records = []
    for group, one_group in zip(networks, outputs, strict=True):
        same_seeds = originals.seeds([networks[0].seeds.index(seed) for seed in group.seeds])
        for rendition in group.tested_on:
            test = _Test.of(one_group, rendition, truth)
            reference = group is networks[0] and rendition == ORIGINAL
            records.append(
                {
                    "input": group.input,
                    "trained_on": group.trained_on,
                    "tested_on": rendition,
                    **estimates(test),
                    "seeds": [
                        {"seed": seed, "auc": auc(positive, score), "accuracy": right.mean()}
                        for seed, score, right in zip(
                            group.seeds, test.score.T, test.right.T, strict=True
                        )
                    ],
                    "difference": None if reference else differences(test, same_seeds),
                    "roc": mean_roc(positive, test.score),
                }
            )
    return records


def mean_roc(truth: Array, score: Array) -> dict[str, list[float]]:
    """Return the mean ROC curve of scores (images, seeds), at 101 rates of false positives."""
    at = np.linspace(0, 1, 101)
    curves = []
    for column in score.T:
        places = np.unique(column)[::-1]  # from strict to lax
        rising = [np.mean(column[truth == label] >= places[:, None], 1) for label in (0, 1)]
        false, true = (np.concatenate([[0], rates]) for rates in rising)
        curves.append(np.interp(at, false, true))
    return {
        "false_positives": at.round(2).tolist(),
        "true_positives": np.mean(curves, 0).round(4).tolist(),
    }
