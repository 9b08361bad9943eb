from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PIL import Image as Pillow

from tests.pictures import textured

CONFIG = """
name = "tiny-1"
data = "pictures"
[autoencoder]
steps = 1
batch = 1
crop = 64
[entropy]
steps = 1
"""


@pytest.fixture
def config(working_folder: Path) -> Path:
    """A configuration, and the pictures that it names."""
    pictures = working_folder / "pictures"
    pictures.mkdir()
    for number in range(3):
        Pillow.fromarray(textured((64, 80), seed=number)).save(pictures / f"{number}.png")
    (pictures / "index.csv").write_text("file,split\n0.png,train\n1.png,train\n2.png,val\n")
    path = working_folder / "tiny.toml"
    path.write_text(CONFIG)
    return path


def test_without_the_extra_it_says_what_to_install(run, config, monkeypatch):
    monkeypatch.delitem(sys.modules, "primis.train.pipeline", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    made = run("train", config, "-o", "model")
    assert (made.exit_code, made.stdout) == (2, "")
    assert "training needs the package torch" in made.stderr
    assert "hint: pip install 'primis[train]'" in made.stderr


@pytest.mark.parametrize(
    ("old", "new", "code", "message"),
    [
        ('name = "tiny-1"', "name =", 3, "cannot read the configuration"),
        ('name = "tiny-1"\n', "", 2, "does not say name"),
        ("crop = 64", "crops = 64", 2, "unknown setting autoencoder.crops"),
        ('data = "pictures"', 'data = "elsewhere"', 3, "no images in the split train"),
    ],
)
def test_a_mistake_in_the_configuration_ends_before_training(run, config, old, new, code, message):
    pytest.importorskip("torch", reason="training needs the extra primis[train]")
    config.write_text(CONFIG.replace(old, new))
    before = sorted(Path().rglob("*"))
    made = run("train", config, "-o", "model")
    assert (made.exit_code, made.stdout) == (code, "")
    assert message in made.stderr
    assert sorted(Path().rglob("*")) == before


def test_a_missing_configuration_is_an_error(run):
    pytest.importorskip("torch", reason="training needs the extra primis[train]")
    made = run("train", "absent.toml", "-o", "model")
    assert (made.exit_code, made.stdout) == (3, "")
    assert "absent.toml" in made.stderr


@pytest.mark.slow
def test_it_trains_and_writes_a_bundle_that_loads(run, config):
    pytest.importorskip("torch", reason="training needs the extra primis[train]")
    from primis.codec.bundle import ModelBundle

    made = run("train", config, "-o", "models/tiny-1", "--accelerator", "cpu")
    assert made.exit_code == 0, made.output
    bundle = ModelBundle.load(Path("models/tiny-1"))
    assert bundle.name == "tiny-1"
    assert made.stdout == f"models/tiny-1 {bundle.digest.hex()}\n"
    assert "primis: step 1 of 1" in made.stderr
    assert Path("runs/tiny-1/curve.jsonl").exists()
