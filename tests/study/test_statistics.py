from __future__ import annotations

import math

import numpy as np
import pytest

from primis.errors import UsageError
from primis.study.statistics import auc, bootstrap, paired_bootstrap, share


def mean(values):
    return float(np.mean(values))


def test_auc_agrees_with_scikit_learn_also_where_scores_tie():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    for digits in (0, 1, 6):
        truth = rng.integers(0, 2, 200)
        score = np.round(rng.normal(truth), digits)
        assert auc(truth, score) == pytest.approx(metrics.roc_auc_score(truth, score), abs=1e-12)


def test_auc_of_known_answers():
    assert auc([0, 0, 1, 1], [1, 2, 3, 4]) == 1
    assert auc([0, 0, 1, 1], [4, 3, 2, 1]) == 0
    assert auc([0, 1, 0, 1], [5, 5, 5, 5]) == 0.5
    assert math.isnan(auc([1, 1], [0, 1]))


def test_the_interval_of_a_mean_of_independent_patients_is_the_textbook_one():
    values = np.random.default_rng(1).normal(size=400)
    estimate = bootstrap(mean, [str(i) for i in range(400)], values, resamples=2000)
    half = 1.96 * values.std() / 20
    assert estimate.value == mean(values)
    assert estimate.low == pytest.approx(estimate.value - half, abs=0.015)
    assert estimate.high == pytest.approx(estimate.value + half, abs=0.015)


def test_intervals_cover_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(2)
    covered = 0
    for trial in range(200):
        own = rng.normal(size=30)
        values = np.repeat(own, 4) + 0.1 * rng.normal(size=120)  # four similar images each
        patients = np.repeat(np.arange(30), 4).astype(str)
        estimate = bootstrap(mean, patients, values, resamples=200, seed=trial)
        covered += estimate.low <= 0 <= estimate.high
    assert 0.88 <= covered / 200 <= 0.99


def test_repeating_every_image_of_a_patient_does_not_narrow_the_interval():
    values = np.random.default_rng(3).normal(size=50)
    patients = [str(i) for i in range(50)]
    once = bootstrap(mean, patients, values)
    twice = bootstrap(mean, patients * 2, np.tile(values, 2))
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high), abs=0.03)


def test_a_paired_difference_is_sharper_than_two_intervals():
    rng = np.random.default_rng(4)
    base = rng.normal(size=100)
    better = base + 0.1 + 0.01 * rng.normal(size=100)
    patients = [str(i) for i in range(100)]
    difference = paired_bootstrap(mean, patients, [better], [base])
    assert difference.low > 0.09
    assert difference.high < 0.11
    assert bootstrap(mean, patients, base).high > bootstrap(mean, patients, better).low


def delong(truth, one, other):
    """Return standard error of the difference of two AUC (DeLong et al., Biometrics 44, 1988)."""
    parts = []
    for score in (one, other):
        wins = np.sign(score[truth == 1][:, None] - score[truth == 0][None]) / 2 + 0.5
        parts.append((wins.mean(1), wins.mean(0)))
    (rows_a, columns_a), (rows_b, columns_b) = parts
    variance = np.var(rows_a - rows_b, ddof=1) / len(rows_a)
    return math.sqrt(variance + np.var(columns_a - columns_b, ddof=1) / len(columns_a))


def test_a_difference_of_auc_has_the_interval_and_the_p_of_delong():
    rng = np.random.default_rng(5)
    truth = np.arange(400) % 2
    one = rng.normal(truth)
    other = one + 0.5 * rng.normal(size=400)
    patients = [str(i) for i in range(400)]
    found = paired_bootstrap(auc, patients, [truth, one], [truth, other], resamples=4000)
    error = delong(truth, one, other)
    assert found.value == auc(truth, one) - auc(truth, other)
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * error, rel=0.08)
    p = math.erfc(abs(found.value) / error / math.sqrt(2))
    assert 0.001 < p < 0.2
    assert found.p == pytest.approx(p, rel=0.5)
    swapped = paired_bootstrap(auc, patients, [truth, other], [truth, one], resamples=4000)
    assert swapped.p == found.p


def test_without_a_difference_p_is_one():
    same = np.arange(9.0)
    patients = [str(i) for i in range(9)]
    assert paired_bootstrap(mean, patients, [same], [same]).p == 1


def test_equal_seeds_give_equal_intervals():
    values = np.arange(30.0)
    patients = [str(i // 2) for i in range(30)]
    assert bootstrap(mean, patients, values) == bootstrap(mean, patients, values)
    assert bootstrap(mean, patients, values) != bootstrap(mean, patients, values, seed=1)


def test_arrays_of_different_lengths_are_refused():
    with pytest.raises(UsageError):
        bootstrap(mean, ["a", "b"], np.zeros(3))
    with pytest.raises(UsageError):
        bootstrap(mean, [], np.zeros(0))


@pytest.mark.parametrize(("successes", "trials"), [(0, 8), (8, 8), (1, 48), (30, 48), (1, 1)])
@pytest.mark.parametrize("level", [0.95, 0.99])
def test_the_interval_of_a_share_is_that_of_scipy(successes, trials, level):
    stats = pytest.importorskip("scipy.stats")
    estimate = share(successes, trials, level)
    exact = stats.binomtest(successes, trials).proportion_ci(level, method="exact")
    assert estimate.value == successes / trials
    assert (estimate.low, estimate.high) == pytest.approx((exact.low, exact.high), abs=1e-12)


def test_no_success_in_eight_trials_leaves_room_for_nearly_one_in_two():
    estimate = share(0, 8, level=0.99)
    assert estimate.low == 0
    assert estimate.high == pytest.approx(1 - 0.005 ** (1 / 8))


@pytest.mark.parametrize(("successes", "trials"), [(0, 0), (-1, 8), (9, 8)])
def test_a_share_of_impossible_counts_is_refused(successes, trials):
    with pytest.raises(UsageError):
        share(successes, trials)
