import logging

import numpy as np
import pytest

from primis.errors import UsageError
from primis.evaluate.radiomics import FAMILIES, family, features
from tests.evaluate import ibsi_phantom as phantom
from tests.pictures import textured

pytest.importorskip("mirp", reason="needs the extra primis[evaluate]")


@pytest.fixture(scope="module")
def by_slice():
    return [features(pixels, pixels > 0, phantom.LEVELS) for pixels in phantom.SLICES]


def to_three_digits(value):
    return float(f"{value:.3g}")


def test_texture_of_the_digital_phantom_is_as_published(by_slice):
    means = {name: np.mean([values[name] for values in by_slice]) for name in phantom.TEXTURE}
    assert {name: to_three_digits(mean) for name, mean in means.items()} == phantom.TEXTURE


def test_intensities_of_the_digital_phantom_are_as_published():
    side_by_side = np.concatenate(list(phantom.SLICES), axis=1)
    values = features(side_by_side, side_by_side > 0, phantom.LEVELS)
    found = {name: to_three_digits(values[name]) for name in phantom.INTENSITY}
    assert found == phantom.INTENSITY


def test_every_feature_is_checked_against_a_published_value(by_slice):
    assert set(by_slice[0]) == {*phantom.INTENSITY, *phantom.TEXTURE}
    assert {family(name) for name in by_slice[0]} == set(FAMILIES.values())


def test_only_the_region_counts():
    pixels = textured((40, 40))
    region = np.zeros(pixels.shape, np.bool_)
    region[5:30, 8:32] = True
    elsewhere = np.where(region, pixels, 255 - pixels)
    assert features(pixels, region) == features(elsewhere, region)


def test_nothing_is_printed_and_the_log_stays_as_it_was(capfd):
    before = (*logging.root.handlers, logging.root.manager.disable)
    pixels = textured((20, 20))
    features(pixels, pixels > 0)
    assert capfd.readouterr() == ("", "")
    assert (*logging.root.handlers, logging.root.manager.disable) == before


def test_an_empty_region_is_refused():
    with pytest.raises(UsageError, match="empty"):
        features(np.ones((9, 9), np.uint8), np.zeros((9, 9), np.bool_))
