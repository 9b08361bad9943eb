import json
from dataclasses import replace

import pytest

from primis.errors import InputError
from primis.evaluate.plan import plan_own

pytest.importorskip("torch", reason="needs the extra primis[evaluate]")
pytest.importorskip("mirp", reason="needs the extra primis[evaluate]")

from primis.evaluate import pipeline


@pytest.fixture
def calls(monkeypatch):
    """Put stand-ins in the place of the long parts, and note what they are called with."""
    noted = []

    def stand_in(part):
        def run(dataset, *_, **settings):
            noted.append((part, dataset.name, settings))
            return {"what": part}

        return run

    for part in ("fidelity", "codes", "classification", "segmentation", "texture"):
        monkeypatch.setattr(pipeline, f"evaluate_{part}", stand_in(part))
    monkeypatch.setattr(pipeline, "make_pictures", lambda *_, **__: [])
    return noted


def test_all_parts_that_the_data_allow_are_run_in_order(folder, tmp_path, calls):
    document = pipeline.evaluate([plan_own(folder)], tmp_path)
    assert [part for part, *_ in calls] == ["fidelity", "codes", "classification", "texture"]
    assert document["parts"]["texture"] == [{"dataset": "chests", "what": "texture"}]
    (missing,) = document["left_out"]
    assert (missing["part"], missing["dataset"]) == ("segmentation", "chests")


def test_a_part_that_is_asked_for_must_be_possible(folder, tmp_path, calls):
    with pytest.raises(InputError, match="segmentation is left out for chests: there are no masks"):
        pipeline.evaluate([plan_own(folder)], tmp_path, parts=["segmentation"])


def test_a_part_that_finds_too_little_data_is_left_out(folder, tmp_path, calls, monkeypatch):
    def refuse(*_, **__):
        raise InputError("too few patients")

    monkeypatch.setattr(pipeline, "evaluate_classification", refuse)
    document = pipeline.evaluate([plan_own(folder)], tmp_path)
    assert "classification" not in document["parts"]
    assert {missing["reason"] for missing in document["left_out"]} >= {"too few patients"}


def test_the_document_is_what_the_folder_holds(folder, tmp_path, calls):
    document = pipeline.evaluate([plan_own(folder)], tmp_path, command="primis evaluate")
    assert json.loads((tmp_path / "evaluation.json").read_text()) == document
    assert document["commands"] == ["primis evaluate"]
    assert document["datasets"][0]["patients"] == {"train": 2, "val": 1, "test": 2}
    assert document["environment"]["primis"]


def test_parts_run_before_with_the_same_settings_stay(folder, tmp_path, calls):
    plans = [plan_own(folder)]
    pipeline.evaluate(plans, tmp_path, parts=["codes"])
    assert list(pipeline.evaluate(plans, tmp_path, parts=["fidelity"])["parts"]) == [
        "fidelity",
        "codes",
    ]
    other = pipeline.evaluate(plans, tmp_path, parts=["fidelity"], rate=0.5)
    assert list(other["parts"]) == ["fidelity"]


def test_parts_of_other_structures_or_labels_do_not_stay(folder, tmp_path, calls):
    plan = plan_own(folder)
    pipeline.evaluate([plan], tmp_path, parts=["codes"], command="one")
    same = pipeline.evaluate([plan], tmp_path, parts=["fidelity"], command="two")
    assert same["commands"] == ["one", "two"]
    other = replace(plan, structures={"heart": (3,)})
    document = pipeline.evaluate([other], tmp_path, parts=["fidelity"], command="three")
    assert list(document["parts"]) == ["fidelity"]
    assert document["commands"] == ["three"]


def test_what_was_measured_is_kept_when_a_later_part_breaks(folder, tmp_path, calls, monkeypatch):
    def break_off(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "evaluate_codes", break_off)
    with pytest.raises(KeyboardInterrupt):
        pipeline.evaluate([plan_own(folder)], tmp_path)
    assert list(json.loads((tmp_path / "evaluation.json").read_text())["parts"]) == ["fidelity"]


def test_fidelity_is_measured_at_all_rates_and_quickly_at_one(folder, tmp_path, calls):
    pipeline.evaluate([plan_own(folder)], tmp_path, parts=["fidelity"])
    pipeline.evaluate([plan_own(folder)], tmp_path, parts=["fidelity"], rate=0.3, quick=True)
    (_, _, usual), (_, _, quick) = calls
    assert list(usual["rates"]) == ["low", "medium", "high"]
    assert quick["rates"] == {"0.3": 0.3}
    assert quick["images"] < usual["images"]
