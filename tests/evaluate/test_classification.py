from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="networks need the extra primis[evaluate]")

from primis.codec.codec import Codec  # noqa: E402
from primis.codec.codes import SparseCodes, everything_known  # noqa: E402
from primis.codec.layout import Layout  # noqa: E402
from primis.errors import InputError  # noqa: E402
from primis.evaluate import classifier  # noqa: E402
from primis.evaluate.classification import (  # noqa: E402
    evaluate_classification,
    mean_roc,
    threshold,
)
from primis.evaluate.classifier import (  # noqa: E402
    CODES,
    PIXELS,
    Networks,
    Training,
    code_maps,
)
from primis.evaluate.classifier_speed import multiply_adds  # noqa: E402
from primis.evaluate.plan import Task  # noqa: E402
from primis.study.dataset import load_dataset, read_pixels  # noqa: E402
from primis.study.renditions import FULL, ORIGINAL, PUBLIC, Renditions  # noqa: E402
from primis.study.workspace import Workspace  # noqa: E402
from tests.pictures import noise, textured  # noqa: E402

TASK = Task("label", ("well",), ("ill",))
TRAINING = Training(side=32, width=8, images=2500, fewest=1, most=16)
NETWORKS = (
    Networks(PIXELS, ORIGINAL, (ORIGINAL, FULL, PUBLIC), (0, 1)),
    Networks(CODES, FULL, (FULL,), (1,)),
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Pictures of 64 x 64; `label` tells of a bright disc, `coin` of nothing."""
    folder = tmp_path_factory.mktemp("discs")
    rng = np.random.default_rng(0)
    rows = ["file,patient,split,label,coin"]
    across = np.mgrid[:64, :64]
    for number in range(240):
        ill = number % 2
        row, column = rng.integers(16, 48, 2)
        disc = (across[0] - row) ** 2 + (across[1] - column) ** 2 < 80
        pixels = np.clip(textured((64, 64), seed=number) * 0.6 + 90.0 * ill * disc, 0, 255)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
        split = "train" if number < 140 else "val" if number < 180 else "test"
        label = "ill" if ill else "well"
        rows.append(f"{number}.png,P{number // 2},{split},{label},{rng.choice(['a', 'b'])}")
    (folder / "index.csv").write_text("\n".join(rows) + "\n")
    return load_dataset(folder)


class Quick(Renditions):
    """Renditions without the codec, which takes most of the time."""

    def pixels(self, case, rendition):
        if rendition == PUBLIC:
            return noise((64, 64), seed=int(case.path.stem))
        return read_pixels(case) // 8 * 8

    def codes(self, case, rendition, *, keep=True):
        """Return codes whose every band is the reduced picture."""
        layout = Layout(64, 64)
        pixels = read_pixels(case).astype(np.int32)
        values = [
            np.tile(pixels.reshape(rows, 64 // rows, columns, -1).mean((1, 3)) - 128, (bands, 1, 1))
            for bands, rows, columns in layout.shapes
        ]
        values = tuple(band.astype(np.int32) for band in values)
        return SparseCodes(layout, 1.0, 128, values, 0, everything_known(layout))

    def unpack(self, case, rendition):
        return self.codes(case, rendition)


def evaluated(dataset, folder, task=TASK, networks=NETWORKS, kind=Quick, **options):
    workspace = Workspace(folder)
    return evaluate_classification(
        dataset,
        kind(2.0, workspace.cache),
        workspace,
        task=task,
        training=TRAINING,
        networks=networks,
        **options,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def result(dataset, folder):
    return evaluated(dataset, folder)


def score(result, input_, trained_on, tested_on):
    key = (input_, trained_on, tested_on)
    return next(
        record
        for record in result["scores"]
        if (record["input"], record["trained_on"], record["tested_on"]) == key
    )


def test_a_difference_that_can_be_learned_is_learned(result):
    assert score(result, PIXELS, ORIGINAL, ORIGINAL)["auc"]["value"] > 0.95
    assert score(result, PIXELS, ORIGINAL, FULL)["auc"]["value"] > 0.95
    assert score(result, CODES, FULL, FULL)["auc"]["value"] > 0.9


def test_the_public_file_tells_nothing(result):
    public = score(result, PIXELS, ORIGINAL, PUBLIC)
    assert public["auc"]["low"] <= 0.5 <= public["auc"]["high"]
    assert public["difference"]["auc"]["high"] < 0


def test_labels_drawn_at_random_cannot_be_learned(dataset, folder):
    networks = (Networks(PIXELS, ORIGINAL, (ORIGINAL,), (0,)),)
    result = evaluated(dataset, folder, Task("coin", ("a",), ("b",)), networks)
    found = score(result, PIXELS, ORIGINAL, ORIGINAL)["auc"]
    assert found["low"] <= 0.5 <= found["high"]


def test_the_result_is_json_and_complete(result):
    assert json.loads(json.dumps(result)) == result
    assert result["title"] == "well against ill"
    assert result["images"]["test"] == {"negative": 30, "positive": 30, "patients": 30}
    assert result["floor"] == {"auc": 0.5, "accuracy": 0.5}
    assert score(result, PIXELS, ORIGINAL, ORIGINAL)["difference"] is None
    for record in result["scores"]:
        by_seed = [one["auc"] for one in record["seeds"]]
        assert record["auc"]["value"] == pytest.approx(np.mean(by_seed), abs=1e-12)
        assert record["auc"]["low"] <= record["auc"]["value"] <= record["auc"]["high"]
        assert record["roc"]["true_positives"][-1] == 1
    for input_ in (PIXELS, CODES):
        seconds = dict(result["speed"][input_]["seconds"])
        assert seconds.pop("total") == pytest.approx(sum(seconds.values()))
    assert result["speed"][CODES]["seconds"]["synthesis"] < 1e-3


def test_differences_compare_networks_of_the_same_seeds(result):
    codes = score(result, CODES, FULL, FULL)
    original = score(result, PIXELS, ORIGINAL, ORIGINAL)["seeds"][1]
    assert [one["seed"] for one in codes["seeds"]] == [original["seed"]] == [1]
    expected = codes["seeds"][0]["auc"] - original["auc"]
    assert codes["difference"]["auc"]["value"] == pytest.approx(expected, abs=1e-12)


def test_the_area_under_the_mean_roc_curve_is_the_mean_auc(result):
    for record in result["scores"]:
        curve = record["roc"]
        area = np.trapezoid(curve["true_positives"], curve["false_positives"])
        assert area == pytest.approx(record["auc"]["value"], abs=0.02)


def test_a_roc_curve_is_that_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 300)
    score = rng.normal(truth)
    false, true, _ = metrics.roc_curve(truth, score, drop_intermediate=False)
    found = mean_roc(truth, score[:, None])
    expected = np.interp(found["false_positives"], false, true)
    np.testing.assert_allclose(found["true_positives"], expected, atol=6e-5)


def test_an_interrupted_run_trains_only_what_is_missing(dataset, folder, result, monkeypatch):
    trainings = []
    fit = classifier.fit

    def counted(*args, **options):
        trainings.append(options["seed"])
        fit(*args, **options)

    monkeypatch.setattr(classifier, "fit", counted)
    assert evaluated(dataset, folder) == result
    more = (Networks(PIXELS, ORIGINAL, (ORIGINAL, FULL, PUBLIC), (0, 1, 2)), *NETWORKS[1:])
    evaluated(dataset, folder, networks=more)
    assert trainings == [2]


def test_a_run_repeated_elsewhere_gives_the_same_numbers(dataset, result, tmp_path):
    networks = (Networks(PIXELS, ORIGINAL, (ORIGINAL,), (1,)),)
    again = score(evaluated(dataset, tmp_path, networks=networks), PIXELS, ORIGINAL, ORIGINAL)
    assert again["seeds"][0] == score(result, PIXELS, ORIGINAL, ORIGINAL)["seeds"][1]


@pytest.mark.slow
def test_processes_change_nothing(dataset, tmp_path):
    one, other = (
        evaluated(dataset, tmp_path / str(processes), kind=Renditions, processes=processes)
        for processes in (1, 2)
    )
    for mine, yours in zip(one["scores"], other["scores"], strict=True):
        if mine["tested_on"] == PUBLIC:  # under keys of its own each time
            # Three times the 95 % interval: a chance of one in 10^8 to fail by luck alone.
            auc = mine["auc"]
            assert abs(auc["value"] - 0.5) <= 3 * (auc["high"] - auc["low"]) / 2
        else:
            assert mine == yours
            assert mine["auc"]["value"] > 0.9


def test_a_patient_in_two_splits_is_refused(dataset, tmp_path):
    table = (dataset.cases[0].path.parent / "index.csv").read_text()
    leak = tmp_path / "leak.csv"
    leak.write_text(table.replace("239.png,P119,test", "239.png,P0,test"))
    with pytest.raises(InputError, match="splits train and test"):
        load_dataset(dataset.cases[0].path.parent, leak)


def test_a_class_that_a_split_lacks_is_reported(dataset, tmp_path):
    table = (dataset.cases[0].path.parent / "index.csv").read_text()
    lopsided = tmp_path / "lopsided.csv"
    lopsided.write_text(table.replace("val,ill", "val,odd"))
    with pytest.raises(InputError, match=r"split val of discs.* has only one class"):
        evaluated(load_dataset(dataset.cases[0].path.parent, lopsided), tmp_path)


def test_the_threshold_is_right_most_often():
    assert threshold(np.array([0, 0, 1, 1]), np.array([1, 2, 4, 5])) == 3
    assert threshold(np.array([0, 0]), np.array([1, 2])) > 2
    assert threshold(np.array([1, 1]), np.array([1, 2])) < 1


def test_multiply_adds_of_known_layers():
    network = torch.nn.Sequential(
        torch.nn.Conv2d(2, 3, 3, padding=1), torch.nn.Flatten(), torch.nn.Linear(3 * 16, 5)
    )
    assert multiply_adds(network, (2, 4, 4)) == 2 * 3 * 9 * 16 + 48 * 5


@pytest.mark.parametrize("shape", [(64, 64), (300, 500), (40, 33)])
def test_code_maps_have_one_shape_whatever_the_image(shape):
    codec = Codec.default(1)
    codes = codec.encode(textured(shape), 2000)
    maps = code_maps(codes, 28)
    assert (maps.shape, maps.dtype) == ((16, 28, 28), np.int8)


def test_the_finest_map_holds_the_band_nearest_in_size():
    codes = Codec.default(1).encode(textured((128, 128)), 4000)
    maps = code_maps(codes, 32)
    band = codes.coefficients()[1]
    assert band.shape == (3, 32, 32)
    logarithm = np.rint(13 * np.log1p(np.abs(band) * codes.step))
    assert (maps[:3] == np.copysign(logarithm, band)).all()
    assert (maps[3:6] == np.repeat(np.repeat(maps[3:6, ::2, ::2], 2, 1), 2, 2)).all()
