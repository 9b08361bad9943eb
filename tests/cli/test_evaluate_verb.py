from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image as Pillow

from primis.cli import main
from primis.evaluate import plan
from primis.study import packages
from tests.pictures import textured

SPLITS = ("train", "train", "val", "test", "test")


@pytest.fixture
def chests(working_folder: Path) -> Path:
    """Five images of as many patients, without labels or masks."""
    folder = working_folder / "chests"
    folder.mkdir()
    lines = ["file,patient,split"]
    for number, split in enumerate(SPLITS):
        Pillow.fromarray(textured((64, 80), seed=number)).save(folder / f"{number}.png")
        lines.append(f"{number}.png,p{number},{split}")
    (folder / "index.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def with_extra() -> None:
    for module in ("torch", "scipy", "mirp", "matplotlib", "jinja2"):
        pytest.importorskip(module, reason="needs the extra primis[evaluate]")


def test_without_the_extra_it_says_what_to_install(run, chests, monkeypatch):
    monkeypatch.setattr(packages, "find_spec", lambda name: None if name == "torch" else name)
    made = run("evaluate", "--images", chests, "-o", "out")
    assert (made.exit_code, made.stdout) == (2, "")
    assert "evaluation needs the package torch" in made.stderr
    assert "hint: pip install 'primis[evaluate]'" in made.stderr
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give either --images, for your own images, or --data"),
        (("--images", "chests", "--data", "."), "give either --images"),
        (("--data", ".", "--masks", "chests"), "belong to --images"),
        (("beauty", "--images", "chests"), "'beauty' is not one of"),
        (("--images", "chests", "--rate", "huge"), "'huge' is not a rate"),
        (("--images", "chests", "--task", "finding"), "'finding' is not a task"),
        (("--images", "chests", "--structures", "lungs"), "'lungs' names no structure"),
    ],
)
def test_a_call_that_cannot_work_ends_before_it_begins(run, chests, with_extra, arguments, message):
    made = run("evaluate", *arguments, "-o", "out")
    assert (made.exit_code, made.stdout) == (2, "")
    assert message in made.stderr
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--images", "absent"), "absent is not a folder"),
        (("--data", "chests"), "holds none of the data sets"),
        (("--images", "chests", "--labels", "absent.csv"), "absent.csv"),
    ],
)
def test_missing_data_is_an_input_error(run, chests, with_extra, arguments, message):
    made = run("evaluate", *arguments, "-o", "out")
    assert (made.exit_code, made.stdout) == (3, "")
    assert message in made.stderr


def test_a_part_that_lacks_its_data_says_what_to_give(run, chests, with_extra):
    made = run("evaluate", "classification", "--images", chests, "-o", "out")
    assert (made.exit_code, made.stdout) == (3, "")
    assert "classification is left out for chests: there are no labels" in made.stderr


def test_every_part_can_be_named():
    (parts,) = (p for p in main.commands["evaluate"].params if p.name == "parts")
    assert parts.type.choices == plan.PARTS


@pytest.mark.slow
def test_it_writes_a_document_and_a_report(run, chests, with_extra):
    made = run("evaluate", "fidelity", "codes", "--images", chests, "--quick", "-o", "out")
    assert made.exit_code == 0, made.output
    assert made.stdout == "out/evaluation.json\nout/report.html\n"
    assert "primis: fidelity: 2 of 2 images" in made.stderr
    document = json.loads(Path("out/evaluation.json").read_text())
    assert list(document["parts"]) == ["fidelity", "codes"]
    html = Path("out/report.html").read_text()
    assert "At equal bytes, level full is" in html
    assert "Each plane alone" in html
    again = run(
        "evaluate", "fidelity", "--images", chests, "--quick", "-o", "out", "--json", "--quiet"
    )
    assert again.stderr == ""
    assert json.loads(again.stdout)["parts"] == document["parts"]
