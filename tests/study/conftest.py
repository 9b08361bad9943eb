from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image as Pillow
from pydicom import dcmread

from primis.images import Attributes, Image
from primis.images.dicom import encode_dicom
from primis.study.dataset import Dataset, load_dataset
from tests.pictures import textured

WriteFolder = Callable[..., Path]


@pytest.fixture
def write_folder(tmp_path: Path) -> WriteFolder:
    """Write small pictures named in the first column of a table, and the table."""

    def write(*rows: str, size: tuple[int, int] = (40, 48), table: str = "index.csv") -> Path:
        for number, row in enumerate(rows[1:]):
            path = tmp_path / row.split(",")[0]
            path.parent.mkdir(parents=True, exist_ok=True)
            Pillow.fromarray(textured(size, seed=number)).save(path)
        (tmp_path / table).write_text("\n".join(rows) + "\n")
        return tmp_path

    return write


@pytest.fixture
def write_dicom() -> Callable[[Path, str], None]:
    """Write a small DICOM image of a patient."""

    def write(path: Path, patient: str) -> None:
        made = Image(textured((40, 48)), Attributes(source="dicom"))
        data = encode_dicom(made, derivation="made up", ratio=None, lossy=False)
        header = dcmread(io.BytesIO(data))
        header.PatientID = patient
        header.save_as(path)

    return write


@pytest.fixture
def dataset(write_folder: WriteFolder) -> Dataset:
    """Two pictures of 64 x 72 pixels."""
    folder = write_folder("file,split", "a.png,train", "b.png,test", size=(64, 72))
    return load_dataset(folder)
