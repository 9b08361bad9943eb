import json

import numpy as np
import pytest

from benchmarks import speed
from benchmarks.images import thumbnail

pytest.importorskip("data_store")


def test_a_thumbnail_keeps_the_grey_scale_at_eight_bits():
    radiograph = np.full((1955, 1841), 2**15 - 1, np.uint16)
    small = thumbnail(radiograph, 15)
    assert small.shape == (512, 512)
    assert small.dtype == np.uint8
    assert (small == 255).all()


def test_peers_are_timed_at_equal_bytes_on_both_images(tmp_path, capsys):
    path = tmp_path / "speed.json"
    assert speed.main(["--codecs", "JPEG", "--repeat", "1", "--json", str(path)]) == 0
    timings = json.loads(path.read_text())["timings"]
    assert [timing["image"] for timing in timings] == ["512x512", "radiograph"]
    assert all(timing["encode_seconds"] > 0 < timing["decode_seconds"] for timing in timings)
    assert all(0.1 < timing["bits_per_pixel"] <= 0.15 for timing in timings)
    assert "| radiograph | JPEG | 8 |" in capsys.readouterr().out
