from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image as Pillow

from primis.cli import main
from tests.cli.slope import slope

Run = Callable[..., Result]


def invoke(*arguments: object, passphrases: str = "") -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments], input=passphrases)


@pytest.fixture
def run() -> Run:
    return invoke


@pytest.fixture(autouse=True)
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def ct() -> Path:
    """A clinical CT slice, 512 x 512, 14 bits signed."""
    data_store = pytest.importorskip("data_store", reason="pydicom-data is not installed")
    return Path(data_store.__file__).parent / "data" / "693_UNCR.dcm"


@dataclass(frozen=True)
class Owner:
    """Somebody who published three images with `--original`, in the working folder."""

    recipient: str
    public: list[Path]

    @property
    def ids(self) -> list[str]:
        return [path.stem for path in self.public]


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    study = folder / "study"
    study.mkdir()
    Pillow.fromarray(slope(64, 64, 255)).save(study / "a.png")
    Pillow.fromarray(slope(70, 97, 4095)).save(study / "b.tif")
    Pillow.fromarray(slope(64, 64, 255).T.copy()).save(study / "c.png")
    keys = ("-k", folder / "owner.keyring", "-i", folder / "me.txt")
    assert invoke("keygen", "-o", folder / "me.txt").exit_code == 0
    made = invoke(
        "protect", study, "-o", folder / "public", *keys, "--jobs", 1, "--rate", 2, "--original"
    )
    assert made.exit_code == 0, made.output
    return folder


@pytest.fixture
def owner(published: Path, working_folder: Path) -> Owner:
    shutil.copytree(published, working_folder, dirs_exist_ok=True)
    text = Path("me.txt").read_text()
    recipient = next(word for word in text.split() if word.startswith("age1"))
    return Owner(recipient, sorted(Path("public").iterdir()))
