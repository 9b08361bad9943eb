"""Training that goes on from a model bundle."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="training needs the extra primis[train]")

from primis.errors import InputError  # noqa: E402
from primis.train.data import load_split  # noqa: E402
from primis.train.loop import TrainConfig, train_autoencoder  # noqa: E402
from primis.train.objective import TrainedAutoEncoder  # noqa: E402
from primis.train.start import first_weights  # noqa: E402


@pytest.mark.slow
@torch.no_grad()
def test_a_bundle_gives_back_what_was_exported(model, bundle):
    other = TrainedAutoEncoder().eval()
    other.load_state_dict(first_weights(bundle.folder))  # every weight, and no others
    image = torch.rand(1, 1, 128, 192) * 255
    inputs = image, torch.full((1, 1, 1, 1), 9.0), torch.tensor([20])
    costs = [net(*inputs) for net in (model, other, TrainedAutoEncoder().eval())]
    for one, two, fresh in ([cost.distortion for cost in costs], [cost.bits for cost in costs]):
        torch.testing.assert_close(two, one, rtol=0.002, atol=0)
        assert abs(fresh - one) > 0.01 * one
    for name in ("along_rows", "along_columns"):
        one, two = (getattr(codec.scale(1), name) for codec in (model.codec, other.codec))
        torch.testing.assert_close(two.taps, one.taps)
        torch.testing.assert_close(two.log_gain, one.log_gain)


@pytest.mark.slow
def test_a_frozen_encoder_starts_as_the_wavelet_and_the_rest_as_the_bundle(
    bundle, picture_folder, tmp_path
):
    train, validation = (load_split(picture_folder, split) for split in ("train", "val"))
    config = TrainConfig(steps=1, batch=1, crop=64, start=str(bundle.folder), freeze_encoder=True)
    codec = train_autoencoder(config, train, validation, tmp_path, accelerator="cpu").codec
    untrained, exported = TrainedAutoEncoder().codec, first_weights(bundle.folder)
    for name in ("scales.0.along_rows.taps", "scales.2.along_columns.log_gain"):
        torch.testing.assert_close(codec.state_dict()[name], untrained.state_dict()[name])
    shift = codec.sparsifiers[0](torch.randn(1, 3, 8, 8), torch.zeros(1, 3, 8, 8))
    assert not shift.any()
    name = "restorer.entry.weight"
    torch.testing.assert_close(
        codec.state_dict()[name], exported[f"codec.{name}"], rtol=0, atol=1e-3
    )


@pytest.mark.slow
def test_context_networks_of_another_width_are_refused(bundle, picture_folder, tmp_path):
    train, validation = (load_split(picture_folder, split) for split in ("train", "val"))
    start = str(bundle.folder)
    config = TrainConfig(steps=1, batch=1, crop=64, start=start, context_width=16)
    with pytest.raises(InputError, match="do not fit"):
        train_autoencoder(config, train, validation, tmp_path / "run", accelerator="cpu")


@pytest.mark.parametrize("content", [None, b"", b"not a network"])
def test_a_folder_that_is_no_bundle_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "restore.onnx").write_bytes(content)
    with pytest.raises(InputError, match="not a model bundle to start from"):
        first_weights(tmp_path)
