from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra primis[train]")

from primis.codec.bitstream import measure  # noqa: E402
from primis.codec.codes import SparseCodes, everything_known  # noqa: E402
from primis.codec.context import EVEN_ODDS, SCALE_CLASSES, ContextModel  # noqa: E402
from primis.codec.layout import Layout  # noqa: E402
from primis.codec.networks import session_options  # noqa: E402
from primis.train.context import (  # noqa: E402
    INDICES_PER_NAT,
    ContextNetworks,
    calibrate,
    export_context,
    prior_probabilities,
)


@pytest.fixture(scope="module")
def networks() -> ContextNetworks:
    torch.manual_seed(3)
    networks = ContextNetworks()
    with torch.no_grad():
        for network in networks.classes:
            network.near.weight *= 2
            network.out.weight *= 2
    return networks


@pytest.fixture(scope="module")
def exported(networks, tmp_path_factory) -> ContextModel:
    path: Path = tmp_path_factory.mktemp("context") / "context.onnx"
    export_context(networks, path)
    return ContextModel(path, prior_probabilities(), session_options(1))


@torch.no_grad()
@pytest.mark.parametrize("scale", range(SCALE_CLASSES))
def test_integers_give_the_floats_within_one_index(networks, exported, scale):
    rng = np.random.default_rng(scale)
    cells = rng.integers(0, 81, (15, 12, 17)).astype(np.float32)
    densities = rng.integers(0, 49, 6).astype(np.float32)
    every_place = torch.from_numpy(np.tile(cells, (12, 1, 1)))[None]
    odds = networks.classes[scale](every_place, torch.from_numpy(densities)[None])[0]
    floats = np.clip(odds.numpy() * INDICES_PER_NAT + EVEN_ODDS, 0, 127)
    assert floats.std() > 3
    integers = np.array([exported.indices(cells, densities, scale, place) for place in range(12)])
    errors = integers - floats
    assert np.abs(errors).max() < 1.5
    assert abs(errors.mean()) < 0.1


@torch.no_grad()
def test_training_counts_the_bits_that_coding_takes(networks, exported):
    """Features and order are those of the bitstream: else the two would differ widely."""
    rng = np.random.default_rng(0)
    layout = Layout(64, 96)
    values = []
    for scale, shape in enumerate(layout.shapes):
        busy = rng.random((1, *shape[1:])) < 0.3
        values.append(np.trunc(rng.laplace(0, 2.0 + scale, shape) * busy).astype(np.int32))
    codes = SparseCodes(layout, 1.0, 0, tuple(values), 0, everything_known(layout))
    details = values[:-1]
    trained = networks([torch.from_numpy(np.abs(band).astype(np.int64))[None] for band in details])
    signs = sum(int((np.abs(band) == 1).sum()) for band in details)
    coded = measure(codes, exported).bits[0, :-1].sum() - signs
    assert float(trained) == pytest.approx(coded, rel=0.005)


def test_networks_whose_sums_could_be_inexact_are_not_exported(tmp_path):
    networks = ContextNetworks()
    with torch.no_grad():
        networks.classes[1].near.weight *= 1000
    with pytest.raises(ValueError, match="near"):
        export_context(networks, tmp_path / "context.onnx")
    assert not list(tmp_path.iterdir())


def test_probabilities_are_symmetric_and_never_certain():
    prior = prior_probabilities()
    assert prior[EVEN_ODDS] == 2**15
    assert prior.min() >= 1
    assert prior.max() < 2**16
    assert (np.diff(prior) >= 0).all()


def test_calibration_follows_plenty_of_evidence_and_else_the_prior():
    total = np.zeros(128, dtype=np.int64)
    total[[0, 50, 127]] = 10**6
    ones = total // 4
    ones[0], ones[127] = 0, 10**6
    table, prior = calibrate(ones, total), prior_probabilities()
    assert table[50] == pytest.approx(2**14, abs=20)
    assert 1 <= table[0] <= table[127] < 2**16
    untouched = total == 0
    np.testing.assert_array_equal(table[untouched], prior[untouched])
