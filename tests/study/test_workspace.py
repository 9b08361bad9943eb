from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from primis.errors import DamagedFileError
from primis.study.statistics import Interval
from primis.study.workspace import Workspace, environment


def test_a_result_is_computed_once(tmp_path):
    calls = []

    def compute():
        calls.append(1)
        return {"auc": 0.9}

    for _ in range(2):
        assert Workspace(tmp_path).result("task", {"seed": 1}, compute) == {"auc": 0.9}
    assert len(calls) == 1
    Workspace(tmp_path).result("task", {"seed": 2}, compute)
    assert len(calls) == 2


def test_the_order_of_settings_does_not_matter(tmp_path):
    space = Workspace(tmp_path)
    space.result("task", {"a": 1, "b": 2}, lambda: 1)
    assert space.result("task", {"b": 2, "a": 1}, lambda: 2) == 1


def test_nothing_is_left_of_a_computation_that_failed(tmp_path):
    with pytest.raises(ZeroDivisionError):
        Workspace(tmp_path).result("task", {}, lambda: 1 / 0)
    assert list((tmp_path / "results").iterdir()) == []


def test_dataclasses_and_numpy_values_become_json(tmp_path):
    value = {"x": Interval(1.0, 0.5, float("nan")), "y": np.float32(2), "z": (np.arange(2),)}
    result = Workspace(tmp_path).result("task", {}, lambda: value)
    assert result == {"x": {"value": 1.0, "low": 0.5, "high": None}, "y": 2.0, "z": [[0, 1]]}


def test_a_stored_result_names_its_settings(tmp_path):
    Workspace(tmp_path).result("task", {"rate": 0.25, "folder": Path("a")}, lambda: 1)
    (path,) = (tmp_path / "results").iterdir()
    assert path.name.startswith("task-")
    assert json.loads(path.read_text())["settings"] == {"rate": 0.25, "folder": "a"}


def test_a_damaged_result_is_reported(tmp_path):
    space = Workspace(tmp_path)
    space.result("task", {}, lambda: 1)
    (path,) = (tmp_path / "results").iterdir()
    path.write_text("{")
    with pytest.raises(DamagedFileError):
        space.result("task", {}, lambda: 1)


def test_the_environment_is_json_and_names_the_model():
    assert json.loads(json.dumps(environment()))["model"]["name"]
