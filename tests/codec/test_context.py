"""The context network gives exact integers: in int64 it has the same values as in float32."""

from __future__ import annotations

import numpy as np
import pytest

from primis.codec import context as features
from primis.codec.codec import Codec
from primis.codec.context import SCALE_CLASSES
from tests.codec import reference_decoder
from tests.codec.exact import ExactNetwork


@pytest.fixture(scope="module")
def exact(codec: Codec) -> ExactNetwork:
    pytest.importorskip("onnx", reason="reads the weights of the context network")
    return ExactNetwork(codec.model.folder / "context.onnx")


@pytest.mark.parametrize("place", range(12 * SCALE_CLASSES))
def test_indices_are_those_of_integer_arithmetic(codec: Codec, exact: ExactNetwork, place):
    rng = np.random.default_rng(place)
    for shape, busy in [((9, 14), 0.1), ((16, 5), 0.9), ((1, 1), 1.0)]:
        chosen = rng.choice([*reference_decoder.CURRENT, *reference_decoder.ABOVE], (15, *shape))
        cells = chosen * (rng.random((15, *shape)) < busy)
        densities = rng.integers(0, 49, 6)
        got = codec.context.indices(
            cells.astype(np.float32), densities.astype(np.float32), *divmod(place, 12)
        )
        np.testing.assert_array_equal(np.stack(got), exact(cells, densities, place))


def test_no_sum_leaves_the_range_in_which_float32_is_exact(exact: ExactNetwork):
    for place in range(12 * SCALE_CLASSES):
        exact(np.full((15, 9, 9), 80), np.full(6, 48), place)
    assert 2**16 < exact.largest < 2**24


def test_indices_do_not_depend_on_the_number_of_threads(codec: Codec):
    rng = np.random.default_rng(0)
    cells = rng.integers(0, 81, (15, 200, 150)).astype(np.float32)
    densities = rng.integers(0, 49, 6).astype(np.float32)
    one = codec.context.indices(cells, densities, 0, 0)
    two = Codec(codec.model, threads=2).context.indices(cells, densities, 0, 0)
    np.testing.assert_array_equal(one, two)


def test_features_are_the_tables_of_the_format():
    magnitudes = np.arange(40, dtype=np.int32)
    clipped = np.minimum(magnitudes, 15)
    np.testing.assert_array_equal(
        features.current_level(magnitudes), np.take(reference_decoder.CURRENT, clipped)
    )
    np.testing.assert_array_equal(
        features.level_above(magnitudes), np.take(reference_decoder.ABOVE, clipped)
    )


@pytest.mark.parametrize("count", [0, 1, 5, 64, 65, 1000, 4000, 4096])
def test_density_counts_what_is_not_zero(count):
    band = np.zeros(4096, dtype=np.int32)
    band[:count] = 3
    bands = np.stack([band, band, np.zeros_like(band)]).reshape(3, 64, 64)
    expected = sum(entry <= count for entry in reference_decoder.SHARES)
    np.testing.assert_array_equal(features.density(bands), [expected, expected, 0])
