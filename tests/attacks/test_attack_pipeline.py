import json
from dataclasses import replace

import pytest

from tests.attacks.made_images import made_dataset

pytest.importorskip("torch", reason="attacks need the extra primis[attacks]")

from primis.attacks import pipeline
from primis.attacks.attack import Attack, Settings
from primis.attacks.record import AttackResult
from primis.attacks.registry import ATTACKS
from primis.errors import InputError, UsageError
from primis.study import packages
from primis.study.statistics import Interval

SETTINGS = Settings(side=64, rate=2.0, images=8)


@pytest.fixture
def dataset(tmp_path):
    return made_dataset(tmp_path / "images", 11)


def test_a_run_writes_what_it_returns(dataset, tmp_path):
    said = []
    document = pipeline.attack(
        dataset, tmp_path / "out", names=["header"], settings=SETTINGS, report=said.append
    )
    assert json.loads((tmp_path / "out" / "attacks.json").read_text()) == document
    assert document["attacks"]["header"]["kind"] == "side channel"
    results = [AttackResult.from_json(fields) for fields in document["results"]]
    assert {result.attack for result in results} == {"header fields"}
    assert said == ["header: comparing headers"]


def test_a_second_run_computes_nothing_again(dataset, tmp_path, monkeypatch):
    first = pipeline.attack(dataset, tmp_path / "out", names=["header"], settings=SETTINGS)
    monkeypatch.setattr(Attack, "run", lambda *_: pytest.fail("ran again"))
    assert pipeline.attack(dataset, tmp_path / "out", names=["header"], settings=SETTINGS) == first


def test_an_attack_that_lacks_its_data_is_left_out_unless_asked_for(dataset, tmp_path, monkeypatch):
    def run(attack, *_):
        if attack.name == "sizes":
            raise InputError("too few images")
        return []

    monkeypatch.setattr(Attack, "run", run)
    document = pipeline.attack(dataset, tmp_path / "out", settings=SETTINGS)
    assert document["left_out"] == [{"attack": "sizes", "reason": "too few images"}]
    assert set(document["attacks"]) == set(ATTACKS) - {"sizes"}
    with pytest.raises(InputError, match="too few"):
        pipeline.attack(dataset, tmp_path / "out", names=["sizes"], settings=SETTINGS)


def test_changed_images_or_labels_are_attacked_again(dataset, tmp_path, monkeypatch):
    runs = []
    monkeypatch.setattr(Attack, "run", lambda *_: runs.append(1) or [])

    def attack(changed):
        pipeline.attack(changed, tmp_path / "out", names=["header"], settings=SETTINGS)
        return len(runs)

    assert (attack(dataset), attack(dataset)) == (1, 1)
    first, *rest = dataset.cases
    assert attack(replace(dataset, cases=(replace(first, patient="another"), *rest))) == 2
    first.path.write_bytes(rest[0].path.read_bytes())
    assert attack(dataset) == 3


def test_a_success_on_the_default_is_put_to_the_test_with_fresh_keys(
    dataset, tmp_path, monkeypatch
):
    runs = []

    def run(attack, cases, workspace, settings, report):
        runs.append((workspace.folder, settings.seed, settings.targets))
        value = 0.9 if len(runs) == 1 else 0.5
        score = Interval(value, value - 0.1, value + 0.1)
        return [AttackResult("a", "supervised", "keystream", "AUC", score, 0.5, 1.0, "all", None)]

    monkeypatch.setattr(Attack, "run", run)
    document = pipeline.attack(dataset, tmp_path / "out", names=["header"], settings=SETTINGS)
    (found,) = document["results"]
    assert runs == [(tmp_path / "out", 0, None), (tmp_path / "out" / "again", 1, ("keystream",))]
    assert (found["score"]["value"], found["repeated"]["value"]) == (0.9, 0.5)
    assert found["verdict"] == "at the floor"


@pytest.mark.parametrize("name", ["header", "magnitude"])
def test_a_handful_of_images_is_too_few(tmp_path, name):
    few = made_dataset(tmp_path / "few", 5)
    with pytest.raises(InputError, match="this needs 8"):
        pipeline.attack(few, tmp_path / "out", names=[name], settings=SETTINGS)


def test_files_too_small_for_the_tests_of_randomness_are_told(dataset, tmp_path):
    small = Settings(side=64, rate=0.5, images=8, targets=("keystream",))
    with pytest.raises(InputError, match="public bits, the tests need"):
        pipeline.attack(dataset, tmp_path / "out", names=["statistics"], settings=small)


def test_an_unknown_attack_is_refused_before_anything_is_written(dataset, tmp_path):
    with pytest.raises(UsageError, match="telepathy"):
        pipeline.attack(dataset, tmp_path / "out", names=["telepathy"])
    assert not (tmp_path / "out").exists()


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setattr(packages, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match="nistrng") as error:
        pipeline.require_packages()
    assert "primis[attacks]" in error.value.hint
