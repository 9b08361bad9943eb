"""What decides a result, so that results of other images, settings or programs are not taken."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

from primis.attacks.attack import Settings
from primis.codec import bundle
from primis.study.dataset import Case, content


def identity(
    cases: Sequence[Case], settings: Settings, version: int, *, but: Collection[str] = ()
) -> dict[str, Any]:
    """Return what decides the results of an attack.

    Parameters
    ----------
    cases
        The images: what counts are pixels, patients, splits and the labels to infer.
    settings
        How hard to attack.
    version
        Of the attack.
    but
        Settings that change no result; ``processes`` never does.
    """
    return {
        **{
            name: value
            for name, value in asdict(settings).items()
            if name not in {*but, "processes"}
        },
        "cases": [
            [content(case.path), case.patient, case.split, case.labels.get(settings.column)]
            for case in cases
        ],
        "model": bundle.find().digest.hex(),
        "version": version,
    }
