"""A few steps of training, and the way from weights to a bundle that codes images."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.pictures import black, psnr, smooth, textured

torch = pytest.importorskip("torch", reason="training needs the extra primis[train]")

from primis.codec.bundle import ModelBundle  # noqa: E402
from primis.codec.codec import Codec  # noqa: E402
from primis.codec.layout import Layout  # noqa: E402
from primis.codec.networks import Networks  # noqa: E402
from primis.codec.rim import darken  # noqa: E402
from primis.errors import InputError, PrimisError, UsageError  # noqa: E402
from primis.train.bundle import golden_image  # noqa: E402
from primis.train.data import load_split, random_crops, without_rim  # noqa: E402
from primis.train.entropy import EntropyNetworks, train_entropy  # noqa: E402
from primis.train.loop import TrainConfig, train_autoencoder  # noqa: E402
from primis.train.networks import AutoEncoder, Transform  # noqa: E402
from primis.train.pipeline import read_recipe  # noqa: E402

ONE_STEP = 1e-3  # more than a weight moves in one step of so short a training


def config(steps: int) -> TrainConfig:
    return TrainConfig(steps=steps, batch=2, crop=64)


def curve(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "curve.jsonl").read_text().splitlines()]


def test_training_moves_the_weights_and_goes_on_where_it_stopped(picture_folder, tmp_path):
    train = load_split(picture_folder, "train")
    validation = load_split(picture_folder, "val")
    assert (len(train), len(validation)) == (3, 1)
    train_autoencoder(config(3), train, validation, tmp_path, accelerator="cpu")
    first = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    trained = train_autoencoder(config(5), train, validation, tmp_path, accelerator="cpu")
    second = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert (first["step"], second["step"]) == (3, 5)
    assert [record["step"] for record in curve(tmp_path)] == [3, 5]
    assert all(np.isfinite(list(record.values())).all() for record in curve(tmp_path))
    fresh = AutoEncoder().state_dict()
    moved = [
        float((second["model"][f"codec.{name}"] - weights).abs().max())
        for name, weights in fresh.items()
        if name.endswith("taps")
    ]
    assert all(0 < distance < ONE_STEP for distance in moved)
    again = train_autoencoder(config(5), train, validation, tmp_path, accelerator="cpu")
    for name, weights in trained.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], weights)
    assert len(curve(tmp_path)) == 2


def test_a_run_can_start_from_the_weights_of_another(picture_folder, tmp_path):
    train, validation = (load_split(picture_folder, split) for split in ("train", "val"))
    train_autoencoder(config(4), train, validation, tmp_path / "first", accelerator="cpu")
    first = torch.load(tmp_path / "first" / "checkpoint.pt", weights_only=True)["average"]
    second = replace(config(1), start=str(tmp_path / "first" / "checkpoint.pt"))
    trained = train_autoencoder(second, train, validation, tmp_path / "second", accelerator="cpu")
    codec = trained.codec
    name = "scales.0.along_rows.taps"
    moved = (codec.state_dict()[name] - first[f"module.codec.{name}"]).abs().max()
    untrained = (AutoEncoder().state_dict()[name] - first[f"module.codec.{name}"]).abs().max()
    assert moved < untrained


@pytest.mark.parametrize("content", [None, b"", b"not a checkpoint"])
def test_a_start_that_is_no_checkpoint_is_refused_before_training(
    picture_folder, tmp_path, content
):
    if content is not None:
        (tmp_path / "other.pt").write_bytes(content)
    train, validation = (load_split(picture_folder, split) for split in ("train", "val"))
    broken = replace(config(1), start=str(tmp_path / "other.pt"))
    with pytest.raises(InputError, match="not a checkpoint to start from"):
        train_autoencoder(broken, train, validation, tmp_path / "run", accelerator="cpu")
    assert not (tmp_path / "run").exists()


def test_a_black_validation_image_gives_finite_scores(picture_folder, tmp_path):
    train = load_split(picture_folder, "train")
    train_autoencoder(config(1), train, [black((64, 70))], tmp_path, accelerator="cpu")
    assert np.isfinite(list(curve(tmp_path)[0].values())).all()


@pytest.mark.parametrize("shape", [(63, 200), (200, 63)])
def test_a_small_validation_image_is_refused_before_training(picture_folder, tmp_path, shape):
    train = load_split(picture_folder, "train")
    with pytest.raises(InputError, match=f"{shape[0]} x {shape[1]} pixels, less than 64"):
        train_autoencoder(config(1), train, [black(shape)], tmp_path / "run", accelerator="cpu")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_an_exported_bundle_loads_and_codes_an_image(bundle):
    assert bundle.name == "tiny-1"
    assert ModelBundle.load(bundle.folder).digest == bundle.digest
    codec = Codec(bundle, threads=1)
    pixels = smooth((75, 66))
    bodies = codec.pack(codec.encode(pixels, 1000), [102, 400, 500])
    assert psnr(codec.decode(codec.unpack((75, 66), bodies), 8), pixels) > 30


@pytest.mark.slow
def test_a_bundle_carries_an_example_that_every_runtime_must_reproduce(bundle):
    golden = json.loads((bundle.folder / "golden.json").read_text())
    codec = Codec(bundle, threads=1)
    shape = (golden["rows"], golden["columns"])
    bodies = [bytes.fromhex(body) for body in golden["bodies"]]
    pixels = codec.decode(codec.unpack(shape, bodies), 8)
    expected = np.frombuffer(bytes.fromhex(golden["pixels"]), dtype=np.uint8).reshape(shape)
    assert np.abs(pixels.astype(int) - expected).max() <= 1
    assert psnr(pixels, golden_image()) > 25


@pytest.mark.slow
@pytest.mark.parametrize("plain", [False, True])
def test_exported_networks_give_what_the_weights_give(bundle, model, plain):
    transform = Transform(width=0) if plain else model.codec
    pixels = smooth((96, 160)).astype(np.float32)
    networks = Networks(bundle.folder, threads=1)
    details, smooth_band = networks.analyse(pixels, Layout(96, 160), plain=plain)
    back = networks.synthesise(details, smooth_band, Layout(96, 160), plain=plain)
    np.testing.assert_allclose(back, pixels, atol=1e-2)
    with torch.no_grad():
        ll, bands = torch.from_numpy(pixels)[None, None], []
        for scale in range(len(details)):
            ll, band = transform.scale(scale).analyse(ll)
            bands.append(band[0].numpy())
    for one, other in zip(details, bands, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=0.1)  # its weights are float16
    np.testing.assert_allclose(smooth_band, ll[0].numpy(), rtol=1e-4)


@pytest.mark.slow
def test_exported_selectors_decide_as_the_weights_do(bundle, selective):
    image = textured((192, 256), seed=3).astype(np.float32)
    networks = Networks(bundle.folder, threads=1)
    details, _ = networks.analyse(image, Layout(192, 256))
    chosen = networks.sparsify([bands / np.float32(9) for bands in details])
    bands = [torch.from_numpy(bands)[None] for bands in details]
    with torch.no_grad():
        expected = selective.sparsify(bands, torch.full((1, 1, 1, 1), 9.0))
        shifted = selective.shifted(bands, torch.full((1, 1, 1, 1), 9.0))
    for one, other in zip(chosen, expected, strict=True):  # their weights are float16
        assert (np.trunc(one) == torch.trunc(other[0]).numpy()).mean() > 0.99
    moved = [
        torch.trunc(a) != torch.trunc(b.shifted) for a, b in zip(expected, shifted, strict=True)
    ]
    assert all(scale.any() for scale in moved[1:4])


def test_entropy_training_learns(picture_folder):
    torch.manual_seed(1)
    pictures = load_split(picture_folder, "train")
    fresh = EntropyNetworks(16).state_dict()
    trained = train_entropy(AutoEncoder(), pictures, steps=2, width=16).state_dict()
    for name in ("context.classes.0.out.bias", "signs.bias"):
        assert not torch.equal(fresh[name], trained[name])


def test_a_step_of_a_frozen_encoder_may_teach_nothing(picture_folder, tmp_path):
    train, validation = (load_split(picture_folder, split) for split in ("train", "val"))
    frozen = replace(config(6), freeze_encoder=True, plain=1.0)
    codec = train_autoencoder(frozen, train, validation, tmp_path, accelerator="cpu").codec
    for name, weights in AutoEncoder().scales.state_dict().items():
        if name.endswith("taps"):
            torch.testing.assert_close(codec.scales.state_dict()[name], weights)


def test_crops_have_the_size_and_range_that_training_expects(picture_folder):
    pictures = load_split(picture_folder, "train")
    generator = torch.Generator().manual_seed(0)
    crops = random_crops(pictures, 12, 64, generator)
    assert crops.shape == (12, 1, 64, 64)
    assert crops.min() >= 0
    assert crops.max() <= 1.6 * 255
    again = random_crops(pictures, 12, 64, torch.Generator().manual_seed(0))
    torch.testing.assert_close(crops, again)


def test_a_folder_without_an_index_is_split_by_its_folders(picture_folder, tmp_path):
    content = (picture_folder / "0.png").read_bytes()
    for number in range(40):
        patient = tmp_path / f"patient-{number}"
        patient.mkdir()
        (patient / "a.png").write_bytes(content)
        (patient / "b.png").write_bytes(content)
    (tmp_path / "patient-0" / "notes.txt").write_text("not an image")
    counts = [len(load_split(tmp_path, split)) for split in ("train", "val", "test")]
    assert sum(counts) == 80
    assert all(count % 2 == 0 for count in counts)  # both pictures of a patient
    assert counts[0] > counts[1] + counts[2]


def test_a_split_without_images_is_an_error(picture_folder, tmp_path):
    with pytest.raises(InputError, match="no images in the split test"):
        load_split(picture_folder, "test")
    with pytest.raises(InputError):
        load_split(tmp_path, "train")


RECIPE = """
name = "tiny-1"
data = "pictures"
[autoencoder]
steps = 7
[entropy]
steps = 9
[facts]
licence = "Apache-2.0"
"""


def test_a_recipe_is_read(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE)
    recipe = read_recipe(path)
    assert recipe.name == "tiny-1"
    assert recipe.data == tmp_path / "pictures"
    assert recipe.autoencoder == TrainConfig(steps=7)
    assert recipe.entropy_steps == 9
    assert recipe.selection_crops == ()
    assert recipe.facts == {"licence": "Apache-2.0"}


def test_a_recipe_tells_of_how_many_crops_selectors_learn(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE + "[selection]\ncrops = [11, 5]\nepochs = 3\n")
    recipe = read_recipe(path)
    assert (recipe.selection_crops, recipe.selection_epochs) == ((11, 5), 3)


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("steps = 7", "step = 7", UsageError),
        ('name = "tiny-1"', "", UsageError),
        ("[entropy]\nsteps = 9", "", UsageError),
        ("[facts]", "[selection]\ncrops = [4, 0]\n[facts]", UsageError),
        ('name = "tiny-1"', "name =", InputError),
    ],
)
def test_a_recipe_with_a_mistake_is_refused(tmp_path, old, new, error):
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE.replace(old, new))
    with pytest.raises(error):
        read_recipe(path)


def test_a_missing_recipe_is_an_error_of_ours(tmp_path):
    with pytest.raises(PrimisError):
        read_recipe(tmp_path / "absent.toml")


def test_rims_are_undone_in_the_unit_of_the_pictures():
    whole = (0.5 * smooth((64, 70)) + 100).astype(np.float32)
    dark = np.rint(darken(whole, (0.8, 1.04, 0.99), 15)).astype(np.uint8)
    (even,) = without_rim([dark], (0.8, 1.04, 0.99))
    assert even.dtype == np.uint8
    assert np.abs(even - whole).max() < 1.5
