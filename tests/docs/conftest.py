import numpy as np
import pytest

from primis.images import Attributes, Image, write_image


@pytest.fixture
def in_study(tmp_path, monkeypatch):
    """Make the working directory one that holds `study/` with two small radiographs."""
    monkeypatch.chdir(tmp_path)
    study = tmp_path / "study"
    study.mkdir()
    rows, columns = np.mgrid[:64, :80]
    for name, phase in (("one", 0), ("two", 2)):
        waves = np.sin(rows / 9 + phase) * np.cos(columns / 7)
        image = Image(
            (2048 + 1500 * waves).astype(np.uint16),
            Attributes(bits=12, source="dicom", modality="CR"),
        )
        write_image(image, study / f"{name}.dcm", "dicom", lossy=False)
    return tmp_path
