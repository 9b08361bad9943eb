from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="training needs the extra primis[train]")

from primis.codec import layout  # noqa: E402
from primis.train import networks  # noqa: E402
from primis.train.lifting import Scale  # noqa: E402
from primis.train.networks import AutoEncoder, Restorer, Sparsifier  # noqa: E402
from primis.train.objective import PASSES, dequantise, half_known  # noqa: E402


def disturbed(module: torch.nn.Module, strength: float = 0.1) -> torch.nn.Module:
    """The module with noise on every weight."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += strength * torch.randn_like(parameter)
    return module


def images(rows: int = 64, columns: int = 96) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return 255 * torch.rand(2, 1, rows, columns, generator=generator)


@torch.no_grad()
def test_a_scale_is_undone_exactly_whatever_its_weights():
    scale = disturbed(Scale()).double()
    x = images().double()
    torch.testing.assert_close(scale.synthesise(*scale.analyse(x)), x, rtol=0, atol=1e-9)


@torch.no_grad()
def test_all_scales_are_undone_exactly_whatever_their_weights():
    codec = disturbed(AutoEncoder(), 0.02).double()
    x = images(128, 192).double()
    torch.testing.assert_close(codec.synthesise(*codec.analyse(x)), x, rtol=0, atol=1e-6)


@torch.no_grad()
def test_a_scale_starts_near_orthonormal():
    x = images()
    smooth, details = Scale().analyse(x)
    assert smooth.shape == (2, 1, 32, 48)
    assert details.shape == (2, 3, 32, 48)
    energy = smooth.square().sum() + details.square().sum()
    assert abs(energy / x.square().sum() - 1) < 0.05


@torch.no_grad()
def test_a_scale_starts_with_no_detail_in_a_cubic_surface():
    rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(96.0), indexing="ij")
    surface = (rows / 64) ** 3 + (columns / 96) ** 2 * rows / 64 + columns / 96
    smooth, details = Scale().double().analyse(surface.double()[None, None])
    assert details[..., 4:-4, 4:-4].abs().max() < 1e-6
    centre = smooth[..., 4:-4, 4:-4] / surface[::2, ::2][4:-4, 4:-4]
    torch.testing.assert_close(centre, torch.full_like(centre, 2.0), rtol=0, atol=0.05)


@torch.no_grad()
def test_a_scale_commutes_with_contrast():
    scale = disturbed(Scale()).double()
    x = images().double()
    for one, three in zip(scale.analyse(x), scale.analyse(3 * x), strict=True):
        torch.testing.assert_close(3 * one, three)


@torch.no_grad()
def test_prediction_of_details_ignores_brightness():
    predict = disturbed(Scale().predict).double()
    x = images().double()
    torch.testing.assert_close(predict(x), predict(x + 1000))


@torch.no_grad()
def test_a_sparsifier_moves_by_less_than_a_step_and_starts_at_rest():
    bands, parents = (torch.randn(1, 3, 16, 16) * 50 for _ in range(2))
    assert not Sparsifier()(bands, parents).any()
    moved = disturbed(Sparsifier(), 1.0)(bands, parents).abs().max()
    assert 0.5 < moved <= 1


@torch.no_grad()
def test_a_restorer_moves_by_a_bounded_number_of_steps_and_starts_at_rest():
    inputs = [images(32, 48)[:1]]
    inputs += [torch.randn(1, 3, 32 // n, 48 // n) * 9 for n in (2, 4)]
    inputs += [torch.zeros(1, 3, 32 // n, 48 // n) for n in (2, 4)]
    assert not Restorer()(*inputs).any()
    assert disturbed(Restorer(), 1.0)(*inputs).abs().max() <= Restorer.LIMIT


def test_dequantisation_puts_values_in_the_middle_of_their_cells():
    values = torch.tensor([0.0, 0.9, -0.9, 1.2, -1.2, 3.7])
    torch.testing.assert_close(
        dequantise(values, torch.zeros(6)), torch.tensor([0.0, 0.0, 0.0, 1.5, -1.5, 3.5])
    )
    torch.testing.assert_close(
        dequantise(values, torch.ones(6)), torch.tensor([0.0, 0.0, 0.0, 0.0, 0.0, 3.0])
    )


def test_training_and_coding_visit_cells_in_the_same_order():
    assert networks.PHASES == layout.PHASES
    codes = [torch.full((1, 3, side, side), 1.9) for side in (32, 16, 8, 4, 2, 1)]
    codes[0][..., :2, :2] = -2
    fine = half_known(codes, torch.tensor([4 * networks.SCALES - 3]))[0]
    assert fine[..., :2, :2].all()  # refinement comes last
    assert not fine[..., 2::2, 2::2].any()
    assert fine[..., 1::2, 1::2].all()
    fine, *coarse = half_known(codes, torch.tensor([PASSES - 1]))
    assert fine[..., :2, :2].all()
    assert not fine[..., 2:, :].any()
    assert not any(mask.any() for mask in coarse)
    assert not any(mask.any() for mask in half_known(codes, torch.tensor([PASSES])))
