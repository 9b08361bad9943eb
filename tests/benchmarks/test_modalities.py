import json

import pytest

from benchmarks.modalities import main

pytest.importorskip("data_store", reason="needs pydicom-data")


def test_an_image_is_compared_with_the_peer_at_equal_bytes(tmp_path, capsys):
    report = tmp_path / "report.json"
    arguments = ["--images", "693_UNCR", "--rates", "0.5", "2", "--json", str(report)]
    assert main(arguments) == 0
    low, high = json.loads(report.read_text())
    assert (low["image"], low["modality"]) == (high["image"], high["modality"])
    assert high["primis"] > low["primis"] + 3
    assert abs(high["primis"] - high["peer"]) < 20
    table = capsys.readouterr().out
    assert table.count("\n| 693") == 1
    gain = f"{low['primis']:.1f} ({low['primis'] - low['peer']:+.2f})"
    assert gain in table
