from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from primis.codec import bundle
from primis.codec.bundle import MANIFEST, MODELS_VARIABLE, ModelBundle
from primis.codec.codec import Codec
from primis.errors import UnknownModelError


@pytest.fixture
def copy(codec: Codec, tmp_path: Path) -> Path:
    """A model bundle that differs from the shipped one in its name only."""
    folder = tmp_path / "other-1"
    shutil.copytree(codec.model.folder, folder)
    alter(folder, name="other-1")
    return folder


def alter(folder: Path, **changes: object) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | changes))


def test_the_shipped_bundle_is_found_by_its_digest():
    shipped = bundle.find()
    assert bundle.find(shipped.digest) is shipped
    assert len(shipped.digest) == 8


def test_an_installed_bundle_is_found_in_the_folders_of_the_variable(copy, monkeypatch):
    digest = ModelBundle.load(copy).digest
    assert digest != bundle.find().digest
    with pytest.raises(UnknownModelError, match=digest.hex()) as caught:
        bundle.find(digest)
    assert MODELS_VARIABLE in caught.value.hint
    monkeypatch.setenv(MODELS_VARIABLE, str(copy.parent))
    assert bundle.find(digest).name == "other-1"


def test_an_altered_file_is_named(copy):
    network = copy / "synthesis_0.onnx"
    network.write_bytes(network.read_bytes()[:-1] + b"?")
    with pytest.raises(UnknownModelError, match=r"synthesis_0\.onnx"):
        ModelBundle.load(copy)


@pytest.mark.parametrize(
    "changes",
    [
        {"rim": [1, 1]},
        {"rim": [1, 1, 0]},
        {"rim": [1, 1, 11]},
        {"probabilities": [32768] * 127},
        {"probabilities": [0] * 128},
        {"probabilities": [65536] * 128},
        {"probabilities": "many"},
        {"files": {"missing.onnx": "00"}},
        {"files": []},
        {"bits_per_code": None},
    ],
    ids=str,
)
def test_a_manifest_that_says_something_impossible_is_refused(copy, changes):
    alter(copy, **changes)
    with pytest.raises(UnknownModelError, match="not a complete model bundle"):
        ModelBundle.load(copy)


def test_a_folder_without_a_manifest_is_no_bundle(tmp_path):
    with pytest.raises(UnknownModelError):
        ModelBundle.load(tmp_path)
