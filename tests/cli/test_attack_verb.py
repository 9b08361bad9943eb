import json
from pathlib import Path

import pytest

from tests.attacks.made_images import made_dataset


@pytest.fixture
def images(working_folder) -> Path:
    made_dataset(working_folder / "chests", 11)
    return working_folder / "chests"


@pytest.mark.parametrize("verb", ["attack", "audit"])
@pytest.mark.parametrize("arguments", [(), ("--images", "a", "--data", "b")])
def test_it_takes_images_from_one_place(run, verb, arguments):
    made = run(verb, *arguments, "-o", "out")
    assert (made.exit_code, made.stdout) == (2, "")
    assert "either --images" in made.stderr
    assert not Path("out").exists()


@pytest.mark.parametrize("verb", ["attack", "audit"])
def test_without_the_extra_it_says_what_to_install(run, images, verb, monkeypatch):
    monkeypatch.setattr("primis.study.packages.find_spec", lambda _: None)
    made = run(verb, "--images", images, "-o", "out")
    assert (made.exit_code, made.stdout) == (2, "")
    assert "hint: pip install 'primis[" in made.stderr
    assert not Path("out").exists()


def test_an_unknown_attack_is_refused(run, images):
    made = run("attack", "telepathy", "--images", images, "-o", "out")
    assert made.exit_code == 2
    assert "telepathy" in made.stderr


def test_an_unknown_target_is_refused(run, images):
    pytest.importorskip("torch", reason="attacks need the extra primis[attacks]")
    made = run("attack", "magnitude", "--images", images, "--targets", "walls", "-o", "out")
    assert made.exit_code == 2
    assert "'walls' is not a target" in made.stderr


def test_a_folder_without_images_is_an_error(run, working_folder):
    pytest.importorskip("torch", reason="attacks need the extra primis[attacks]")
    (working_folder / "empty").mkdir()
    made = run("attack", "--images", "empty", "-o", "out")
    assert made.exit_code == 3
    assert not Path("out").exists()


def test_it_attacks_a_folder_and_reports(run, images):
    pytest.importorskip("torch", reason="attacks need the extra primis[attacks]")
    pytest.importorskip("nistrng", reason="attacks need the extra primis[attacks]")
    arguments = ("--images", images, "--quick", "--jobs", "1", "--targets", "codes;keystream")
    made = run("attack", "header", "exhaustion", *arguments, "-o", "out")
    assert made.exit_code == 0, made.output
    assert made.stdout.splitlines() == ["out/attacks.json", "out/attacks.html"]
    document = json.loads(Path("out/attacks.json").read_text())
    assert {r["target"] for r in document["results"]} >= {"codes", "keystream"}
    shown = run("attack", "header", "exhaustion", *arguments, "-o", "out", "--json", "--quiet")
    assert json.loads(shown.stdout)["results"] == document["results"]
    assert shown.stderr == ""
