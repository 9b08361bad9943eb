"""A whole evaluation: chosen parts on several data sets, resumable, in one folder.

The folder holds ``evaluation.json`` (the document that `evaluate` returns), ``pictures/``, tables,
and what makes the run resumable: ``results/`` and ``cache/``. The document is a dict:

- ``commands`` that made it, ``settings`` (``rate`` in bits per pixel, ``quick``), ``environment``,
  ``datasets`` (name, numbers of images and patients per split, ``digest`` of all that was said of
  them);
- ``parts``: by part, a list of results, each with ``dataset`` and for classification ``title``,
  besides what the module of the part describes;
- ``pictures``: see `primis.evaluate.pictures`;
- ``left_out``: a list of ``dataset``, ``part``, ``reason``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from primis.api import RATES
from primis.errors import InputError
from primis.evaluate.classification import evaluate_classification
from primis.evaluate.codes import evaluate_codes
from primis.evaluate.fidelity import evaluate_fidelity
from primis.evaluate.pictures import make_pictures
from primis.evaluate.plan import PARTS, Plan, reduce_images
from primis.evaluate.segmentation import evaluate_segmentation
from primis.evaluate.segmenter import QUICK as QUICK_NETWORKS
from primis.evaluate.texture import evaluate_texture
from primis.files import write_atomically
from primis.study.dataset import SPLITS
from primis.study.renditions import Renditions
from primis.study.workspace import Workspace, environment, to_json

DOCUMENT, PICTURES = "evaluation.json", "pictures"

Report = Callable[[str], None]
Result = dict[str, Any]


@dataclass(frozen=True)
class _Effort:
    """How many images each part takes; quick runs also reduce them to a length of `side`."""

    fidelity: int
    codes: int
    texture: int
    side: int | None = None
    per_split: int | None = None


_FULL = _Effort(fidelity=40, codes=20, texture=100)
_QUICK = _Effort(fidelity=4, codes=2, texture=12, side=512, per_split=60)
_QUICK_SEGMENTATION: dict[str, Any] = {
    "folds": 0,
    "seeds": (0,),
    "retrain": (),
    "training": QUICK_NETWORKS,
}


def evaluate(
    plans: Sequence[Plan],
    out: Path,
    *,
    parts: Sequence[str] = (),
    rate: float = RATES["medium"],
    quick: bool = False,
    processes: int = 1,
    command: str = "",
    report: Report = lambda _: None,
) -> Result:
    """Evaluate data sets and write the document.

    A run that was interrupted goes on where it stopped when called again with the same arguments.
    Parts that were run before with the same settings stay in the document.

    Parameters
    ----------
    plans
        What to do with each data set.
    out
        Folder of the evaluation; made if missing.
    parts
        Parts to run, of `PARTS`; none for all that the data sets allow, in which case a part that
        fails for want of data is left out with the reason.
    rate
        Bits per pixel of a public file; fidelity is measured at all named rates, too.
    quick
        Few images, reduced to 512 pixels, small networks: a first impression, not evidence.
    processes
        How many to use.
    command
        What made this run, for the record.
    report
        Told about progress.

    Raises
    ------
    InputError
        If a part that was asked for lacks its data, or no part at all is possible.
    """
    workspace = Workspace(out)
    effort = _QUICK if quick else _FULL
    run = _Run(workspace, Renditions(rate, workspace.cache), effort, quick, processes, report)
    results: dict[str, list[Result]] = {}
    left_out: list[Result] = []
    plans = [run.prepared(plan) for plan in plans]
    described = [_describe(plan) for plan in plans]
    pictures = make_pictures(plans[0].dataset, run.renditions, out / PICTURES, report=report)
    document: Result = {}
    for plan, part in product(plans, parts or PARTS):
        reason = plan.left_out.get(part)
        try:
            if reason is not None:
                raise InputError(f"{part} is left out for {plan.dataset.name}: {reason}")
            for result in run.part(part, plan) if part in plan.parts else ():
                results.setdefault(part, []).append({"dataset": plan.dataset.name, **result})
        except InputError as error:
            if parts:
                raise
            reason = reason or str(error)
            left_out.append({"dataset": plan.dataset.name, "part": part, "reason": reason})
        if results:
            document = {
                "commands": [command],
                "settings": {"rate": rate, "quick": quick},
                "environment": environment(),
                "datasets": described,
                "parts": results,
                "pictures": pictures,
                "left_out": left_out,
            }
            document = _store(out / DOCUMENT, to_json(document))
    if not results:
        raise InputError(
            "none of the data sets has what these parts need",
            hint="; ".join(f"{one['part']}: {one['reason']}" for one in left_out),
        )
    return document


@dataclass(frozen=True)
class _Run:
    """What all parts of one evaluation share."""

    workspace: Workspace
    renditions: Renditions
    effort: _Effort
    quick: bool
    processes: int
    report: Report

    def prepared(self, plan: Plan) -> Plan:
        """Choose and reduce the images of a quick run."""
        if self.effort.per_split is None or self.effort.side is None:
            return plan
        self.report(f"{plan.dataset.name}: choosing and reducing images")
        few = plan.dataset.subset(self.effort.per_split)
        folder = self.workspace.cache / "reduced" / plan.dataset.name
        return replace(
            plan, dataset=reduce_images(few, folder, self.effort.side, processes=self.processes)
        )

    def part(self, part: str, plan: Plan) -> Iterator[Result]:
        """Run a part: one result, or one for each task of classification."""
        yield from getattr(self, f"_{part}")(plan)

    def _fidelity(self, plan: Plan) -> Iterator[Result]:
        own = {name: rate for name, rate in RATES.items() if rate == self.renditions.rate}
        own = own or {f"{self.renditions.rate:g}": self.renditions.rate}
        yield evaluate_fidelity(
            plan.dataset,
            self.workspace,
            rates=own if self.quick else {**RATES, **own},
            images=self.effort.fidelity,
            processes=self.processes,
            report=self.report,
        )

    def _codes(self, plan: Plan) -> Iterator[Result]:
        yield evaluate_codes(
            plan.dataset,
            self.renditions,
            self.workspace,
            images=self.effort.codes,
            pictures=self.workspace.folder / PICTURES,
            processes=self.processes,
            report=self.report,
        )

    def _classification(self, plan: Plan) -> Iterator[Result]:
        for task in plan.tasks:
            yield evaluate_classification(
                plan.dataset,
                self.renditions,
                self.workspace,
                task=task,
                quick=self.quick,
                processes=self.processes,
                report=self.report,
            )

    def _segmentation(self, plan: Plan) -> Iterator[Result]:
        quick = _QUICK_SEGMENTATION if self.quick else {}
        yield evaluate_segmentation(
            plan.dataset,
            self.renditions,
            self.workspace,
            structures=plan.structures,
            processes=self.processes,
            report=self.report,
            **quick,
        )

    def _texture(self, plan: Plan) -> Iterator[Result]:
        name, classes = next(iter((plan.structures or {}).items()), ("", ()))
        quick: dict[str, Any] = {"coarser": ()} if self.quick else {}
        yield evaluate_texture(
            plan.dataset,
            self.renditions,
            self.workspace,
            region=name,
            classes=classes,
            images=self.effort.texture,
            processes=self.processes,
            report=self.report,
            **quick,
        )


def _describe(plan: Plan) -> Result:
    dataset = plan.dataset
    said = [
        [
            [case.name, case.patient, case.split, dict(case.labels), case.mask and case.mask.name]
            for case in dataset.cases
        ],
        [asdict(task) for task in plan.tasks],
        plan.structures,
    ]
    splits = {split: [case for case in dataset.cases if case.split == split] for split in SPLITS}
    return {
        "name": dataset.name,
        "images": {split: len(cases) for split, cases in splits.items()},
        "patients": {
            split: len({case.patient for case in cases}) for split, cases in splits.items()
        },
        "digest": hashlib.sha256(json.dumps(to_json(said)).encode()).hexdigest()[:16],
    }


def _store(path: Path, document: Result) -> Result:
    """Write the document; parts of an earlier one made in the same way stay in it."""
    try:
        earlier = json.loads(path.read_bytes())
        same = [earlier[name] == document[name] for name in ("settings", "datasets")]
        same += [
            earlier["environment"][name] == document["environment"][name]
            for name in ("primis", "model")
        ]
        if all(same):
            document["parts"] = {**earlier["parts"], **document["parts"]}
            document["commands"] = [*dict.fromkeys([*earlier["commands"], *document["commands"]])]
    except (OSError, ValueError, KeyError, TypeError):
        pass
    document["parts"] = {
        name: document["parts"][name] for name in PARTS if name in document["parts"]
    }
    text = json.dumps(document, indent=1, allow_nan=False) + "\n"
    write_atomically(path, text.encode(), overwrite=True)
    return document
