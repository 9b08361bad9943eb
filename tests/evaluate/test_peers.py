from dataclasses import replace

import numpy as np
import pytest

from primis.evaluate import psnr
from primis.evaluate.peers import PEERS, Peer, available

AVAILABLE = available()
every_peer = pytest.mark.parametrize("peer", AVAILABLE, ids=lambda peer: peer.name)
deep_peers = pytest.mark.parametrize(
    "peer", [peer for peer in AVAILABLE if peer.max_bits == 16], ids=lambda peer: peer.name
)


@every_peer
def test_finer_settings_give_larger_files_and_better_images(peer, picture):
    files = [peer.encode(picture, setting, 8) for setting in peer.settings[::5]]
    images = [peer.decode(data) for data in files]
    assert all((i.shape, i.dtype) == (picture.shape, np.uint8) for i in images)
    assert sorted(map(len, files)) == list(map(len, files))
    qualities = [psnr(picture, image, 255) for image in images]
    assert qualities == sorted(qualities)
    assert qualities[-1] > 34


@every_peer
def test_settings_of_the_curve_lie_on_the_dial_from_coarse_to_fine(peer):
    coarse_to_fine = 1 if peer.dial[0] < peer.dial[-1] else -1
    for settings in (peer.settings, peer.dial):
        assert (np.diff(settings) * coarse_to_fine > 0).all()
    low, high = sorted((peer.dial[0], peer.dial[-1]))
    assert all(low <= setting <= high for setting in peer.settings)


@every_peer
def test_a_file_of_a_given_size_is_never_larger_and_hardly_smaller(peer, picture):
    size = len(peer.encode(picture, peer.settings[-4], 8))
    data = peer.at_size(picture, size)
    assert 0.9 * size <= len(data) <= size


@every_peer
def test_no_file_is_returned_where_the_codec_cannot_be_so_small(peer, picture):
    assert peer.at_size(picture, 10) is None


@deep_peers
@pytest.mark.parametrize("bits", [12, 16])
def test_deep_samples_keep_their_depth(peer, bits, picture):
    deep = (picture / 255 * (2**bits - 1)).astype(np.uint16)
    image = peer.decode(peer.encode(deep, peer.settings[-1], bits))
    assert image.dtype == np.uint16
    assert psnr(deep, image, 2**bits - 1) > 34


def test_jpeg_2000_files_carry_no_wrapper_and_no_comment(picture):
    peer = next(peer for peer in PEERS if peer.name == "JPEG 2000")
    data = peer.encode(picture, 0.5, 8)
    assert data.startswith(b"\xff\x4f\xff\x51")
    assert b"OpenJPEG" not in data


def test_the_search_finds_the_finest_setting_that_fits():
    peer: Peer = replace(
        PEERS[0], dial=tuple(range(100)), encode=lambda pixels, setting, bits: bytes(3 * setting)
    )
    assert peer.setting_at_size(np.zeros((2, 2), np.uint8), 100) == 33
    assert peer.setting_at_size(np.zeros((2, 2), np.uint8), 1000) == 99
