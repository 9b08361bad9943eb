import math
import os
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
from primis.attacks.unsupervised.files import Files, cleaned, publish
from primis.attacks.unsupervised.magnitude import magnitude
from primis.study.dataset import Case
from tests.pictures import edge, ramp

SETTINGS = Settings(side=64, rate=1.5, images=12)
TARGETS = {
    target.name: target
    for target in (RawCodes(1.5), SeparableNoise(1.5), Ambiguation(1.0, 1.5), Keystream(1.5))
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return made_dataset(tmp_path_factory.mktemp("made") / "images", 8)


@pytest.fixture(scope="module")
def files(dataset):
    return {name: publish(dataset, target, SETTINGS) for name, target in TARGETS.items()}


def test_magnitudes_separate_noise_that_sticks_out_and_no_other(files):
    scores = {name: next(magnitude(some)) for name, some in files.items()}
    assert scores["codes"].score.value == 1
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
        correlation = list(decoding(files[name]))[1]
        assert correlation.metric == "correlation of pixels"
        assert (correlation.score.low > 0.3) is succeeds, name


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
    patients = np.array([0, 0, 1, 1, 2])
    everyone = np.arange(5)
    assert neighbours._pair_auc(everyone, distances, patients, patients, False) == 1
    twice = np.array([0, 0, 1, 2, 4])  # a file drawn twice is no pair
    assert neighbours._pair_auc(twice, distances, patients, patients, False) == 1


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
    few = files["keystream"]
    few = Files(few.target, few.cases[:2], few.published[:2])
    whole, planted = search.key_search(few)
    assert (whole.score.value, planted.score.value) == (0, 1)
    assert (whole.verdict, planted.verdict) == ("at the floor", "succeeds")


def test_the_prior_tells_noise_from_true_values_when_all_else_is_known(files):
    clear = files["codes"]
    noisy = tuple(search._with_unknowns(p, n) for n, p in enumerate(clear.published[:4]))
    result = next(search.support_search(Files(search.PLANTED, clear.cases[:4], noisy)))
    assert result.score.value > 0.6


def test_smooth_pictures_with_sharp_edges_are_more_plausible_than_noise():
    edge = np.repeat([[0, 200]], 8, axis=0).repeat(4, axis=1).astype(np.uint8)
    noise = np.random.default_rng(0).integers(0, 200, (8, 8), dtype=np.uint8)
    assert search.plausibility(edge) > search.plausibility(noise)


def test_the_number_of_supports_is_a_binomial_coefficient():
    assert exhaustion._log2_choices(10, 3) == pytest.approx(math.log2(math.comb(10, 3)))


def test_exhaustion_is_hopeless_but_for_nothing_or_a_short_key(files):
    assert next(exhaustion.exhaustion(files["codes"])).score.value == 1
    whole, planted = exhaustion.exhaustion(files["keystream"])
    assert (whole.score.value, planted.score.value) == (0, 1)
    assert "10^52 years" in whole.notes
