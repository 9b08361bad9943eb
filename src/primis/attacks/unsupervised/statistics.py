"""Statistical tests of randomness on the public bytes (after NIST SP 800-22)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from primis.attacks.record import LEVEL, AttackResult
from primis.attacks.unsupervised.files import Files, against_targets
from primis.errors import InputError, UsageError
from primis.study.statistics import bootstrap

if TYPE_CHECKING:
    from primis.attacks.attack import Report, Settings
    from primis.study.dataset import Dataset
    from primis.study.workspace import Workspace


def run(dataset: Dataset, _: Workspace, settings: Settings, report: Report) -> list[AttackResult]:
    """See `primis.attacks.attack.Attack`."""
    return against_targets(statistics, dataset, settings, report)


ALPHA = 0.01
"""Share of tests that random bytes fail."""

MAX_SEQUENCES = 16

LENGTH = 2**16
"""Bits of a sequence: enough for the rank of matrices (38,912)."""

SOUND = (
    "monobit",
    "frequency_within_block",
    "runs",
    "longest_run_ones_in_a_block",
    "binary_matrix_rank",
    "dft",
    "cumulative sums",
)
"""Tests of `nistrng` whose p-values are uniform on random sequences of this length.

Left out: non-overlapping templates (divides by the square of the variance, so nothing fails),
random excursions and their variant (fail random sequences), serial and approximate entropy (seconds
for each sequence, in plain Python); the other three need a million bits.
"""


def statistics(files: Files) -> Iterator[AttackResult]:
    """Cut the payloads of all files, one behind the other, into sequences, and test each.

    The score is the share of tests that fail at `ALPHA`. Random bytes fail in that very share, so
    the number of tests needs no correction.

    Raises
    ------
    InputError
        If the files are too few or too small for a sequence.
    """
    data = b"".join(published.data for published in files.published)
    bits = np.unpackbits(np.frombuffer(data, dtype=np.uint8))
    if len(bits) < LENGTH:
        raise InputError(
            f"{files.target} has {len(bits)} public bits, the tests need {LENGTH}",
            hint="attack more images, or at a higher rate",
        )
    sequences = bits[: len(bits) // LENGTH * LENGTH].reshape(-1, LENGTH)[:MAX_SEQUENCES]
    values = [p_values(sequence) for sequence in sequences]
    failed = np.array([np.mean([p < ALPHA for p in row.values()]) for row in values])
    count = {name: sum(row[name] < ALPHA for row in values) for name in values[0]}
    worst = [f"{name.replace('_', ' ')} {n} of {len(values)}" for name, n in count.items() if n]
    yield AttackResult(
        attack="statistics",
        kind="unsupervised",
        target=files.target,
        metric=f"share of tests failed at {ALPHA:g}",
        score=bootstrap(
            np.mean, [str(i) for i in range(len(failed))], failed, seed=files.seed, level=LEVEL
        ),
        floor=ALPHA,
        ceiling=1.0,
        knowledge="the public files",
        pairs=None,
        notes=f"{len(values)} sequences of {sequences.shape[1]} bits, {len(count)} tests each; "
        f"failed: {', '.join(worst) or 'none'}",
    )


def p_values(bits: NDArray[np.uint8]) -> dict[str, float]:
    """Return the p-value of each test on a sequence of bits.

    Parameters
    ----------
    bits
        (n,), 0 or 1; n at least `LENGTH`, a multiple of 8.

    Raises
    ------
    UsageError
        If nistrng or SciPy is not installed.
    """
    try:
        from nistrng.functions import SP800_22R1A_BATTERY
        from scipy.stats import chisquare
    except ModuleNotFoundError as error:
        raise UsageError(
            f"testing randomness needs the package {error.name}",
            hint="pip install 'primis[attacks]'",
        ) from error
    battery: Mapping[str, Any] = SP800_22R1A_BATTERY
    # Wide integers, since the library sums in the type it is given; a copy, since it writes on it.
    values = {name: _first(battery[name].run(bits.astype(np.int64))[0]) for name in SOUND}
    counts = np.bincount(np.packbits(bits), minlength=256)
    return {**values, "chi-square of bytes": float(chisquare(counts).pvalue)}


def _first(result: Any) -> float:
    """Return the first p-value of a test; NaN (a statistic beyond its tables) fails."""
    return float(np.nan_to_num(np.atleast_1d(result._score_list)[0]))
