from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from benchmarks.images import Sample
from benchmarks.measure import PeerCache, measure
from primis.evaluate import ms_ssim, psnr
from primis.evaluate.peers import Peer


@pytest.fixture
def sample(tmp_path, picture):
    path = tmp_path / "a.png"
    Image.fromarray(picture).save(path)
    return Sample(path, "patient")


class CountingPeer:
    """Stores the pixels as they are, with the low bits cleared."""

    def __init__(self):
        self.encoded = 0

    def encode(self, pixels, setting, bits):
        self.encoded += 1
        return bytes([*pixels.shape]) + (pixels & (255 ^ (2 ** int(setting) - 1))).tobytes()

    @staticmethod
    def decode(data):
        return np.frombuffer(data[2:], np.uint8).reshape(data[0], data[1])


@pytest.fixture
def counting():
    return CountingPeer()


@pytest.fixture
def peer(counting):
    return Peer("Truncating", "recipe 1", 8, (4, 2), (4, 3, 2), counting.encode, counting.decode)


def test_a_measurement_counts_bytes_and_quality(picture):
    worse = picture & 0xF8
    result = measure(picture, lambda: (1344, lambda: worse))
    assert result.size == 1344
    assert result.bits_per_pixel == 1
    assert result.psnr == psnr(picture, worse, 255)
    assert result.ms_ssim == ms_ssim(picture, worse, 255)
    assert result.encode_seconds >= 0
    assert result.decode_seconds >= 0


def test_what_was_measured_once_is_not_measured_again(tmp_path, sample, peer, counting):
    first = PeerCache(tmp_path / "cache").at_setting(sample, peer, 2)
    again = PeerCache(tmp_path / "cache").at_setting(sample, peer, 2)
    assert first == again
    assert counting.encoded == 1


@pytest.mark.parametrize("change", ["setting", "recipe", "image", "trim"])
def test_a_change_is_measured_anew(tmp_path, sample, peer, counting, change):
    cache = PeerCache(tmp_path / "cache")
    cache.at_setting(sample, peer, 2)
    if change == "setting":
        cache.at_setting(sample, peer, 4)
    elif change == "recipe":
        cache.at_setting(sample, replace(peer, recipe="recipe 2"), 2)
    elif change == "trim":
        cache.at_setting(replace(sample, trim=10), peer, 2)
    else:
        path = tmp_path / "b.png"
        Image.fromarray(255 - sample.pixels).save(path)
        cache.at_setting(Sample(path, "patient"), peer, 2)
    assert counting.encoded == 2


def test_a_record_cut_short_spoils_only_itself(tmp_path, sample, peer, counting):
    folder = tmp_path / "cache"
    PeerCache(folder).at_setting(sample, peer, 2)
    (file,) = folder.iterdir()
    file.write_bytes(file.read_bytes()[:-20])
    PeerCache(folder).at_setting(sample, peer, 4)
    PeerCache(folder).at_setting(sample, peer, 4)
    assert counting.encoded == 2


def test_the_file_of_a_given_size_is_remembered(tmp_path, sample, peer, counting):
    size = sample.pixels.size + 2
    first = PeerCache(tmp_path / "cache").at_size(sample, peer, size)
    encoded = counting.encoded
    assert first.size == size
    assert PeerCache(tmp_path / "cache").at_size(sample, peer, size) == first
    assert counting.encoded == encoded
    assert PeerCache(tmp_path / "cache").at_size(sample, peer, size - 1) is None
