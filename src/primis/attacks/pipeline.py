"""A whole run of attacks on one data set, resumable, in one folder.

The folder holds ``attacks.json`` (the document that `attack` returns), ``pictures/``, and what
makes the run resumable: ``results/`` and ``cache/``. The document is a dict:

- ``command``, ``settings`` (`primis.attacks.attack.Settings`, and ``quick``), ``environment``,
  ``dataset`` (name, numbers of images and patients);
- ``attacks``: by name, ``kind``, ``summary`` and ``seconds`` (of the run that computed it);
- ``results``: a list of `primis.attacks.record.AttackResult` in JSON;
- ``left_out``: a list of ``attack``, ``reason``.

Of many intervals some lie off their floor by chance. An attack that succeeds on the default scheme
is therefore run once more, with fresh keys and another seed, in the folder ``again/``, and both
scores are reported.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from primis.attacks.attack import Attack, Settings
from primis.attacks.identity import identity
from primis.attacks.pictures import slug
from primis.attacks.record import AttackResult
from primis.attacks.registry import ATTACKS
from primis.attacks.verdicts import DEFAULT, repeated, to_repeat
from primis.errors import InputError, UsageError
from primis.files import write_atomically
from primis.study import packages
from primis.study.dataset import Dataset
from primis.study.workspace import Workspace, environment, to_json

DOCUMENT = "attacks.json"
AGAIN = "again"

Report = Callable[[str], None]
Document = dict[str, Any]

_PACKAGES = ("torch", "scipy", "nistrng")


def require_packages() -> None:
    """See that what attacks need beyond the core is installed.

    Raises
    ------
    UsageError
        If a package is missing.
    """
    packages.require(_PACKAGES, who="attacks need", extra="attacks")


def attack(
    dataset: Dataset,
    out: Path,
    *,
    names: Sequence[str] = (),
    settings: Settings | None = None,
    quick: bool = False,
    command: str = "",
    report: Report = lambda _: None,
) -> Document:
    """Run attacks and write the document.

    A run that was interrupted goes on where it stopped when called again with the same arguments.

    Parameters
    ----------
    dataset
        Images to publish and attack.
    out
        Folder of the results; made if missing.
    names
        Attacks out of `primis.attacks.registry.ATTACKS`; none for all, in which case one that lacks
        its data (labels, several images of a patient) is left out with the reason.
    settings
        How hard to attack.
    quick
        Attack with `Settings.quick`: for a first impression.
    command
        What made this run, for the record.
    report
        Told about progress.

    Raises
    ------
    UsageError
        If there is no attack or target of a name.
    InputError
        If an attack that was asked for lacks its data, or all do.
    """
    settings = (settings or Settings()).quick() if quick else settings or Settings()
    if unknown := [name for name in names if name not in ATTACKS]:
        raise UsageError(f"there is no attack {unknown[0]!r}", hint=f"one of {', '.join(ATTACKS)}")
    workspace = Workspace(out)
    ran: dict[str, Any] = {}
    results: list[Any] = []
    left_out: list[dict[str, str]] = []
    for name in names or ATTACKS:
        chosen, began = ATTACKS[name], time.monotonic()
        try:
            found = _confirmed(chosen, dataset, workspace, settings, report)
        except InputError as error:
            if names:
                raise
            report(f"{name} is left out: {error}")
            left_out.append({"attack": name, "reason": str(error)})
            continue
        results += [result.to_json() for result in found]
        identifying = identity(dataset.cases, settings, chosen.version)
        seconds = workspace.result(f"time-{slug(name)}", identifying, partial(_since, began))
        ran[name] = {"kind": chosen.kind, "summary": chosen.summary, "seconds": round(seconds, 1)}
    if not ran:
        raise InputError(f"no attack is possible: {left_out[0]['reason']}")
    document = to_json(
        {
            "command": command,
            "settings": {**asdict(settings), "quick": quick},
            "environment": environment(),
            "dataset": {
                "name": dataset.name,
                "images": len(dataset),
                "patients": len({case.patient for case in dataset.cases}),
            },
            "attacks": ran,
            "results": results,
            "left_out": left_out,
        }
    )
    text = json.dumps(document, indent=1, allow_nan=False) + "\n"
    write_atomically(out / DOCUMENT, text.encode(), overwrite=True)
    return dict(document)


def _confirmed(
    attack: Attack, dataset: Dataset, workspace: Workspace, settings: Settings, report: Report
) -> list[AttackResult]:
    """Run an attack, and once more with fresh keys if it succeeds on the default scheme."""
    first = _results(attack, dataset, workspace, settings, report)
    if not any(map(to_repeat, first)):
        return first
    report(f"{attack.name} succeeds on the default: once more, with fresh keys")
    other = replace(settings, seed=settings.seed + 1, targets=(DEFAULT,))
    try:
        second = _results(attack, dataset, Workspace(workspace.folder / AGAIN), other, report)
    except InputError as error:
        report(f"{attack.name} cannot be repeated: {error}")
        return first
    return repeated(first, second)


def _results(
    attack: Attack, dataset: Dataset, workspace: Workspace, settings: Settings, report: Report
) -> list[AttackResult]:
    """Run an attack; those that learn keep what they have learnt themselves."""

    def compute() -> list[AttackResult]:
        return attack.run(
            dataset, workspace, settings, lambda line: report(f"{attack.name}: {line}")
        )

    if attack.kind in ("supervised", "inside view"):
        return compute()
    kept: list[Any] = workspace.result(
        slug(attack.name),
        {"attack": attack.name, **identity(dataset.cases, settings, attack.version)},
        lambda: [result.to_json() for result in compute()],
    )
    return [AttackResult.from_json(fields) for fields in kept]


def _since(began: float) -> float:
    return time.monotonic() - began
