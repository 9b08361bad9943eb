"""Supervised attacks get everything where nothing is hidden, and find leaks planted for them.

Networks are tiny and learn for seconds. Keys and noise cannot be seeded: on the default scheme the
intervals, at 99 %, would each exclude the floor once in 200 runs by chance, hence the three tries.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
from torch.nn.functional import mse_loss

from primis.attacks import pictures
from primis.attacks.supervised import ATTACKS
from primis.attacks.supervised.corpus import Corpus
from primis.attacks.supervised.learner import learn, silent_unet
from primis.attacks.supervised.scene import Scene
from primis.attacks.targets import standard_targets
from primis.errors import InputError, UsageError
from primis.study.dataset import Case, Dataset
from primis.study.learning import predict
from primis.study.workspace import Workspace
from tests.attacks.synthetic import SETTINGS, make_dataset

OUTSIDE = [attack for attack in ATTACKS if attack.kind == "supervised"]
LEAKS = [
    ("inversion", "keystream, key reused"),
    ("verification", "keystream, key reused"),
    ("inversion", "keystream, open preview"),
    ("attribute", "keystream, open preview"),
    ("linkage", "keystream, open preview"),
    ("re-identification", "keystream, open preview"),
    ("verification", "keystream, open preview"),
    ("inversion", "separable noise"),
    ("support", "separable noise"),
    ("support", "ambiguation 25 %"),
    ("verification", "ambiguation 100 %"),
]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Dataset:
    return make_dataset(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def many_pairs(tmp_path_factory) -> Dataset:
    """So many pairs to learn from that an attack finds a leak in every run."""
    return make_dataset(tmp_path_factory.mktemp("images"), train=60)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("workspace"))


def attack(name: str, target: str, dataset: Dataset, workspace: Workspace, **changes):
    settings = replace(SETTINGS, targets=(target,), **changes)
    chosen = next(entry for entry in ATTACKS if entry.name == name)
    return chosen.run(dataset, workspace, settings, lambda line: None)


@pytest.mark.parametrize("name", [entry.name for entry in OUTSIDE])
def test_every_attack_succeeds_on_raw_codes(name, dataset, workspace):
    results = attack(name, "codes", dataset, workspace)
    assert results
    assert {result.verdict for result in results} == {"succeeds"}


@pytest.mark.slow
@pytest.mark.parametrize("name", [entry.name for entry in OUTSIDE])
def test_every_attack_is_at_the_floor_on_the_default_scheme(name, dataset, workspace, tmp_path):
    places = (workspace, Workspace(tmp_path / "second"), Workspace(tmp_path / "third"))
    tries = (attack(name, "keystream", dataset, place) for place in places)
    assert any({result.verdict for result in results} == {"at the floor"} for results in tries)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "target"), LEAKS)
def test_a_leak_is_found(name, target, many_pairs, workspace):
    results = attack(name, target, many_pairs, workspace)
    assert "succeeds" in {result.verdict for result in results}


@pytest.mark.slow
def test_inversion_recovers_raw_codes_and_separable_noise_almost_fully(dataset, workspace):
    for target in ("codes", "separable noise"):
        result = attack("inversion", target, dataset, workspace)[0]
        assert result.metric == "PSNR (dB)"
        assert result.score.value > result.ceiling - 3


def test_pictures_of_what_was_recovered_are_kept(dataset, workspace):
    attack("inversion", "codes", dataset, workspace)
    names = {path.name for path in (workspace.folder / "pictures").iterdir()}
    assert {"inversion-codes-0.png", "inversion-original-0.png"} <= names
    best = pictures.find_best(workspace.folder, "inversion", "codes")
    assert best is not None
    assert all(path.exists() for path in best)


def test_curves_have_a_point_for_every_number_of_pairs(dataset, workspace):
    results = attack("verification", "codes", dataset, workspace, pairs=(20, 50, 10**6))
    assert [result.pairs for result in results] == [20, 50, 80]


def test_planted_targets_have_one_point(dataset, workspace):
    settings = replace(SETTINGS, targets=("keystream, key reused",), pairs=(20, 50))
    entry = next(entry for entry in ATTACKS if entry.name == "verification")
    results = entry.run(dataset, workspace, settings, lambda line: None)
    assert [result.pairs for result in results] == [80]


def test_a_start_that_training_makes_worse_is_kept():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(40, 2, 16, 16)).astype(np.float16)
    misleading = np.ones((40, 1, 16, 16), np.float32)
    misleading[16:] = -1  # the pairs held out say the opposite of those to learn from
    maps = np.zeros((40, 4, 16, 16), np.float16)
    cases = tuple(Case(str(i), Path(), str(i), "train", {}) for i in range(40))
    bits = np.zeros((40, 0), np.int8)
    corpus = Corpus("misleading", cases, *[np.zeros((40, 32, 32), np.uint8)] * 2, maps, bits)
    parts = np.arange(16), np.arange(16, 40), np.arange(0)
    scene = Scene(corpus, *parts, SETTINGS, None, lambda line: None)
    model = learn(
        scene, lambda: silent_unet(2, 1, 8, depth=1), inputs, misleading, mse_loss,
        batch=4, epochs=20, start_counts=True,
    )  # fmt: skip
    assert not predict(model, inputs).any()


def test_a_second_run_computes_nothing(dataset, workspace, monkeypatch):
    first = attack("verification", "codes", dataset, workspace)
    module = sys.modules["primis.attacks.supervised.verification"]
    monkeypatch.setattr(module, "_attempt", lambda scene: pytest.fail("computed again"))
    assert attack("verification", "codes", dataset, workspace) == first


@pytest.mark.slow
def test_the_ceiling_is_what_raw_codes_give(dataset, workspace):
    settings = replace(SETTINGS, targets=("codes", "keystream"))
    entry = next(entry for entry in ATTACKS if entry.name == "attribute")
    clear, hidden = entry.run(dataset, workspace, settings, lambda line: None)
    assert clear.ceiling == hidden.ceiling == clear.score.value


@pytest.mark.slow
def test_the_inside_view_has_a_row_for_every_task_and_level(dataset, workspace):
    entry = next(entry for entry in ATTACKS if entry.kind == "inside view")
    results = entry.run(dataset, workspace, replace(SETTINGS, epochs=20), lambda line: None)
    levels = ("original", "full", "diagnostic", "preview", "public")
    expected = {(task, level) for task in ("attribute", "re-identification") for level in levels}
    sharpened = ("planted: averaged 4x4", "preview", "diagnostic")
    expected |= {("super-resolution", level) for level in sharpened}
    assert {(result.attack, result.target) for result in results} == expected
    assert {result.kind for result in results} == {"inside view"}
    verdicts = {(result.attack, result.target): result.verdict for result in results}
    assert verdicts["attribute", "original"] == "succeeds"
    assert verdicts["re-identification", "original"] == "succeeds"
    assert verdicts["super-resolution", "planted: averaged 4x4"] == "succeeds"
    for number in range(2):
        for name in ("original", "preview", "preview-as-given"):
            picture = f"super-resolution-{name}-{number}.png"
            assert (workspace.folder / "pictures" / picture).exists()


@pytest.mark.slow
def test_against_the_default_alone_the_inside_view_is_that_of_the_public(dataset, workspace):
    entry = next(entry for entry in ATTACKS if entry.kind == "inside view")
    settings = replace(SETTINGS, targets=("keystream",))
    results = entry.run(dataset, workspace, settings, lambda line: None)
    assert {result.target for result in results} == {"public"}


def test_an_unknown_target_is_refused(dataset, workspace):
    with pytest.raises(UsageError, match="rot13"):
        attack("inversion", "rot13", dataset, workspace)


def test_a_data_set_without_test_images_is_refused(dataset, workspace):
    cases = tuple(case for case in dataset.cases if case.split != "test")
    with pytest.raises(InputError, match="test"):
        attack("inversion", "codes", replace(dataset, cases=cases), workspace)


def test_without_labels_there_is_no_attribute_to_infer(dataset, workspace):
    cases = tuple(replace(case, labels={}) for case in dataset.cases)
    with pytest.raises(InputError, match="attribute"):
        attack("attribute", "codes", replace(dataset, cases=cases), workspace)


@pytest.mark.slow
def test_without_several_images_of_a_patient_there_is_nothing_to_link(dataset, workspace):
    with pytest.raises(InputError, match="linkage"):
        attack("linkage", "codes", replace(dataset, cases=dataset.cases[::2]), workspace)


def test_the_standard_targets_are_those_of_the_threat_model():
    assert list(standard_targets()) == [
        "codes",
        "separable noise",
        "ambiguation 25 %",
        "ambiguation 50 %",
        "ambiguation 100 %",
        "keystream",
    ]
