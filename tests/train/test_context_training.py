from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra primis[train]")

from primis.codec.adaptation import AdaptiveTable  # noqa: E402
from primis.codec.bitstream import measure  # noqa: E402
from primis.codec.codes import SparseCodes, everything_known  # noqa: E402
from primis.codec.context import (  # noqa: E402
    NETWORK,
    PARENT_NETWORK,
    SCALE_CLASSES,
    SIGN_NETWORK,
    ContextModel,
    bordered,
)
from primis.codec.integers import EVEN_ODDS, EVEN_SIGN  # noqa: E402
from primis.codec.layout import Layout, steps  # noqa: E402
from primis.train.entropy import EntropyNetworks  # noqa: E402
from primis.train.integers import (  # noqa: E402
    INDICES_PER_NAT,
    calibrate,
    export_context,
    export_parents,
    export_signs,
    prior_probabilities,
)

TABLES = prior_probabilities(EVEN_ODDS), prior_probabilities(EVEN_SIGN)


@pytest.fixture(scope="module")
def networks() -> EntropyNetworks:
    torch.manual_seed(3)
    networks = EntropyNetworks(24)
    with torch.no_grad():
        for network in (*networks.context.classes, *networks.context.parents):
            network.near.weight *= 2
            network.out.weight *= 2
        for network in networks.context.parents:
            network.out.bias += 2  # unlike those that see all
        networks.signs.near *= 4
        networks.signs.bias += 0.1
    return networks


@pytest.fixture(scope="module")
def exported(networks, tmp_path_factory) -> ContextModel:
    folder: Path = tmp_path_factory.mktemp("context")
    export_context(networks.context, folder / NETWORK)
    export_parents(networks.context, folder / PARENT_NETWORK)
    export_signs(networks.signs, folder / SIGN_NETWORK)
    return ContextModel(folder, *TABLES)


@torch.no_grad()
@pytest.mark.parametrize("scale", range(SCALE_CLASSES))
def test_integers_give_the_floats_within_one_index(networks, exported, scale):
    rng = np.random.default_rng(scale)
    cells = rng.integers(0, 81, (15, 12, 17)).astype(np.int8)
    densities = rng.integers(0, 49, 6).astype(np.float32)
    every_place = torch.from_numpy(np.tile(cells, (12, 1, 1)).astype(np.float32))[None]
    odds = networks.context.classes[scale](every_place, torch.from_numpy(densities)[None])[0]
    floats = np.clip(odds.numpy() * INDICES_PER_NAT + EVEN_ODDS, 0, 127)
    assert floats.std() > 3
    expected = exported.expected(bordered(cells), densities, scale)
    integers = np.concatenate(
        [
            np.stack(exported.indices(bordered(cells), densities, scale, step, expected), axis=1)
            for step in range(len(steps(scale)))
        ]
    )
    errors = integers - floats
    assert np.abs(errors).max() < 1.5
    assert abs(errors.mean()) < 0.1
    parents = torch.from_numpy(cells[12:].astype(np.float32))[None]
    odds = networks.context.parents[scale](parents, torch.from_numpy(densities)[None])[0]
    floats = np.clip(odds.numpy() * INDICES_PER_NAT + EVEN_ODDS, 0, 127)
    assert floats.std() > 3
    assert np.abs(expected - floats).max() < 1.5
    assert abs((expected - floats).mean()) < 0.1


def made_codes(seed: int, share: float) -> SparseCodes:
    """Random codes, a share of them perhaps not zero, with runs of one sign."""
    rng = np.random.default_rng(seed)
    layout = Layout(64, 96)
    values = []
    for scale, shape in enumerate(layout.shapes):
        busy = rng.random((1, *shape[1:])) < share
        values.append(np.trunc(rng.laplace(0.5, 2.0 + scale, shape) * busy).astype(np.int32))
        values[-1][0, 0, 0] = 1  # an empty scale would not be coded
    return SparseCodes(layout, 1.0, 0, tuple(values), 0, everything_known(layout))


@torch.no_grad()
@pytest.mark.parametrize("share", [0.3, 0.02])
def test_training_counts_the_bits_that_coding_takes(networks, exported, monkeypatch, share):
    """Features and order are those of the bitstream: else the two would differ widely."""
    monkeypatch.setattr(AdaptiveTable, "learn", lambda *_: None)
    codes = made_codes(0, share)
    trained = networks(
        [torch.from_numpy(band.astype(np.int64))[None] for band in codes.values[:-1]]
    )
    coded = measure(codes, exported).bits[0, :-1].sum()
    assert float(trained) == pytest.approx(coded, rel=0.005)


def test_networks_whose_sums_could_be_inexact_are_not_exported(tmp_path):
    networks = EntropyNetworks(24)
    with torch.no_grad():
        networks.context.classes[1].near.weight *= 1000
        networks.context.parents[2].middle.weight *= 1000
        networks.signs.out *= 10**4
    with pytest.raises(ValueError, match="near"):
        export_context(networks.context, tmp_path / NETWORK)
    with pytest.raises(ValueError, match="middle"):
        export_parents(networks.context, tmp_path / PARENT_NETWORK)
    with pytest.raises(ValueError, match="out"):
        export_signs(networks.signs, tmp_path / SIGN_NETWORK)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("even", [EVEN_ODDS, EVEN_SIGN])
def test_probabilities_are_symmetric_and_never_certain(even):
    prior = prior_probabilities(even)
    assert prior[even] == 2**15
    assert prior.min() >= 1
    assert prior.max() < 2**16
    assert (np.diff(prior) >= 0).all()


def test_calibration_follows_plenty_of_evidence_and_else_the_prior():
    total = np.zeros(128, dtype=np.int64)
    total[[0, 50, 127]] = 10**6
    ones = total // 4
    ones[0], ones[127] = 0, 10**6
    symbols = np.stack((total - ones, ones), axis=1)
    table, prior = calibrate(symbols, EVEN_ODDS), prior_probabilities(EVEN_ODDS)
    assert table[50] == pytest.approx(2**14, abs=20)
    assert 1 <= table[0] <= table[127] < 2**16
    untouched = total == 0
    np.testing.assert_array_equal(table[untouched], prior[untouched])
