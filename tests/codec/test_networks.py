from __future__ import annotations

import numpy as np

from primis.codec.codec import Codec
from primis.codec.layout import Layout
from primis.codec.networks import Networks
from tests.pictures import textured

LAYOUT = Layout(96, 96)


def details_inside(networks: Networks, image: np.ndarray, plain: bool) -> list[float]:
    details, _ = networks.analyse(image, LAYOUT, plain=plain)
    return [float(np.abs(bands[:, 4:-4, 4:-4]).max()) for bands in details[:2]]


def test_the_plain_transform_has_the_four_vanishing_moments_of_the_wavelet(codec: Codec):
    rows, columns = np.mgrid[:96, :96].astype(np.float32) / 96
    cubic = 100 * (rows**3 - columns**3 + columns * rows**2 + columns**2 - rows / 3)
    networks = Networks(codec.model.folder, 1)
    assert max(details_inside(networks, cubic, plain=True)) < 1e-3
    assert min(details_inside(networks, cubic, plain=False)) > 1e-2


def test_each_transform_is_undone_by_its_own_synthesis(codec: Codec):
    networks = Networks(codec.model.folder, 1)
    image = textured((96, 96)).astype(np.float32)
    for plain in (False, True):
        bands = networks.analyse(image, LAYOUT, plain=plain)
        back = networks.synthesise(*bands, LAYOUT, plain=plain)
        np.testing.assert_allclose(back, image, atol=1e-2)
        other = networks.synthesise(*bands, LAYOUT, plain=not plain)
        assert np.abs(other - image).max() > 1
