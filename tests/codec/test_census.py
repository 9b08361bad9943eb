import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from primis.codec.census import COUNTS, Census

PRICES = np.array([9.0, 8.0, 2.0, 5.0, 1.5])


def bands(seed: int, scale: float = 3.0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    sides = (40, 20, 10, 5, 3)
    return [rng.laplace(0, scale, (3, side, side)).astype(np.float32) for side in sides]


def cost(details: list[np.ndarray], step: float) -> float:
    """What the documentation of `Census.counts` says, counted one by one."""
    total = 0.0
    for scale, values in enumerate(details):
        magnitudes = np.abs(values)
        total += PRICES[min(scale, 3)] * (magnitudes >= step).sum()
        total += PRICES[4] * ((magnitudes >= step * 2**-0.75) & (magnitudes < step)).sum()
    return total


@given(st.integers(0, 10**6), st.floats(10, 20_000))
def test_codes_cost_what_there_is_to_spend_and_no_step_slightly_finer_does(seed, bits):
    details = bands(seed)
    step = Census.of(details).step(bits, PRICES)
    assert cost(details, step) <= bits
    assert cost(details, step * 2 ** (-1 / 64)) > bits


@given(st.floats(1e-4, 1e4))
def test_the_step_follows_the_contrast(contrast):
    details = bands(1)
    other = [values * np.float32(contrast) for values in details]
    ratio = Census.of(other).step(3000, PRICES) / Census.of(details).step(3000, PRICES)
    assert ratio == pytest.approx(contrast, rel=0.03)


def test_every_coefficient_is_counted_once_above_the_lowest_bin():
    details = bands(2)
    counts = Census.of(details).counts()
    assert counts.shape[0] == COUNTS
    assert counts[:4, 0].tolist() == [4800, 1200, 300, 75 + 27]


def test_bins_and_steps_are_inverse():
    for step in (2.0**-30, 0.01, 1.0, 77.0, 2.0**20):
        bin_ = Census.bin_of(step)
        assert Census.step_of(bin_) <= step * 1.0001
        assert step < Census.step_of(bin_ + 1) * 1.0001
        assert Census.bin_of(Census.step_of(bin_)) == bin_


def test_nothing_to_code_needs_no_coarse_step():
    flat = [np.zeros((3, side, side), np.float32) for side in (8, 4)]
    assert Census.of(flat).step(1e9, PRICES) < 1e-9
    assert Census.of(flat).step(1.0, PRICES) < 1e-6
