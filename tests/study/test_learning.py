from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="networks need the extra primis[evaluate]")

from torch.nn.functional import binary_cross_entropy_with_logits as bce  # noqa: E402
from torch.nn.functional import mse_loss  # noqa: E402

from primis.errors import InputError  # noqa: E402
from primis.study.learning import (  # noqa: E402
    Classifier,
    RandomView,
    UNet,
    fit,
    predict,
    trained,
)
from primis.study.statistics import auc  # noqa: E402


def discs(count, seed):
    """Noise, half of it with a bright disc somewhere."""
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(count, 1, 32, 32)).astype(np.float32)
    labels = (np.arange(count) % 2).astype(np.float32)
    rows, columns = np.mgrid[:32, :32]
    for image, label in zip(images, labels, strict=True):
        row, column = rng.integers(8, 24, 2)
        image[0] += 2 * label * ((rows - row) ** 2 + (columns - column) ** 2 < 25)
    return images, labels


def small():
    return Classifier(width=8, stages=2, stem=1)


def seeded(model_seed=0):
    torch.manual_seed(model_seed)
    return small()


def test_a_classifier_learns_what_can_be_learned():
    x, y = discs(256, 0)
    test_x, test_y = discs(100, 1)
    model = seeded()
    fit(model, x, y, bce, epochs=5, seed=0)
    assert auc(test_y, predict(model, test_x)) > 0.95


def test_equal_seeds_give_equal_networks():
    x, y = discs(64, 0)
    outputs = []
    for seed in (1, 1, 2):
        model = seeded()
        fit(model, x, y, bce, epochs=1, seed=seed, augment=RandomView())
        outputs.append(predict(model, x))
    assert (outputs[0] == outputs[1]).all()
    assert (outputs[0] != outputs[2]).any()


def test_training_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    fit(seeded_outside(), *discs(32, 0), bce, epochs=1, seed=0)
    assert torch.rand(1) == expected


def seeded_outside():
    with torch.random.fork_rng():
        return small()


def test_the_weights_that_validate_best_are_kept():
    x, y = discs(64, 0)
    scores = iter([0.3, 0.9, 0.5, 0.4, 0.2])
    seen = []

    def validate(model):
        seen.append(predict(model, x[:4]))
        return next(scores)

    model = seeded()
    fit(model, x, y, bce, epochs=5, seed=0, validate=validate, patience=2)
    assert len(seen) == 4
    assert (predict(model, x[:4]) == seen[1]).all()


@pytest.mark.parametrize("shape", [(32, 32), (45, 61), (128, 96)])
def test_networks_take_inputs_of_any_size(shape):
    x = torch.rand(2, 3, *shape)
    assert Classifier(channels=3).eval()(x).shape == (2,)
    assert Classifier(4, channels=3).eval()(x).shape == (2, 4)
    assert UNet(3, 2, width=4).eval()(x).shape == (2, 2, *shape)


def test_a_unet_learns_to_sharpen():
    rng = np.random.default_rng(0)
    sharp = (rng.random((64, 1, 32, 32)) < 0.1).astype(np.float32)
    blurred = sum(np.roll(sharp, shift, 3) for shift in (-1, 0, 1)) / 3
    torch.manual_seed(0)
    model = UNet(width=8, depth=2)
    fit(model, blurred, sharp, mse_loss, epochs=6, seed=0, batch=8)
    assert np.mean((predict(model, blurred) - sharp) ** 2) < np.mean((blurred - sharp) ** 2) / 2


def test_maps_move_with_their_images():
    mask = torch.zeros(8, 1, 40, 64, dtype=torch.uint8)
    mask[:, :, 10:30, 20:40] = 3
    images, masks = RandomView(20, 0.2, 0.1, 0, flip=True)(
        mask.float(), mask, torch.Generator().manual_seed(0)
    )
    assert masks.dtype == torch.uint8
    assert (masks != mask).any()
    assert ((images > 1.5) == (masks == 3)).float().mean() > 0.98


def test_a_rotated_square_stays_a_square_in_images_that_are_not():
    image = torch.zeros(1, 1, 64, 160)
    image[:, :, 22:42, 70:90] = 1
    for seed in range(5):
        turned, _ = RandomView(40, 0, 0, 0)(
            image, torch.zeros(1), torch.Generator().manual_seed(seed)
        )
        assert turned.sum() == pytest.approx(400, rel=0.02)


def test_a_trained_network_comes_from_the_cache(tmp_path):
    x, y = discs(32, 0)
    settings = {"seed": 3, "data": "discs"}
    first = trained(tmp_path, settings, small, lambda m: fit(m, x, y, bce, epochs=1, seed=3))
    again = trained(tmp_path, settings, small, pytest.fail)
    assert (predict(first, x) == predict(again, x)).all()
    (path,) = (tmp_path / "networks").iterdir()
    path.write_bytes(b"damaged")
    with pytest.raises(InputError, match="damaged"):
        trained(tmp_path, settings, small, pytest.fail)
