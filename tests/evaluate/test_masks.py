import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from primis.errors import UsageError
from primis.evaluate.masks import dice, hausdorff

pytest.importorskip("scipy", reason="needs the extra primis[evaluate]")

PAIRS = array_shapes(min_dims=2, max_dims=2, max_side=9).flatmap(
    lambda shape: st.tuples(arrays(np.bool_, shape), arrays(np.bool_, shape))
)


def square(top: int, left: int, side: int, shape: tuple[int, int] = (20, 30)) -> np.ndarray:
    mask = np.zeros(shape, np.bool_)
    mask[top : top + side, left : left + side] = True
    return mask


def test_half_overlapping_squares_have_a_dice_of_one_half():
    assert dice(square(2, 2, 4), square(2, 4, 4)) == 0.5


def test_equal_masks_agree_fully():
    mask = square(3, 5, 7)
    assert dice(mask, mask) == 1
    assert hausdorff(mask, mask) == 0


def test_a_shifted_square_is_as_far_away_as_it_was_shifted():
    assert hausdorff(square(2, 2, 4), square(2, 9, 4)) == 7
    assert hausdorff(square(2, 2, 4), square(5, 6, 4)) == 5


def test_the_95th_percentile_forgives_a_stray_pixel_that_the_maximum_does_not():
    mask = square(2, 2, 15)
    stray = mask.copy()
    stray[2, 29] = True
    assert hausdorff(mask, stray) == 13
    assert hausdorff(mask, stray, 95) == 0


def test_a_missed_structure_counts_as_the_diagonal_and_an_absent_one_not_at_all():
    mask, empty = square(0, 0, 3), np.zeros((20, 30), np.bool_)
    assert dice(mask, empty) == 0
    assert hausdorff(mask, empty) == hausdorff(empty, mask, 95) == math.hypot(20, 30)
    assert math.isnan(dice(empty, empty))
    assert math.isnan(hausdorff(empty, empty))


@given(PAIRS)
def test_dice_is_one_less_the_dissimilarity_that_scipy_computes(pair):
    from scipy.spatial.distance import dice as dissimilarity

    a, b = pair
    if a.any() or b.any():
        assert dice(a, b) == pytest.approx(1 - dissimilarity(a.ravel(), b.ravel()))


@given(PAIRS, st.sampled_from([100, 95, 50]))
def test_hausdorff_equals_brute_force_over_all_pairs_of_boundary_pixels(pair, percentile):
    from scipy.ndimage import binary_erosion
    from scipy.spatial.distance import cdist, directed_hausdorff

    a, b = (np.argwhere(mask & ~binary_erosion(mask)) for mask in pair)
    if not (len(a) and len(b)):
        return
    distances = cdist(a, b)
    directed = [np.percentile(distances.min(axis), percentile) for axis in (0, 1)]
    assert hausdorff(*pair, percentile) == pytest.approx(max(directed))
    if percentile == 100:
        scipy = max(directed_hausdorff(a, b)[0], directed_hausdorff(b, a)[0])
        assert hausdorff(*pair) == pytest.approx(scipy)


@pytest.mark.parametrize("measure", [dice, hausdorff])
def test_what_is_not_a_pair_of_masks_is_refused(measure):
    mask = square(0, 0, 3)
    with pytest.raises(UsageError, match="shapes"):
        measure(mask, mask[1:])
    with pytest.raises(UsageError, match="boolean"):
        measure(mask, mask.astype(np.uint8))


def test_a_percentile_beyond_one_hundred_is_refused():
    with pytest.raises(UsageError, match="percentile"):
        hausdorff(square(0, 0, 3), square(0, 0, 3), 101)
