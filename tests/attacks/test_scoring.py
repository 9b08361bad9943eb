"""Knowing what images look like is no success; knowing this image is."""

from __future__ import annotations

import numpy as np
import pytest

from primis.attacks.supervised.scoring import above_floor, auc_interval, from_wrong_files, psnr
from primis.errors import InputError

IMAGES = 60
PATIENTS = [str(i // 2) for i in range(IMAGES)]


def score(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    return -np.mean((truth - predicted) ** 2, axis=1)


@pytest.fixture
def truth() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.linspace(0, 5, 20) + rng.normal(0, 1, (IMAGES, 20))


def without(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    return from_wrong_files(score, truth, predicted, PATIENTS, seed=0)


def test_the_wrong_files_are_four_of_other_patients():
    used = np.zeros((IMAGES, IMAGES))

    def note(truth: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        used[truth, chosen] += 1
        return np.zeros(len(truth))

    positions = np.arange(IMAGES)
    from_wrong_files(note, positions, positions, PATIENTS, seed=0)
    assert (used.sum(axis=1) == 4).all()
    assert used.max() == 1
    assert not any(PATIENTS[i] == PATIENTS[j] for i, j in np.argwhere(used))


def test_one_patient_is_not_enough_to_measure_a_floor(truth):
    with pytest.raises(InputError, match="one patient"):
        from_wrong_files(score, truth, truth, ["the same"] * IMAGES, seed=0)


def test_what_ignores_the_file_is_rarely_above_the_floor(truth):
    above = 0
    for seed in range(50):
        predictions = np.random.default_rng(seed).permutation(truth)
        interval, floor = above_floor(
            PATIENTS, score(truth, predictions), without(truth, predictions), 0
        )
        above += interval.low > floor
    assert above <= 3


@pytest.mark.parametrize("seed", range(1, 6))
def test_a_predictor_without_the_file_is_at_the_floor_however_well_it_knows_the_mean(truth, seed):
    rng = np.random.default_rng(seed)
    predictions = truth.mean(axis=0) + rng.normal(0, 0.1, truth.shape)
    interval, floor = above_floor(
        PATIENTS, score(truth, predictions), without(truth, predictions), 0
    )
    assert interval.low <= floor


def test_a_faint_trace_of_the_file_is_above_the_floor(truth):
    predictions = truth.mean(axis=0) + 0.1 * (truth - truth.mean(axis=0))
    interval, floor = above_floor(
        PATIENTS, score(truth, predictions), without(truth, predictions), 0
    )
    assert floor < interval.low <= interval.value <= interval.high


def test_the_interval_of_a_perfect_score_ends_where_scores_end():
    own, other = np.ones(IMAGES), np.random.default_rng(0).uniform(0.4, 0.6, IMAGES)
    assert above_floor(PATIENTS, own, other, 0, largest=1.0)[0].high == 1.0


def test_random_scores_have_an_interval_around_one_half():
    rng = np.random.default_rng(1)
    interval = auc_interval(PATIENTS, rng.random(IMAGES) < 0.5, rng.random(IMAGES), 0)
    assert interval.low < 0.5 < interval.high


def test_psnr_of_an_error_of_one_grey_level():
    originals = np.full((2, 8, 8), 100, dtype=np.uint8)
    np.testing.assert_allclose(psnr(originals, originals + 1), 20 * np.log10(255))
