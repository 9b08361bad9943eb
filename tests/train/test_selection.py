"""Selectors: which coefficients become non-zero, learnt from halfway pictures."""

from __future__ import annotations

from copy import deepcopy

import pytest

from tests.pictures import textured

torch = pytest.importorskip("torch", reason="training needs the extra primis[train]")

from primis.codec import bundle  # noqa: E402
from primis.train import selection  # noqa: E402
from primis.train.networks import (  # noqa: E402
    PHASES,
    AutoEncoder,
    neighbours,
    selector_class,
    untrained_selectors,
)
from primis.train.objective import BIT_PRICE, TrainedAutoEncoder  # noqa: E402
from primis.train.start import first_weights  # noqa: E402

SIDE = 64
STEP = torch.full((1, 1, 1, 1), 9.0)
WAYS = [(number + 0.5) / 6 for number in range(6)]


@pytest.fixture
def small_crops(monkeypatch):
    monkeypatch.setattr(selection, "CROP", SIDE)


@pytest.fixture
def image():
    return torch.from_numpy(textured((SIDE, SIDE), seed=4)).float()[None, None]


@torch.no_grad()
@pytest.mark.parametrize(("price", "lowest", "highest"), [(-9.0, 1.0, 1.8), (9.0, 0.45, 0.999)])
def test_a_selector_moves_magnitudes_to_the_side_of_one_that_it_decides_for(
    image, price, lowest, highest
):
    codec = AutoEncoder()
    codec.selectors = untrained_selectors()
    for selector in codec.selectors:
        selector.alone[2] = price
    _, bands = codec.analyse(image)
    finest, *others = zip(codec.sparsify(bands, STEP), bands, strict=True)
    assert torch.equal(finest[0], finest[1] / STEP)
    for code, band in others:
        before = band / STEP
        near = (before.abs() > 0.45) & (before.abs() < 1.8)
        assert torch.equal(code[~near], before[~near])
        assert (code[near] * before[near] > 0).all()
        assert (code[near].abs() >= lowest).all()
        assert (code[near].abs() <= highest).all()


@torch.no_grad()
def test_a_selector_that_expects_little_leaves_the_decision_to_the_sparsifier(image):
    codec = AutoEncoder()
    codec.selectors = untrained_selectors()
    for selector in codec.selectors:
        selector.alone[:] = 0
        selector.alone[2] = 0.9 * selector.MARGIN
    _, bands = codec.analyse(image)
    for code, band in zip(codec.sparsify(bands, STEP), bands, strict=True):
        assert torch.equal(code, band / STEP)


@pytest.fixture
def shipped():
    weights = first_weights(bundle.find(None).folder)
    model = TrainedAutoEncoder(context_width=48)
    model.load_state_dict(weights)
    return model.requires_grad_(False).eval()


@pytest.mark.parametrize("trained", [False, True])
def test_the_mean_slope_along_a_jump_is_what_the_jump_costs(shipped, image, trained):
    """Places on the way tell the mean of a square exactly, and of other curves nearly."""
    codec = (shipped.codec if trained else AutoEncoder()).requires_grad_(False).eval()
    smooth, bands = codec.analyse(image)
    smooth = (torch.floor(smooth / STEP) + 0.5) * STEP
    scales = codec.shifted(bands, STEP)
    codes = codec.selected(scales)
    told, measured = [], []
    for scale in (0, 1, 2):
        for place in scales[scale].in_reach().flatten().nonzero()[:3, 0].tolist():
            moved = [torch.zeros_like(own.shifted, dtype=torch.bool) for own in scales]
            moved[scale].view(-1)[place] = True
            slopes = []
            for way in WAYS:
                ways = [torch.full_like(own.shifted, way) for own in scales]
                all_slopes = selection.mean_slopes(codec, image, smooth, codes, STEP, moved, ways)
                slopes.append(all_slopes[scale].flatten()[place])
            told.append(sum(slopes) / len(WAYS))
            errors = []
            for magnitude in (0.0, selection.JUMP):
                known = [own.known() for own in scales]
                sign = scales[scale].shifted.flatten()[place].sign()
                known[scale].view(-1)[place] = magnitude * sign
                errors.append(selection.squared_error(codec, image, smooth, known, STEP))
            measured.append(errors[1] - errors[0])
    told, measured = torch.stack(told), torch.stack(measured)
    assert len(told) == 9
    tolerance = 0.25 if trained else 0.005
    assert (told - measured).abs().mean() < tolerance * measured.std()


@torch.no_grad()
def test_bits_of_one_are_what_a_file_would_spend(model):
    shapes = [(1, 3, SIDE >> scale, SIDE >> scale) for scale in range(1, 7)]
    generator = torch.Generator().manual_seed(3)
    codes = [1.6 * torch.rand(shape, generator=generator) - 0.8 for shape in shapes]
    down, right = PHASES[-1]  # these are coded last of all, so no others depend on them
    with torch.enable_grad():
        told = model.bits_of_one(codes)[0][0, :, 4 + down, 6 + right]
    masks = [torch.zeros_like(code) for code in codes]
    for band in range(3):
        place = (0, band, 4 + down, 6 + right)
        sign = codes[0][place].sign()
        spent = []
        for magnitude in (0.5, 1.2):
            changed = [code.clone() for code in codes]
            changed[0][place] = sign * magnitude
            spent.append(model._bits(changed, masks))
        torch.testing.assert_close(told[band], (spent[1] - spent[0])[0], rtol=1e-3, atol=5e-3)


def test_an_example_prices_distortion_and_bits(model, small_crops, monkeypatch):
    model = deepcopy(model).requires_grad_(False)

    def drawn(price: float) -> selection.Example:
        monkeypatch.setattr(selection, "BIT_PRICE", price)
        generator = torch.Generator().manual_seed(3)
        return selection.draw_example(model, [textured((SIDE, SIDE), seed=4)], generator)

    free, as_it_is = drawn(0.0), drawn(BIT_PRICE)
    bits = model.bits_of_one([own.shifted for own in as_it_is.scales])
    for scale in (0, 1, 2):
        where = as_it_is.places[scale]
        assert len(where)
        assert torch.equal(where, free.places[scale])
        rate = selection.NET_BITS * bits[scale].flatten()[where]
        difference = as_it_is.prices[scale] - free.prices[scale]
        torch.testing.assert_close(difference, BIT_PRICE * rate, rtol=1e-3, atol=1e-3)


def test_training_learns_prices_and_keeps_its_examples(small_crops, tmp_path, monkeypatch):
    torch.manual_seed(2)
    model, picture = TrainedAutoEncoder(), textured((96, 112), seed=4)
    monkeypatch.setattr(selection, "CURVATURE", 4.5)  # that of a square: there is no restorer yet
    settings = {"crops": [16, 8], "epochs": 10, "learning_rate": 1e-2}
    selection.train_selectors(model, [picture], tmp_path, **settings)
    fresh = selection.draw_example(model, [picture], torch.Generator().manual_seed(99))

    def missed(selectors) -> float:
        errors = []
        for scale in (1, 2, 3):
            around = neighbours(fresh.scales, scale)
            told = selectors[selector_class(scale)].price(*around).flatten()[fresh.places[scale]]
            errors.append((told - fresh.prices[scale]).square())
        return float(torch.cat(errors).mean())

    with torch.no_grad():
        assert missed(model.codec.selectors) < 0.6 * missed(untrained_selectors())

    weights = deepcopy(model.codec.selectors.state_dict())
    monkeypatch.setattr(selection, "draw_example", None)  # would fail if it were called
    selection.train_selectors(model, [picture], tmp_path, **settings)
    for name, again in model.codec.selectors.state_dict().items():
        torch.testing.assert_close(again, weights[name])
