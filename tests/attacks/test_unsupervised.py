import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.attacks.made_images import made_dataset

pytest.importorskip("torch", reason="attacks need the extra primis[attacks]")

from primis.attacks.attack import Settings
from primis.attacks.targets import Ambiguation, Keystream, RawCodes, SeparableNoise
from primis.attacks.unsupervised import exhaustion, neighbours, search, statistics
from primis.attacks.unsupervised.compression import compression, saving
from primis.attacks.unsupervised.decoding import decoding
from primis.attacks.unsupervised.files import Files, cleaned, decode, publish
from primis.attacks.unsupervised.magnitude import magnitude
from primis.errors import InputError
from primis.study.dataset import Case
from primis.study.statistics import auc
from tests.pictures import edge, ramp

SETTINGS = Settings(side=64, rate=1.5, images=12)
TARGETS = {
    target.name: target
    for target in (RawCodes(1.5), SeparableNoise(1.5), Ambiguation(1.0, 1.5), Keystream(1.5))
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return made_dataset(tmp_path_factory.mktemp("made") / "images", 12)


@pytest.fixture(scope="module")
def files(dataset):
    return {name: publish(dataset, target, SETTINGS) for name, target in TARGETS.items()}


def test_magnitudes_separate_noise_that_sticks_out_and_no_other(files):
    scores = {name: next(magnitude(some)) for name, some in files.items()}
    assert scores["codes"].score.value == pytest.approx(1)
    assert scores["separable noise"].verdict == "succeeds"
    assert scores["separable noise"].score.value > 0.95
    assert scores["ambiguation 100 %"].score.value == 0.5
    assert abs(scores["keystream"].score.value - scores["keystream"].floor) < 0.05


def test_noise_that_sticks_out_is_taken_out(files):
    noisy = files["separable noise"].published[0]
    finest = cleaned(noisy)[0]
    right = (finest != 0) == noisy.support[0]
    assert right.mean() > 0.99
    clear = files["codes"].published[0]
    assert all(a is b for a, b in zip(cleaned(clear), clear.bands, strict=True))


def test_what_is_not_hidden_decodes_and_what_is_sealed_does_not(files):
    for name, succeeds in {"codes": True, "separable noise": True, "keystream": False}.items():
        pictures = [decode(file, cleaned(file)) for file in files[name].published]
        correlation = list(decoding(files[name], pictures))[1]
        assert correlation.metric == "correlation of pixels"
        assert (correlation.score.low > 0.3) is succeeds, name
        assert correlation.score.high <= 1


def test_images_of_few_patients_tell_nothing(tmp_path):
    with pytest.raises(InputError, match="images of 6 patients, this needs 8"):
        publish(made_dataset(tmp_path / "few", 9), TARGETS["codes"], SETTINGS)


def test_magnitudes_of_images_without_empty_positions_tell_nothing(files):
    full = tuple(
        replace(file, truth=replace(file.truth, values=tuple(map(np.ones_like, file.bands))))
        for file in files["codes"].published
    )
    with pytest.raises(InputError, match="nothing to tell apart"):
        next(magnitude(Files("codes", files["codes"].cases, full)))


def test_one_file_of_each_patient_is_taken(files):
    few = files["codes"].first(4)
    assert len(set(few.patients)) == len(few.published) == 4


def test_sealed_bytes_compress_no_better_than_random_ones(files):
    sealed = next(compression(files["keystream"]))
    assert abs(sealed.score.value - sealed.floor) < 1
    assert next(compression(files["separable noise"])).verdict == "succeeds"


def test_savings_are_percent_of_the_input():
    assert saving(bytes(10_000)) > 99
    assert saving(os.urandom(10_000)) < 0


@pytest.mark.parametrize(
    ("name", "p"),
    [
        ("monobit", 0.109599),
        ("runs", 0.500798),
        ("dft", 0.646355),
        ("cumulative sums", 0.219194),
    ],
)
def test_the_battery_gives_the_standards_own_examples(name, p):
    """SP 800-22 rev. 1a, sections 2.1.8, 2.3.8, 2.6.8, 2.13.8: the first 100 bits of pi."""
    functions = pytest.importorskip("nistrng.functions")
    bits = f"{0xC90FDAA22168C234C4C6628B80:0104b}"[:100]
    result, _ = functions.SP800_22R1A_BATTERY[name].run(np.array([int(b) for b in bits]))
    assert statistics._first(result) == pytest.approx(p, abs=1e-6)


def test_random_bits_pass_the_battery_and_biased_ones_fail():
    pytest.importorskip("nistrng")
    rng = np.random.default_rng(5)
    fair = rng.integers(0, 2, (4, statistics.LENGTH), dtype=np.uint8)
    kept = fair.copy()
    values = np.array([list(statistics.p_values(bits).values()) for bits in fair])
    assert (fair == kept).all()
    assert (values < statistics.ALPHA).sum() <= 3
    biased = (rng.random(statistics.LENGTH) < 0.52).astype(np.uint8)
    found = statistics.p_values(biased)
    for name in ("monobit", "cumulative sums", "chi-square of bytes"):
        assert found[name] < 1e-4, name
    sticky = np.cumsum(rng.random(statistics.LENGTH) < 0.48).astype(np.uint8) % 2
    found = statistics.p_values(sticky)
    for name in ("runs", "chi-square of bytes"):
        assert found[name] < 1e-2, name


@pytest.mark.slow
def test_every_test_kept_has_uniform_p_values_on_random_bits():
    """Loose bounds: a mean far from a half tells a test that always passes or always fails."""
    pytest.importorskip("nistrng")
    rng = np.random.default_rng(6)
    rows = [
        list(statistics.p_values(rng.integers(0, 2, statistics.LENGTH, dtype=np.uint8)).values())
        for _ in range(24)
    ]
    means = np.mean(rows, axis=0)
    assert ((means > 0.2) & (means < 0.8)).all()


def test_principal_components_are_those_of_scikit_learn():
    decomposition = pytest.importorskip("sklearn.decomposition")
    features = np.random.default_rng(0).normal(size=(20, 7)) @ np.diag(range(1, 8))
    ours = neighbours.principal_components(features, 3)
    reference = decomposition.PCA(3).fit_transform(features)
    assert np.allclose(np.abs(ours), np.abs(reference))


def test_pairs_of_a_planted_cluster_are_closest():
    points = np.array([0.0, 0.1, 5.0, 5.2, 9.0])
    distances = np.abs(np.subtract.outer(points, points))
    pairs = neighbours.Pairs.of(distances, np.array([0, 0, 1, 1, 2]))
    assert pairs.auc(np.arange(5)) == 1
    assert pairs.auc(np.array([0, 0, 1, 2, 4])) == 1  # a file drawn twice is no pair
    assert np.isnan(pairs.auc(np.array([0, 2, 4])))


@pytest.mark.parametrize("values", [8, 2**30], ids=["ties", "no ties"])
def test_pairs_of_a_resample_have_the_area_of_the_pairs_drawn_one_by_one(values):
    rng = np.random.default_rng(2)
    distances = rng.integers(0, values, (9, 9))
    distances = (distances + distances.T).astype(float)
    group, patients = rng.integers(0, 2, 9), np.arange(9) // 2
    drawn = rng.integers(0, 9, 9)
    couples = [(a, b) for a, b in zip(*np.triu_indices(9, 1), strict=True)]
    couples = [(drawn[a], drawn[b]) for a, b in couples]
    couples = [(a, b) for a, b in couples if patients[a] != patients[b]]
    alike = [group[a] == group[b] for a, b in couples]
    apart = [-distances[a, b] for a, b in couples]
    area = neighbours.Pairs.of(distances, group, patients).auc(drawn)
    assert area == pytest.approx(auc(alike, apart))


def test_planted_hashes_and_negatives_are_found(files):
    labels = np.array([int(case.labels["finding"] == "sick") for case in files["codes"].cases])
    found = [
        *_neighbours(neighbours.with_negatives(files["codes"], labels), labels, "pictures")[1:],
        *_neighbours(
            neighbours.with_hashes(files["keystream"], "patient", files["keystream"].patients),
            labels,
            "payloads",
        )[:1],
        *_neighbours(
            neighbours.with_hashes(files["keystream"], "class", labels), labels, "payloads"
        )[1:],
    ]
    assert [result.metric for result in found] == [
        "AUC, same class, by pictures",
        "AUC, same patient, by payloads",
        "AUC, same class, by payloads",
    ]
    assert [result.verdict for result in found] == ["succeeds"] * 3


def _neighbours(files, labels, view):
    return list(neighbours.neighbours(files, labels, (view,)))


def test_neighbours_answer_for_patients_and_classes(files):
    labels = np.array([int(case.labels["finding"] == "sick") for case in files["codes"].cases])
    results = list(neighbours.neighbours(files["codes"], labels))
    assert [result.metric for result in results] == [
        "AUC, same patient, by pictures",
        "AUC, same class, by pictures",
        "AUC, same patient, by payloads",
        "AUC, same class, by payloads",
    ]
    sealed = list(neighbours.neighbours(files["keystream"], labels))
    assert all(result.score.low <= 0.6 for result in sealed)


def test_pictures_of_one_kind_are_neighbours_unless_they_are_sealed():
    rng = np.random.default_rng(1)
    originals = [
        np.clip(kind((64, 64)) * 0.8 + rng.normal(20, 5, (64, 64)), 0, 255).astype(np.uint8)
        for _ in range(5)
        for kind in (edge, ramp)
    ]
    cases = tuple(Case(f"{n}", Path(f"{n}"), f"p{n}", "test") for n in range(len(originals)))
    verdicts = {}
    for target in (RawCodes(1.5), Keystream(1.5)):
        published = tuple(target.publish(pixels, 0) for pixels in originals)
        results = neighbours.neighbours(
            Files(target.name, cases, published), np.arange(len(cases)) % 2
        )
        verdicts[target.name] = next(results).score
    assert verdicts["codes"].low > 0.9
    assert verdicts["keystream"].low < 0.7


def test_a_key_known_but_for_a_few_bits_is_found_and_a_whole_one_is_not(files):
    whole, planted = search.key_search(files["keystream"].first(4))
    assert (whole.score.value, planted.score.value) == (0, 1)
    assert (whole.verdict, planted.verdict) == ("at the floor", "succeeds")
    assert whole.score.high == pytest.approx(1 - 0.005**0.25)  # Clopper and Pearson


def test_the_key_that_is_searched_opens_the_file(files):
    file = files["keystream"].published[0]
    assert search._opens(file, file.key)
    assert not search._opens(replace(file, header=b"other"), file.key)


def test_the_prior_tells_noise_from_true_values_if_coarse_scales_are_open():
    published = tuple(RawCodes(1.5).publish(_boxes(seed), 0) for seed in range(8))
    cases = tuple(Case(f"{n}", Path(f"{n}"), f"p{n}", "test") for n in range(8))
    clear = Files("codes", cases, published)
    planted = Files(search.PLANTED, cases, search._coarse_open(clear))
    found = [search.Found.of(planted, index) for index in range(8)]
    result = next(search.support_search(planted, found))
    assert result.verdict == "succeeds"
    assert result.score.high <= 1


def _boxes(seed: int) -> np.ndarray:
    """A picture of rectangles, which has few and sharp edges."""
    rng = np.random.default_rng(seed)
    pixels = np.full((64, 64), 60.0)
    for _ in range(6):
        (top, left), (rows, columns) = rng.integers(0, 48, 2), rng.integers(8, 32, 2)
        pixels[top : top + rows, left : left + columns] += rng.uniform(-60, 80)
    return pixels.clip(0, 255).astype(np.uint8)


def test_where_all_or_nothing_is_true_the_search_tells_nothing(files):
    clear = files["codes"].first(8)
    assert search.Found.of(clear, 0).told(clear.published[0]) == 0.5


def test_smooth_pictures_with_sharp_edges_are_more_plausible_than_noise():
    edge = np.repeat([[0, 200]], 8, axis=0).repeat(4, axis=1).astype(np.float32)
    noise = np.random.default_rng(0).uniform(0, 200, (8, 8)).astype(np.float32)
    assert search.plausibility(edge).sum() > search.plausibility(noise).sum()
    dot = np.zeros((3, 3), np.float32)
    dot[1, 1] = 4
    assert (search.plausibility(dot) == [[0, -2, 0], [-2, -8, -2], [0, -2, 0]]).all()


def test_a_support_as_others_have_it_is_less_surprising_than_another():
    """By hand: 3 of 4 others have position 0, 1 has the rest; with the mean added once."""
    files = _with_supports([[1, 0, 0, 0]] * 3 + [[0, 1, 1, 1], [1, 0, 0, 0]])
    mean = 6 / 16
    often = (3 + mean) / 5, (1 + mean) / 5
    expected = -np.log2(often[0]) - 3 * np.log2(1 - often[1])
    assert exhaustion.surprisal(files, 4) == pytest.approx(expected)
    assert exhaustion.surprisal(files, 3) > exhaustion.surprisal(files, 4)


def test_a_support_among_noise_that_sticks_out_surprises_nobody(files):
    noisy = files["separable noise"]
    bits = [exhaustion.surprisal(noisy, index) for index in range(len(noisy.cases))]
    assert np.median(bits) < 1


def test_exhaustion_is_hopeless_but_for_nothing_or_a_short_key(files):
    assert next(exhaustion.exhaustion(files["codes"])).score.value == 1
    assert next(exhaustion.exhaustion(files["separable noise"])).verdict == "succeeds"
    assert next(exhaustion.exhaustion(files["ambiguation 100 %"])).score.value == 0
    whole, planted = exhaustion.exhaustion(files["keystream"])
    assert (whole.score.value, planted.score.value) == (0, 1)
    assert "10^52 years" in whole.notes


def _with_supports(supports: list[list[int]]) -> Files:
    """Files with noise everywhere and such true values at the finest scale, nothing else known."""
    template = RawCodes(1.5).publish(ramp((64, 64)), 0)
    published = []
    for support in supports:
        true = np.array(support, dtype=np.int32).reshape(1, 2, 2)
        values = (true, *(np.zeros((1, 1, 1), np.int32) for _ in range(2)))
        bands = (np.ones_like(true), *values[1:])
        published.append(
            replace(template, bands=bands, truth=replace(template.truth, values=values))
        )
    cases = tuple(Case(f"{n}", Path(f"{n}"), f"p{n}", "test") for n in range(len(supports)))
    return Files("ambiguation 100 %", cases, tuple(published))
