"""Tile by tile, the networks give what they give on the whole image."""

from __future__ import annotations

import numpy as np
import pytest

from primis.codec.codec import Codec
from primis.codec.layout import Layout
from primis.codec.networks import Networks, pad_to
from primis.codec.tiling import run_tiled
from tests.pictures import textured


@pytest.fixture(scope="module")
def networks(codec: Codec) -> Networks:
    return Networks(codec.model.folder, 1)


def random_maps(channels: int, rows: int, columns: int) -> np.ndarray:
    rng = np.random.default_rng(channels + rows)
    return (rng.laplace(0, 1, (channels, rows, columns)) * 2).astype(np.float32)


def assert_tiles_give_the_whole(network, inputs, ratios, halo) -> None:
    whole = network([array for array, _ in inputs])
    tiled = run_tiled(network, inputs, ratios, tile=24, halo=halo)
    for one, other in zip(whole, tiled, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)


def test_tiles_that_nobody_wants_are_left_out(networks):
    network, where = networks._network("sparsify_0"), np.zeros((70, 81), np.bool_)
    where[30, 50] = where[69, 3] = True
    inputs = [(random_maps(3, 70, 81), 1), (random_maps(3, 70, 81), 1)]
    (whole,) = network([array for array, _ in inputs])
    (some,) = run_tiled(network, inputs, (1,), tile=24, halo=4, where=where)
    for tile in (np.s_[:, 24:48, 48:72], np.s_[:, 48:70, 0:24]):
        np.testing.assert_allclose(some[tile], whole[tile], atol=1e-3)
        some[tile] = 0
    assert not some.any()


def test_analysis(networks):
    image = pad_to(textured((151, 175)).astype(np.float32)[None], 2)
    assert_tiles_give_the_whole(networks._network("analysis_0"), [(image, 2)], (1, 1), 16)


def test_sparsification(networks):
    inputs = [(random_maps(3, 70, 81), 1), (random_maps(3, 70, 81), 1)]
    assert_tiles_give_the_whole(networks._network("sparsify_0"), inputs, (1,), 4)


def test_selection(networks):
    inputs = [(random_maps(3, 70, 81), 1) for _ in range(4)]
    inputs += [(random_maps(3, 140, 162), 2) for _ in range(2)]
    assert_tiles_give_the_whole(networks._network("select_1"), inputs, (1,), 4)


def test_synthesis(networks):
    smooth = textured((76, 88)).astype(np.float32)[None]
    inputs = [(smooth, 1), (random_maps(3, 76, 88), 1)]
    assert_tiles_give_the_whole(networks._network("synthesis_0"), inputs, (2,), 16)


def test_restoration(networks):
    image = textured((72 * 8, 60 * 8)).astype(np.float32)[None] / 8
    inputs = [(image, 8), (random_maps(3, 288, 240), 4), (random_maps(3, 144, 120), 2)]
    inputs += [(np.zeros_like(array), ratio) for array, ratio in inputs[1:]]
    assert_tiles_give_the_whole(networks._network("restore"), inputs, (8,), 14)


def test_an_image_larger_than_a_tile_goes_through(networks):
    pixels = textured((40, 1200)).astype(np.float32)
    layout = Layout(*pixels.shape)
    details, smooth = networks.analyse(pixels, layout)
    assert [band.shape for band in [*details, smooth]] == list(layout.shapes)
    np.testing.assert_allclose(networks.synthesise(details, smooth, layout), pixels, atol=0.01)
