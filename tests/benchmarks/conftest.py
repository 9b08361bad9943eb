import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def picture():
    """Blobs with soft edges and some grain, 8 bits, 96x112."""
    rows, columns = np.mgrid[:96, :112] / 100
    grain = np.random.default_rng(3).normal(0, 3, rows.shape)
    blobs = np.sin(9 * rows + 3 * columns) * np.cos(7 * columns) + np.hypot(rows, columns)
    return np.clip(110 + 60 * blobs + grain, 0, 255).astype(np.uint8)


@pytest.fixture
def one_picture(tmp_path, picture):
    """A data set of that picture."""
    Image.fromarray(picture).save(tmp_path / "a.png")
    (tmp_path / "index.csv").write_text("file,patient,split\na.png,p,test\n")
    return tmp_path
