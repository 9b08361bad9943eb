import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from primis.errors import UsageError
from primis.evaluate.agreement import concordance, limits_of_agreement, relative_difference

VALUES = arrays(np.float64, 8, elements=st.integers(-50, 50))


def test_concordance_of_three_pairs_worked_by_hand():
    # Means 2 and 3, variances 2/3 and 2/3, covariance 2/3: 2 * 2/3 / (4/3 + 1).
    assert concordance([1, 2, 3], [2, 3, 4]) == pytest.approx(4 / 7)
    # Means 2 and 2, variances 2/3 and 2/3, covariance 1/3.
    assert concordance([1, 2, 3], [1, 3, 2]) == pytest.approx(1 / 2)


@given(VALUES, VALUES)
def test_concordance_is_the_correlation_reduced_by_shift_and_scale(a, b):
    if a.std() == 0 or b.std() == 0:
        return
    scale, shift = a.std() / b.std(), (a.mean() - b.mean()) / np.sqrt(a.std() * b.std())
    expected = np.corrcoef(a, b)[0, 1] * 2 / (scale + 1 / scale + shift**2)
    assert concordance(a, b) == pytest.approx(expected, abs=1e-12)


def test_equal_measurements_agree_and_opposite_ones_disagree():
    a = np.array([-1.0, 0, 1])
    assert concordance(a, a) == 1
    assert concordance(a, -a) == -1


def test_a_quantity_that_never_changes_has_no_concordance():
    assert np.isnan(concordance(np.ones(4), np.ones(4)))


def test_several_quantities_are_compared_each_for_itself():
    a, b = np.random.default_rng(0).random((2, 10, 3))
    apart = [concordance(a[:, i], b[:, i]) for i in range(3)]
    np.testing.assert_allclose(concordance(a, b), apart)


def test_limits_of_agreement_worked_by_hand():
    # Differences 1, 2, 3: mean 2, standard deviation 1.
    assert limits_of_agreement([5, 5, 5], [6, 7, 8]) == pytest.approx((0.04, 2, 3.96))


def test_relative_difference_is_the_median_signed_share():
    assert relative_difference([10, 10, 100], [11, 12, 110]) == pytest.approx(0.1)
    assert relative_difference([-10, -10], [-11, -11]) == pytest.approx(-0.1)


def test_relative_difference_leaves_out_what_is_zero():
    assert relative_difference([0, 10], [5, 11]) == pytest.approx(0.1)
    assert np.isnan(relative_difference([0, 0], [1, 2]))


@pytest.mark.parametrize("measure", [concordance, relative_difference])
def test_measurements_of_different_images_are_refused(measure):
    with pytest.raises(UsageError, match="shapes"):
        measure(np.ones(3), np.ones(4))
