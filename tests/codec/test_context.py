"""The context network gives exact integers: in int64 it has the same values as in float32."""

from __future__ import annotations

import numpy as np
import pytest
import threadpoolctl

from primis.codec import context as features
from primis.codec.codec import Codec
from primis.codec.context import (
    NETWORK,
    PARENT_NETWORK,
    SCALE_CLASSES,
    SIGN_NETWORK,
    ContextModel,
)
from primis.codec.integers import EVEN_SIGN
from primis.codec.layout import BANDS, PLACES, steps
from tests.codec import reference_decoder
from tests.codec.exact import ExactNetwork
from tests.pictures import textured


@pytest.fixture(scope="module")
def exact(codec: Codec) -> ExactNetwork:
    return ExactNetwork(codec.model.folder / NETWORK)


@pytest.fixture(scope="module")
def exact_parents(codec: Codec) -> ExactNetwork:
    return ExactNetwork(codec.model.folder / PARENT_NETWORK)


@pytest.fixture(scope="module")
def exact_signs(codec: Codec) -> ExactNetwork:
    return ExactNetwork(codec.model.folder / SIGN_NETWORK)


def made_cells(rng: np.random.Generator, shape: tuple[int, int], busy: float) -> np.ndarray:
    """Features with signs (15, rows, columns), a share ``busy`` of them not zero."""
    levels = rng.choice([0, 21, *reference_decoder.REFINABLE], (15, *shape))
    return levels * rng.choice([-1, 1], levels.shape) * (rng.random(levels.shape) < busy)


@pytest.mark.parametrize(
    ("scale", "step"),
    [(scale, step) for scale in range(SCALE_CLASSES + 1) for step in range(len(steps(scale)))],
)
def test_indices_are_those_of_integer_arithmetic(
    codec: Codec, exact, exact_parents, exact_signs, scale, step
):
    rng = np.random.default_rng(10 * scale + step)
    first = len(PLACES) * min(scale, SCALE_CLASSES - 1)
    networks = range(first, first + len(PLACES))[steps(scale)[step]]
    for shape, busy in [((9, 14), 0.1), ((9, 14), 0.003), ((16, 5), 0.9), ((1, 1), 1.0)]:
        cells = made_cells(rng, shape, busy)
        densities = rng.integers(0, 49, 6)
        bordered = features.bordered(cells.astype(np.int8))
        inputs = bordered, densities.astype(np.float32), scale
        parents = codec.context.expected(*inputs)
        expected = exact_parents(cells[12:], min(scale, 3), densities=densities)
        np.testing.assert_array_equal(parents, expected)
        significance, refinement = codec.context.indices(*inputs, step, parents)
        nothing_near = reference_decoder.nothing_near(cells[:12])
        given = np.array([exact(cells, network, densities=densities) for network in networks])
        expected = np.where(nothing_near, expected[steps(scale)[step]], given[:, 0])
        np.testing.assert_array_equal(significance, expected)
        np.testing.assert_array_equal(refinement, np.where(nothing_near, 0, given[:, 1]))
        shuffled = rng.permutation(len(networks) * cells[0].size)
        positions = shuffled + steps(scale)[step].start * cells[0].size
        signs = codec.context.sign_indices(bordered, positions, scale, step)
        expected = np.concatenate([exact_signs(cells, network).ravel() for network in networks])
        np.testing.assert_array_equal(signs, expected[shuffled])


def test_no_sum_leaves_the_range_in_which_float32_is_exact(exact, exact_parents, exact_signs):
    for place in range(12 * SCALE_CLASSES):
        exact(np.full((15, 9, 9), 80), place, densities=np.full(6, 48))
        exact_signs(np.full((15, 9, 9), 80), place)
    for scale in range(SCALE_CLASSES):
        exact_parents(np.full((3, 9, 9), 80), scale, densities=np.full(6, 48))
    for networks in (exact, exact_parents, exact_signs):
        assert 2**16 < networks.largest < 2**24


def test_signs_around_turned_around_turn_the_odds_around(codec: Codec):
    cells = features.bordered(made_cells(np.random.default_rng(0), (20, 20), 0.3).astype(np.int8))
    everywhere = np.arange(BANDS * 400)
    for scale, step in ((0, 0), (1, 1), (3, 1)):
        places = everywhere + steps(scale)[step].start * 400
        one, other = (
            codec.context.sign_indices(around, places, scale, step).astype(int)
            for around in (cells, -cells)
        )
        inside = (one > 0) & (one < 127) & (other > 0) & (other < 127)
        assert np.abs(one + other - 2 * EVEN_SIGN)[inside].max() <= 1
        assert np.ptp(one) > 10


def test_signs_around_do_not_matter_to_bits(codec: Codec):
    cells = features.bordered(made_cells(np.random.default_rng(0), (20, 20), 0.3).astype(np.int8))
    densities = np.full(6, 20, np.float32)
    one, other = (
        codec.context.indices(around, densities, 0, 1, codec.context.expected(around, densities, 0))
        for around in (cells, -cells)
    )
    np.testing.assert_array_equal(one, other)


def test_many_neighbourhoods_are_seen_in_portions(codec: Codec, monkeypatch):
    rng = np.random.default_rng(1)
    sparse = rng.integers(0, 81, (15, 40, 30)) * (rng.random((40, 30)) < 0.05)
    inputs = features.bordered(sparse.astype(np.int8)), np.zeros(6, np.float32), 1
    expected = codec.context.expected(*inputs)
    whole = codec.context.indices(*inputs, 2, expected)
    monkeypatch.setattr(features, "PORTION", 7)
    np.testing.assert_array_equal(codec.context.expected(*inputs), expected)
    np.testing.assert_array_equal(codec.context.indices(*inputs, 2, expected), whole)


def test_features_are_the_tables_of_the_format():
    magnitudes = np.arange(40, dtype=np.int32)
    expected = reference_decoder.feature(magnitudes)
    np.testing.assert_array_equal(features.feature(magnitudes, magnitudes < 0), expected)
    np.testing.assert_array_equal(features.feature(magnitudes, magnitudes >= 0), -expected)


@pytest.mark.parametrize("count", [0, 1, 5, 64, 65, 1000, 4000, 4096])
def test_density_counts_what_is_not_zero(count):
    band = np.zeros(4096, dtype=np.int32)
    band[:count] = 3
    bands = np.stack([band, band, np.zeros_like(band)]).reshape(3, 64, 64)
    expected = sum(entry <= count for entry in reference_decoder.SHARES)
    np.testing.assert_array_equal(features.density(bands), [expected, expected, 0])


def blas_threads() -> set[int]:
    libraries = threadpoolctl.threadpool_info()
    return {library["num_threads"] for library in libraries if library["user_api"] == "blas"}


def test_products_of_matrices_take_one_thread_while_codes_are_read(codec: Codec, monkeypatch):
    seen = []
    indices = ContextModel.indices

    def watched(*arguments):
        seen.append(blas_threads())
        return indices(*arguments)

    monkeypatch.setattr(ContextModel, "indices", watched)
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        codec.pack(codec.encode(textured((40, 40)), 300), [300 - 2])
        assert blas_threads() == before
    assert seen
    assert set.union(*seen) <= {1}


def test_indices_do_not_depend_on_the_number_of_threads(codec: Codec):
    rng = np.random.default_rng(0)
    cells = features.bordered(rng.integers(0, 81, (15, 200, 150)).astype(np.int8))
    densities = rng.integers(0, 49, 6).astype(np.float32)
    nothing_near = np.zeros((12, 200, 150), np.uint8)
    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        one = codec.context.indices(cells, densities, 0, 0, nothing_near)
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        two = codec.context.indices(cells, densities, 0, 0, nothing_near)
    np.testing.assert_array_equal(one, two)
