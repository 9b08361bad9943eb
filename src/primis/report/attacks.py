"""Attacks in a report: what everybody else got, from `attacks.json` and its pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from primis.attacks.record import AttackResult
from primis.attacks.verdicts import Finding
from primis.attacks.verdicts import findings as group
from primis.report.attack_figures import by_noise, curves, recoveries
from primis.report.attack_tables import beside, evidence, matrix
from primis.report.page import Section


def results(document: Mapping[str, Any]) -> list[Finding]:
    """Return the results of a document, grouped."""
    return group(AttackResult.from_json(fields) for fields in document["results"])


def sections(document: Mapping[str, Any], folder: Path) -> list[Section]:
    """Lay out recoveries, the matrix of attacks and targets, curves, and every result."""
    found = results(document)
    laid_out = [
        recoveries(found, folder),
        matrix(found),
        curves(found),
        by_noise(found),
        beside(found),
    ]
    return [section for section in laid_out if section] + [evidence(document, found)]
