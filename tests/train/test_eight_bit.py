"""Rounding to eight bits in training."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="training needs the extra primis[train]")

from primis.train.eight_bit import WEIGHT_LEVELS, EightBitConv2d, Rounding  # noqa: E402


def rounding(unit: float, *, signed: bool) -> Rounding:
    module = Rounding(signed=signed)
    module.log_unit.data = torch.tensor(unit).log()
    return module


@torch.no_grad()
@pytest.mark.parametrize(("signed", "lowest", "highest"), [(True, -12.8, 12.7), (False, 0, 25.5)])
def test_values_go_to_the_nearest_level_within_limits(signed, lowest, highest):
    values = torch.linspace(-40, 40, 4001)
    rounded = rounding(0.1, signed=signed)(values)
    torch.testing.assert_close(rounded, (values * 10).round().div(10).clamp(lowest, highest))
    assert len(rounded.unique()) == 256


@torch.no_grad()
@pytest.mark.parametrize("signed", [True, False])
def test_the_first_values_in_training_set_limits_that_leave_out_a_few(signed):
    module = Rounding(signed=signed)
    values = torch.randn(100_000)
    assert not module.eval().log_unit.isfinite()
    rounded = module.train()(values)
    limit = module.highest * module.unit()
    assert 3 < limit < 4.5
    assert 0 < (values.clamp_min(0) > limit).float().mean() < 2e-4
    inside = values[(values.abs() < limit) & (values > 0)]
    torch.testing.assert_close(module(inside), inside, rtol=0, atol=float(module.unit()) * 0.51)
    module(1000 * values)  # later ones do not
    torch.testing.assert_close(module(values), rounded)


def test_gradients_pass_within_the_limits_only():
    values = torch.tensor([-20.0, -3.0, 0.04, 7.3, 20.0], requires_grad=True)
    rounding(0.1, signed=True)(values).sum().backward()
    assert values.grad.tolist() == [0, 1, 1, 1, 0]


@pytest.mark.parametrize("unit", [1.0, 0.001])
def test_a_wrong_unit_is_learned(unit):
    module, values = rounding(unit, signed=True), torch.randn(5000)
    optimiser = torch.optim.Adam(module.parameters(), lr=0.05)

    def error() -> torch.Tensor:
        return (module(values) - values).square().mean()

    before = error().item()
    for _ in range(150):
        optimiser.zero_grad()
        error().backward()
        optimiser.step()
    assert error().item() < before / 50


@torch.no_grad()
def test_weights_are_whole_numbers_of_units_and_keep_their_gradient():
    conv = EightBitConv2d(4, 6, 3, padding=1)
    impulse = torch.zeros(4, 4, 5, 5)
    impulse[range(4), range(4), 2, 2] = 1
    seen = (conv(impulse) - conv.bias[:, None, None]).transpose(0, 1)  # by output channel
    levels = seen / conv.unit()
    torch.testing.assert_close(levels, levels.round(), rtol=0, atol=1e-3)
    assert levels.abs().amax((1, 2, 3)).round().tolist() == [WEIGHT_LEVELS] * 6
    with torch.enable_grad():
        conv(torch.rand(1, 4, 8, 8)).sum().backward()
    assert (conv.weight.grad > 0).all()
