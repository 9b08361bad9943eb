from pathlib import Path

import pytest


@pytest.fixture
def strict_pydicom(monkeypatch):
    """Make pydicom refuse values that the standard forbids, on reading and on writing."""
    from pydicom import config

    monkeypatch.setattr(config.settings, "reading_validation_mode", config.RAISE)
    monkeypatch.setattr(config.settings, "writing_validation_mode", config.RAISE)


@pytest.fixture(scope="session")
def real_files() -> Path:
    """Directory of the clinical images in the package pydicom-data."""
    data_store = pytest.importorskip("data_store", reason="pydicom-data is not installed")
    return Path(data_store.__file__).parent / "data"
