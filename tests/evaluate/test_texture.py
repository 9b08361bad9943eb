import csv

import numpy as np
import pytest

from primis.errors import InputError
from primis.evaluate.radiomics import FAMILIES
from primis.evaluate.texture import THRESHOLD, compare, evaluate_texture, surviving
from primis.study.dataset import Case, read_pixels
from primis.study.workspace import Workspace
from tests.evaluate.made import DISC, MadeRenditions, discs_and_bars

LEVELS = ["full", "diagnostic", "preview", "public"]


def cheap_features(pixels, region, bins):
    """Stand-ins for what mirp takes most of a second for."""
    inside = pixels[region].astype(float)
    steps = np.abs(np.diff(pixels.astype(float), axis=1))[region[:, 1:]]
    return {
        "stat_mean": inside.mean(),
        "stat_var": inside.var(),
        "ih_range": bins - 1.0,
        "cm_contrast": steps.mean(),
        "szm_z_perc": len(np.unique(inside)) / inside.size,
    }


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return Workspace(tmp_path_factory.mktemp("workspace"))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return discs_and_bars(tmp_path_factory.mktemp("images"), 12)


@pytest.fixture(scope="module")
def result(dataset, workspace):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("primis.evaluate.texture.features", cheap_features)
        return evaluate(dataset, workspace)


def evaluate(dataset, workspace):
    return evaluate_texture(
        dataset, MadeRenditions(4.0), workspace, region="disc", classes=[DISC], coarser=[2]
    )


def cases(count):
    return [
        Case(f"{n}.png", None, f"p{n // 2}", "test" if n < 4 else "train") for n in range(count)
    ]


def measured(**renditions):
    """Values of one feature, `cm_contrast`, for every image."""
    return [
        {name: {"cm_contrast": values[n]} for name, values in renditions.items()}
        for n in range(len(renditions["original"]))
    ]


def test_finer_levels_keep_at_least_as_many_features(result):
    share = [result["levels"][level]["surviving"]["value"] for level in LEVELS]
    assert share[0] >= 0.75
    assert sorted(share, reverse=True) == share
    assert share[-1] == 0


def test_every_feature_comes_with_its_family_and_every_level(result):
    assert (result["region"], result["images"], result["patients"]) == ("disc", 12, 6)
    assert [feature["family"] for feature in result["features"]] == [
        "intensity statistics",
        "intensity statistics",
        "GLCM",
        "GLSZM",
    ]
    for feature in result["features"]:
        assert list(feature["levels"]) == [*LEVELS, "JPEG 2000", "noise"]
        for entry in feature["levels"].values():
            assert entry["survives"] == (entry["concordance"]["value"] > THRESHOLD)


def test_families_add_up_to_the_share_of_the_level(result):
    for level in result["levels"].values():
        families = level["families"].values()
        kept, all_of_them = (
            sum(family[key] for family in families) for key in ("surviving", "features")
        )
        assert level["surviving"]["value"] == pytest.approx(kept / all_of_them)
        assert all_of_them == len(result["features"])


def test_references_are_measured_like_levels(result):
    assert list(result["references"]) == ["JPEG 2000", "noise"]
    assert list(result["coarser"][0]["references"]) == ["JPEG 2000", "noise"]
    noise = [feature["levels"]["noise"]["concordance"]["value"] for feature in result["features"]]
    assert max(noise) > 0.99
    assert set(result["references"]["noise"]) == set(result["levels"]["full"])


def test_features_that_are_constant_by_definition_are_left_out(result):
    assert result["excluded"] == {"ih_range": "the same in all originals"}


def test_what_only_blurs_the_finest_grain_is_kept_at_half_the_size(tmp_path, monkeypatch):
    class Shuffled(MadeRenditions):
        """Swap neighbouring rows and columns: another grain, the same means of 2x2 pixels."""

        def pixels(self, case, rendition):
            pixels = read_pixels(case)
            if rendition == "original":
                return pixels
            cells = pixels.reshape(24, 2, 24, 2)
            return cells[:, ::-1, :, ::-1].reshape(48, 48)

    monkeypatch.setattr("primis.evaluate.texture.features", cheap_features)
    dataset = discs_and_bars(tmp_path, 12)
    result = evaluate_texture(dataset, Shuffled(), Workspace(tmp_path / "out"), coarser=[2])
    (half,) = result["coarser"]
    assert half["factor"] == 2
    assert half["levels"]["full"]["surviving"]["value"] == 1
    assert result["levels"]["full"]["surviving"]["value"] < 1


def test_all_values_are_in_a_table(result, workspace):
    with (workspace.folder / result["values"]).open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12 * 2 * 7
    originals = [
        float(row["cm_contrast"])
        for row in rows
        if row["rendition"] == "original" and row["factor"] == "1"
    ]
    assert originals == result["agreement"]["cm_contrast"]["original"]


def test_a_second_run_reads_what_the_first_measured(result, dataset, workspace, monkeypatch):
    monkeypatch.setattr("primis.evaluate.texture.features", None)
    again = evaluate(dataset, workspace)
    assert again == result


def test_images_without_masks_are_measured_as_a_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("primis.evaluate.texture.features", cheap_features)
    dataset = discs_and_bars(tmp_path, 4, masks=False)
    result = evaluate_texture(dataset, MadeRenditions(), Workspace(tmp_path / "out"))
    assert (result["region"], result["images"]) == ("whole image", 4)


def test_a_region_that_no_image_has_is_an_error(dataset, tmp_path):
    with pytest.raises(InputError, match="0 images"):
        evaluate_texture(dataset, MadeRenditions(), Workspace(tmp_path), classes=[99])


@pytest.mark.slow
def test_all_families_survive_or_fail_with_the_real_features(tmp_path):
    pytest.importorskip("mirp", reason="needs the extra primis[evaluate]")
    dataset = discs_and_bars(tmp_path, 6)
    result = evaluate(dataset, Workspace(tmp_path / "out"))
    share = [result["levels"][level]["surviving"]["value"] for level in LEVELS]
    assert share[0] > 0.5
    assert share[-1] < 0.2
    assert {feature["family"] for feature in result["features"]} == set(FAMILIES.values())
    assert "ngl_dc_perc" in result["excluded"]


def test_a_feature_that_is_only_shifted_does_not_survive():
    original = np.arange(8.0)
    result = compare(cases(8), measured(original=original, full=original + 5))
    (feature,) = result["features"]
    assert feature["levels"]["full"]["concordance"]["value"] < THRESHOLD
    assert result["levels"]["full"]["surviving"]["value"] == 0


def test_the_test_split_is_also_reported_alone():
    original = np.arange(8.0)
    shifted = np.where(original < 4, original, original + 5)  # images 0 to 3 are the test split
    result = compare(cases(8), measured(original=original, full=shifted))
    assert result["levels"]["full"]["surviving"]["value"] == 0
    assert result["levels"]["full"]["held_out"]["value"] == 1


@pytest.mark.parametrize("where", ["original", "full"])
def test_a_feature_undefined_in_an_original_is_left_out_in_a_level_it_does_not_survive(where):
    images = measured(original=np.arange(8.0), full=np.arange(8.0))
    for number, image in enumerate(images):
        image["original"]["cm_energy"] = image["full"]["cm_energy"] = float(number)
        image[where]["cm_energy"] = float(number) if number else None
    result = compare(cases(8), images)
    names = [feature["name"] for feature in result["features"]]
    if where == "original":
        assert result["excluded"] == {"cm_energy": "undefined in some original"}
        assert names == ["cm_contrast"]
    else:
        assert names == ["cm_contrast", "cm_energy"]
        assert result["levels"]["full"]["surviving"]["value"] == 0.5


def test_images_without_any_texture_are_an_error():
    with pytest.raises(InputError, match="no texture feature"):
        compare(cases(3), measured(original=[1.0] * 3, full=[1.0] * 3))


def test_survivors_are_counted_per_feature():
    original = np.random.default_rng(0).random((9, 4))
    rendition = original.copy()
    rendition[:, 0] = rendition[::-1, 0]
    assert surviving(original, rendition) == 0.75
