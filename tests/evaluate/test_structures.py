import numpy as np
import pytest
from PIL import Image

from primis.errors import InputError, UsageError
from primis.evaluate.structures import find_structures, parse_structures, read_structures
from tests.evaluate.made import discs_and_bars


def test_names_and_values_are_read_as_the_command_line_has_them():
    assert parse_structures("lungs=1, 2,4; heart=3") == {"lungs": (1, 2, 4), "heart": (3,)}


@pytest.mark.parametrize("text", ["", "lungs", "=1", "lungs=", "lungs=one", "lungs=1,;heart=2"])
def test_what_names_no_structure_is_refused(text):
    with pytest.raises(UsageError, match="names no structure"):
        parse_structures(text)


@pytest.mark.parametrize("text", ["background=0", "lungs=256"])
def test_values_that_a_mask_cannot_mark_are_refused(text):
    with pytest.raises(UsageError, match="between 1 and 255"):
        parse_structures(text)


def test_every_value_but_zero_is_a_structure(tmp_path):
    cases = discs_and_bars(tmp_path, 4).cases
    assert find_structures(cases) == {"label 1": (1,), "label 2": (2,)}


def test_pictures_are_not_taken_for_masks(tmp_path):
    dataset = discs_and_bars(tmp_path, 2)
    for case in dataset.cases:
        case.mask.write_bytes(case.path.read_bytes())
    with pytest.raises(InputError, match="different values"):
        find_structures(dataset.cases)


def test_masks_without_any_structure_are_an_error(tmp_path):
    dataset = discs_and_bars(tmp_path, 2)
    for case in dataset.cases:
        Image.fromarray(np.zeros((48, 48), np.uint8)).save(case.mask)
    with pytest.raises(InputError, match="empty"):
        find_structures(dataset.cases)


def test_structures_may_share_a_value(tmp_path):
    case = discs_and_bars(tmp_path, 2).cases[0]
    both, bar = read_structures(case, {"both": (1, 2), "bar": (2,)})
    assert np.array_equal(both & bar, bar)
    assert both.sum() > bar.sum() > 0
