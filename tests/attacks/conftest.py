import pytest


@pytest.fixture(scope="module", autouse=True)
def _all_images_encoded_once(encoded_once):
    """Every target is made of the same images."""
