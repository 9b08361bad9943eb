import numpy as np
import pytest
from PIL import Image

from primis.errors import InputError, UsageError
from primis.evaluate import segmenter
from primis.evaluate.segmentation import Fold, choose_folds, evaluate_segmentation, part
from primis.evaluate.segmentation_scores import MEAN_MASK, NOTHING, summarise
from primis.evaluate.segmenter import Training, mean_mask, to_input, to_masks, to_target
from primis.study.dataset import Case
from primis.study.workspace import Workspace
from tests.evaluate.made import BAR, DISC, MadeRenditions, discs_and_bars

TINY = Training(size=32, width=4, steps=90, batch=4, learning_rate=1e-2)
STRUCTURES = {"disc": (DISC,), "bar": (BAR,)}


def square(top, left, side=8, shape=(32, 32)):
    mask = np.zeros(shape, np.bool_)
    mask[top : top + side, left : left + side] = True
    return mask


def cases(patients, split="train", images=2):
    return [
        Case(f"{split}{n}.png", None, f"{split}{n // images}", split)
        for n in range(patients * images)
    ]


def score(dice, found=True):
    return {"dice": dice, "hausdorff": 1.0, "hausdorff95": 1.0, "found": found}


def rows(trained_on, tested_on, dices, seed=0):
    return [
        {
            "name": f"test{n}.png",
            "trained_on": trained_on,
            "tested_on": tested_on,
            "seed": seed,
            "scores": {"disc": score(dice)},
        }
        for n, dice in enumerate(dices)
    ]


def find(scores, **wanted):
    (entry,) = [s for s in scores if all(s[key] == value for key, value in wanted.items())]
    return entry


# --- Splits -------------------------------------------------------------------------------------


def test_every_image_is_tested_once_by_networks_that_never_saw_its_patient():
    everybody = cases(7, images=3)
    folds = part(everybody, 3)
    assert sorted(c.name for fold in folds for c in fold.test) == sorted(c.name for c in everybody)
    for fold in folds:
        assert not {c.patient for c in fold.train} & {c.patient for c in fold.test}
        assert len(fold.train) + len(fold.test) == len(everybody)
    assert max(len(f.test) for f in folds) - min(len(f.test) for f in folds) <= 3


def test_a_patient_on_both_sides_is_refused():
    one, other = cases(1)
    with pytest.raises(UsageError, match="both"):
        Fold((one,), (other,))


def test_no_folds_means_the_splits_of_the_data_set():
    (fold,) = part([*cases(2), *cases(1, "val"), *cases(2, "test")], 0)
    assert {case.split for case in fold.test} == {"test"}
    assert {case.split for case in fold.train} == {"train", "val"}


def test_a_small_test_split_leads_to_folds_and_a_large_one_does_not():
    small, reason = choose_folds([*cases(60), *cases(17, "test")])
    assert small == 5
    assert "only 17 patients" in reason
    assert choose_folds([*cases(60), *cases(60, "test")])[0] == 0


def test_a_single_patient_is_too_few():
    with pytest.raises(InputError, match="too few patients"):
        part(cases(1), 2)
    with pytest.raises(InputError, match="too few patients"):
        part(cases(3), 0)


# --- The network and the floor ------------------------------------------------------------------


def test_masks_keep_their_place_when_they_are_resized_and_back():
    mask = square(8, 16, 24, (64, 96))
    (back,) = to_masks(to_target(mask[None], 32).astype(np.float32), (64, 96), np.array([0.5]))
    assert (back != mask).mean() < 0.02


def test_inputs_have_the_same_brightness_and_contrast_whatever_the_image():
    dark = np.random.default_rng(0).integers(0, 40, (50, 70), np.uint8)
    for pixels in (dark, 215 + dark):
        image = to_input(pixels, 32)
        assert image.shape == (1, 32, 32)
        assert image.mean() == pytest.approx(0, abs=1e-5)
        assert image.std() == pytest.approx(1, abs=1e-5)


def test_a_flat_image_is_an_input_too():
    assert not to_input(np.full((40, 40), 7, np.uint8), 32).any()


def test_the_mean_mask_is_cut_where_it_overlaps_best():
    # A square that is always there, and one in a place that one image in four shares: leaving the
    # latter out is the best guess.
    always = square(4, 4, 10)
    targets = np.array([[always | square(20, 6 * n, 6)] for n in range(4)])
    maps, thresholds = mean_mask(targets)
    (guess,) = to_masks(maps, (32, 32), thresholds)
    assert np.array_equal(guess, always)


def test_a_structure_that_is_mostly_elsewhere_still_gets_a_guess():
    # Cut at one half the mean mask would be empty, and any network would beat it.
    targets = np.array([[square(0, 5 * n, 6)] for n in range(5)])
    maps, thresholds = mean_mask(targets)
    assert maps.max() < 0.5
    assert to_masks(maps, (32, 32), thresholds).any()


def test_structures_that_are_nowhere_have_an_empty_mean_mask():
    maps, thresholds = mean_mask(np.zeros((3, 1, 8, 8), np.bool_))
    assert not to_masks(maps, (8, 8), thresholds).any()


def test_the_loss_of_a_perfect_answer_is_almost_nothing():
    torch = pytest.importorskip("torch", reason="needs the extra primis[evaluate]")
    targets = torch.from_numpy(np.array([[square(4, 4)]], np.float32))
    right, wrong = (segmenter._loss(20 * sign * (2 * targets - 1), targets) for sign in (1, -1))
    assert right < 1e-3
    assert wrong > 10


# --- Summaries ----------------------------------------------------------------------------------


def summary(*more):
    tested = [Case(f"test{n}.png", None, f"p{n}", "test" if n < 2 else "train") for n in range(4)]
    table = [
        *rows(MEAN_MASK, NOTHING, [0.4, 0.5, 0.6, 0.5]),
        *rows("original", "original", [0.8, 0.9, 0.7, 0.8]),
        *rows("original", "public", [0.4, 0.4, 0.6, 0.5]),
        *more,
    ]
    return summarise(table, tested, ["disc"])


def test_means_and_differences_are_those_of_the_images():
    scores = summary()["scores"]
    original = find(scores, trained_on="original", tested_on="original", measure="dice")
    public = find(scores, trained_on="original", tested_on="public", measure="dice")
    assert original["mean"]["value"] == pytest.approx(0.8)
    assert original["difference"] is original["held_out"] is None
    assert public["difference"]["value"] == pytest.approx(-0.325)
    assert public["held_out"]["value"] == pytest.approx(-0.45)
    assert public["difference"]["low"] < -0.325 < public["difference"]["high"] < 0


def test_seeds_are_averaged_image_by_image():
    again = rows("original", "original", [0.6, 0.7, 0.5, 0.6], seed=1)
    again += rows("original", "public", [0.4, 0.4, 0.6, 0.5], seed=1)
    original = find(summary(*again)["scores"], tested_on="original", measure="dice")
    assert original["seeds"] == pytest.approx([0.8, 0.6])
    assert original["mean"]["value"] == pytest.approx(0.7)


def test_a_network_trained_elsewhere_is_compared_with_originals_of_its_own_seed():
    again = rows("original", "original", [0.6, 0.7, 0.5, 0.6], seed=1)
    again += rows("original", "public", [0.4, 0.4, 0.6, 0.5], seed=1)
    again += rows("full", "full", [0.8, 0.9, 0.7, 0.8], seed=0)
    full = find(summary(*again)["scores"], trained_on="full", measure="dice")
    assert full["difference"]["value"] == pytest.approx(0)


def test_the_public_file_is_held_against_the_mean_mask():
    (at_the_floor,) = summary()["floor"]
    assert not at_the_floor["beats"]
    leaking = rows("public", "public", [0.7, 0.8, 0.8, 0.7])
    assert find(summary(*leaking)["floor"], trained_on="public")["beats"]


def test_an_absent_structure_is_left_out_of_the_means_and_counted():
    absent = rows("full", "full", [0.8, 0.9, 0.7])
    absent += [{**absent[0], "name": "test3.png", "scores": {"disc": score(None, found=True)}}]
    result = summary(*absent)
    full = find(result["scores"], trained_on="full", measure="dice")
    assert full["images"] == 3
    assert full["mean"]["value"] == pytest.approx(0.8)
    assert result["absent"] == [
        {
            "trained_on": "full",
            "tested_on": "full",
            "structure": "disc",
            "images": 1,
            "found": 1.0,
        }
    ]


# --- All of it ----------------------------------------------------------------------------------


def evaluate(dataset, workspace, **settings):
    usual = {"structures": STRUCTURES, "training": TINY, "folds": 0, "retrain": [], "seeds": [0]}
    return evaluate_segmentation(dataset, MadeRenditions(), workspace, **{**usual, **settings})


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return discs_and_bars(tmp_path_factory.mktemp("images"), 40, absent=2)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return Workspace(tmp_path_factory.mktemp("workspace"))


@pytest.fixture(scope="module")
def result(dataset, workspace):
    pytest.importorskip("torch", reason="needs the extra primis[evaluate]")
    return evaluate(dataset, workspace)


def test_a_network_learns_discs_and_bars_and_loses_them_in_noise(result):
    for structure in STRUCTURES:

        def dice(trained_on, tested_on, structure=structure):
            wanted = {"trained_on": trained_on, "tested_on": tested_on, "structure": structure}
            return find(result["scores"], measure="dice", **wanted)["mean"]["value"]

        assert dice("original", "original") > dice(MEAN_MASK, NOTHING) + 0.1
        assert dice("original", "full") == pytest.approx(dice("original", "original"), abs=0.03)
        assert dice("original", "public") < dice(MEAN_MASK, NOTHING)
    assert all(entry["beats"] for entry in result["control"])
    assert not any(entry["beats"] for entry in result["floor"])


def test_examples_are_pictures_of_one_shape(result, workspace):
    assert len(result["examples"]) == 3
    for example in result["examples"]:
        files = [
            example["reference"],
            *example["pictures"].values(),
            *example["outlines"].values(),
        ]
        assert len(files) == 11
        assert {Image.open(workspace.folder / file).size for file in files} == {(48, 48)}
        reference = np.asarray(Image.open(workspace.folder / example["reference"]))
        assert set(np.unique(reference)) <= {0, 1, 2}


def test_a_second_run_reads_what_the_first_computed(result, dataset, workspace, monkeypatch):
    monkeypatch.setattr("primis.study.learning.fit", None)
    assert evaluate(dataset, workspace) == result


def test_images_without_masks_cannot_be_evaluated(tmp_path):
    dataset = discs_and_bars(tmp_path, 4, masks=False)
    with pytest.raises(InputError, match="no masks"):
        evaluate(dataset, Workspace(tmp_path / "out"))


def test_too_many_structures_are_refused(dataset, tmp_path):
    with pytest.raises(InputError, match="too many"):
        evaluate(dataset, Workspace(tmp_path), structures={str(n): (n,) for n in range(1, 10)})


@pytest.mark.parametrize("settings", [{"seeds": []}, {"folds": 1}, {"folds": -1}])
def test_what_cannot_be_trained_and_tested_is_refused(dataset, tmp_path, settings):
    with pytest.raises(UsageError, match="needs a seed"):
        evaluate(dataset, Workspace(tmp_path), **settings)
