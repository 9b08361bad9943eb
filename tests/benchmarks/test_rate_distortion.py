import json
import sys
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from benchmarks import rate_distortion
from primis.errors import InputError, UsageError
from primis.evaluate.peers import PEERS


@pytest.fixture
def data(tmp_path, picture):
    folder = tmp_path / "data"
    folder.mkdir()
    lines = ["file,label,patient,split,width,height"]
    for i in range(4):
        Image.fromarray(np.roll(picture, 9 * i)).save(folder / f"{i}.png")
        lines.append(f"{i}.png,,p{i},{'train' if i == 3 else 'test'},112,96")
    (folder / "index.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def candidate(monkeypatch):
    """JPEG 2000 under the name of primis, with 100 bytes on top."""
    jpeg2000 = PEERS[1]

    def encode(pixels, bits_per_pixel, level="full", bits=8):
        data = jpeg2000.encode(pixels, bits_per_pixel, bits)
        return len(data) + 100, lambda: jpeg2000.decode(data)

    module = ModuleType("benchmarks.adapter")
    module.encode = encode
    monkeypatch.setitem(sys.modules, "benchmarks.adapter", module)
    monkeypatch.setattr(sys.modules["benchmarks"], "adapter", module, raising=False)


def run(data, *options):
    return rate_distortion.main(
        ["--data", str(data), "--cache", str(data.parent / "cache"), *map(str, options)]
    )


def test_absent_data_is_an_input_error_with_a_hint(tmp_path, capsys):
    assert run(tmp_path / "nowhere") == InputError.exit_code
    error = capsys.readouterr().err
    assert "nowhere" in error
    assert "hint:" in error


def test_a_split_without_images_is_an_input_error(data, capsys):
    assert run(data, "--split", "val") == InputError.exit_code
    assert "'val'" in capsys.readouterr().err


def test_a_limit_below_one_is_a_usage_error(data):
    assert run(data, "--limit", 0) == UsageError.exit_code


def test_a_trim_below_zero_is_a_usage_error(data):
    assert run(data, "--trim", -1) == UsageError.exit_code


def test_trimmed_images_are_measured_by_themselves(data, capsys):
    def bytes_of_jpeg(trim):
        report = data.parent / "report.json"
        assert run(data, "--codecs", "JPEG", "--trim", trim, "--json", report) == 0
        best = json.loads(report.read_text())["points"]["JPEG"][-1]
        return best["bits_per_pixel"] * (96 - 2 * trim) * (112 - 2 * trim) / 8

    assert bytes_of_jpeg(20) < 0.8 * bytes_of_jpeg(0)
    assert "without 20 lines at every side" in capsys.readouterr().out


def test_peers_are_measured_without_primis(data, capsys):
    assert run(data, "--codecs", "JPEG", "JPEG 2000", "--limit", 2) == 0
    output = capsys.readouterr().out
    assert output.startswith("2 images of 2 patients, split test")
    assert output.count("\n| JPEG |") == len(PEERS[0].settings)
    assert "- JPEG 2000: Pillow" in output


def test_a_candidate_like_a_peer_but_larger_is_reported_as_costing_more(data, candidate, capsys):
    report = data.parent / "report.json"
    options = ("--codecs", "primis", "JPEG", "JPEG 2000", "--rates", 0.2, 0.4, 0.8, 1.2)
    assert run(data, *options, "--equal-bytes", "--json", report) == 0
    assert "| bytes of primis against |" in capsys.readouterr().out
    found = json.loads(report.read_text())
    assert found["images"] == found["patients"] == 3
    against = {(d["peer"], d["metric"], d["encrypted"]): d for d in found["bd_rate"]}
    bare, encrypted = (against["JPEG 2000", "PSNR", sealed] for sealed in (False, True))
    assert bare["low"] > 10
    assert bare["images"] == 3
    assert encrypted["mean"] < bare["mean"]
    coarsest = found["equal_bytes"][0]
    assert coarsest["JPEG 2000"]["psnr"] > coarsest["primis"]["psnr"]


def test_figures_are_drawn(data, candidate):
    pytest.importorskip("matplotlib")
    folder = data.parent / "figures"
    assert run(data, "--codecs", "primis", "JPEG", "--rates", 0.5, 2, "--figures", folder) == 0
    assert (folder / "curves.svg").read_text().startswith("<?xml")
    with Image.open(folder / "crops.png") as crops:
        assert min(crops.size) > 100
