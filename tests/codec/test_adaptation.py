"""Probabilities follow what was coded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from primis.codec.adaptation import AdaptiveTable

TRAINED = np.linspace(1, 65535, 128).round().astype(np.int64)


def drawn(rng: np.random.Generator, odds_times: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Symbols whose odds of a 1 are so many times those of the table."""
    indices = rng.integers(8, 120, count).astype(np.uint8)
    trained = TRAINED[indices] / 2**16
    odds = odds_times * trained / (1 - trained)
    return indices, (rng.random(count) < odds / (1 + odds)).astype(np.int32)


def cost(probabilities: np.ndarray, indices: np.ndarray, bits: np.ndarray) -> float:
    odds = probabilities[indices]
    return float(-np.log2(np.where(bits == 1, odds, 1 - odds)).sum())


def counted(indices: np.ndarray, bits: np.ndarray) -> np.ndarray:
    return np.histogram2d(bits, indices, bins=(2, 128), range=((0, 2), (0, 128)))[0].astype(int)


def test_it_begins_as_trained():
    np.testing.assert_array_equal(AdaptiveTable(TRAINED).probabilities, TRAINED / 2**16)


@pytest.mark.parametrize("odds_times", [0.25, 4.0])
def test_symbols_of_other_odds_become_cheaper(odds_times):
    rng = np.random.default_rng(0)
    table, followed, fixed = AdaptiveTable(TRAINED), 0.0, 0.0
    for _ in range(20):
        indices, bits = drawn(rng, odds_times, 500)
        followed += cost(table.probabilities, indices, bits)
        fixed += cost(TRAINED / 2**16, indices, bits)
        table.learn(counted(indices, bits))
    assert followed < 0.9 * fixed


def test_symbols_of_the_expected_odds_cost_next_to_nothing_more():
    rng = np.random.default_rng(0)
    table, followed, fixed = AdaptiveTable(TRAINED), 0.0, 0.0
    for _ in range(20):
        indices, bits = drawn(rng, 1.0, 500)
        followed += cost(table.probabilities, indices, bits)
        fixed += cost(TRAINED / 2**16, indices, bits)
        table.learn(counted(indices, bits))
    assert followed < 1.01 * fixed


def test_indices_far_away_learn_nothing():
    table = AdaptiveTable(TRAINED)
    table.learn(counted(np.full(100, 40), np.ones(100, np.int32)))
    changed = table.probabilities != TRAINED / 2**16
    assert changed[32:48].all()
    assert not changed[:32].any()
    assert not changed[48:].any()


def test_what_was_long_ago_is_forgotten():
    table = AdaptiveTable(TRAINED)
    table.learn(counted(np.full(1000, 40), np.ones(1000, np.int32)))
    surprised = table.probabilities[40]
    rng = np.random.default_rng(0)
    for _ in range(200):
        indices, bits = drawn(rng, 1.0, 200)
        table.learn(counted(indices, bits))
    assert surprised > 0.5 > 1.4 * TRAINED[40] / 2**16
    assert table.probabilities[40] == pytest.approx(TRAINED[40] / 2**16, abs=0.05)


@settings(max_examples=50, derandomize=True)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 127), st.integers(0, 1)), min_size=1, max_size=30),
        max_size=20,
    ),
    st.sampled_from([1, 200, 65535]),
)
def test_nothing_becomes_certain(groups, constant):
    table = AdaptiveTable(np.full(128, constant, dtype=np.int64))
    for group in groups:
        indices, bits = zip(*group, strict=True)
        table.learn(counted(np.array(indices), np.array(bits)))
        whole = table.probabilities * 2**16
        assert (whole == whole.round()).all()
        assert whole.min() >= 1
        assert whole.max() <= 65535
