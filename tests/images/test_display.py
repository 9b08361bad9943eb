import numpy as np
import pytest

from primis.images import Attributes, Image
from primis.images.display import display, full_depth, window


def image_of(values, **attributes) -> Image:
    described = Attributes(**attributes)
    return Image(np.array([values], described.dtype), described)


def test_a_raster_image_is_shown_over_its_whole_range():
    assert display(image_of([0, 100, 255])).tolist() == [[0, 100, 255]]
    assert display(image_of([0, 65535], bits=16)).tolist() == [[0, 255]]


def test_a_dicom_image_without_window_is_shown_over_the_values_it_has():
    image = image_of([100, 200, 300], bits=12, source="dicom")
    assert window(image) == (200.5, 201)
    assert display(image).tolist() == [[0, 128, 255]]


def test_the_window_is_in_modality_units_of_signed_values():
    image = image_of(
        [2048 + 1024 - 200, 2048 + 1024 + 199, 0, 4095],  # -200 and 199 HU, and the extremes
        bits=12,
        source="dicom",
        signed=True,
        rescale=(1, -1024),
        window=(0, 400),
    )
    assert display(image).tolist() == [[0, 255, 0, 255]]


@pytest.mark.parametrize("width", [1, 0.5])
def test_a_window_of_one_step_is_a_threshold(width):
    image = image_of([99, 100, 101], source="dicom", window=(100.5, width))
    assert display(image).tolist() == [[0, 128, 255]]


def test_monochrome1_is_shown_inverted():
    image = image_of([0, 4095], bits=12, source="dicom", photometric="MONOCHROME1")
    assert display(image).tolist() == [[255, 0]]
    assert full_depth(image).tolist() == [[65535, 0]]


def test_a_falling_rescale_shows_low_stored_values_white():
    image = image_of([0, 255], source="dicom", rescale=(-1, 0))
    assert display(image).tolist() == [[255, 0]]


@pytest.mark.parametrize("bits", range(1, 17))
def test_full_depth_keeps_dicom_values_distinct_and_spans_the_type(bits):
    attributes = Attributes(bits=bits, source="dicom")
    image = Image(np.arange(1 << bits).reshape(1, -1).astype(attributes.dtype), attributes)
    shown = full_depth(image).astype(int)
    assert shown.min() == 0
    assert shown.max() == (255 if bits <= 8 else 65535)
    assert (np.diff(shown) > 0).all()


def test_full_depth_leaves_raster_values_alone():
    assert full_depth(image_of([0, 9, 1023], bits=10)).tolist() == [[0, 9, 1023]]
