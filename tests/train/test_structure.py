"""MS-SSIM in training is that of evaluation, and pulls the gradient its way."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra primis[train]")

from primis.evaluate import ms_ssim as evaluated  # noqa: E402
from primis.train.objective import TrainedAutoEncoder, blended  # noqa: E402
from primis.train.structure import ms_ssim  # noqa: E402
from tests.pictures import textured  # noqa: E402


@pytest.mark.parametrize("noise", [1.0, 8.0])
def test_it_is_that_of_evaluation(noise):
    rng = np.random.default_rng(0)
    pictures = np.stack([textured((200, 240), seed=seed) for seed in range(2)]).astype(np.float32)
    other = (pictures + rng.normal(0, noise, pictures.shape)).astype(np.float32)
    found = ms_ssim(torch.from_numpy(pictures)[:, None], torch.from_numpy(other)[:, None])
    expected = [evaluated(*pair, 255) for pair in zip(pictures, other, strict=True)]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert found.max() < 0.9999


def test_small_pictures_are_compared_at_the_scales_that_they_have():
    picture = torch.from_numpy(textured((64, 70)).astype(np.float32))[None, None]
    assert ms_ssim(picture, picture).item() == pytest.approx(1)
    assert 0 < ms_ssim(picture, picture + 20 * torch.randn(picture.shape)).item() < 0.99


def test_a_share_of_the_gradient_is_that_of_the_other_measure():
    error, unlike = (torch.tensor([value], requires_grad=True) for value in (2.0, 0.5))
    value = blended(error, unlike, 0.25)
    assert value.item() == 2.0
    value.backward()
    # A percent less of either: 1.5 of 2 is three quarters, 1 of 0.5 one quarter of the whole.
    assert error.grad.item() * error.item() == pytest.approx(0.75 * 2)
    assert unlike.grad.item() * unlike.item() == pytest.approx(0.25 * 2)


def test_the_objective_reports_it_only_if_it_counts():
    image = torch.from_numpy(textured((64, 128)).astype(np.float32))[None, None]
    inputs = image, torch.full((1, 1, 1, 1), 20.0), torch.tensor([30])
    torch.manual_seed(0)
    with torch.no_grad():
        without, with_it = (TrainedAutoEncoder(16, share)(*inputs) for share in (0.0, 0.3))
    assert without.unlike.item() == 0
    assert 0 < with_it.unlike.item() < 0.5
