import json

import pytest

from benchmarks import levels
from benchmarks.levels import LevelLoss


def test_lower_levels_are_compared_with_files_of_as_many_bytes(one_picture, tmp_path, capsys):
    report = tmp_path / "levels.json"
    arguments = ["--data", str(one_picture), "--rates", "1", "--sweep", "1", "--json", str(report)]
    assert levels.main(arguments) == 0
    found = json.loads(report.read_text())
    preview, diagnostic = found["levels"]
    assert preview["level"] == "preview"
    assert diagnostic["bits_per_pixel"] == pytest.approx(31 / 64, abs=0.01)
    assert diagnostic["of_level"] > preview["of_level"] + 1
    assert diagnostic["alone"] > preview["alone"] + 1
    (sweep,) = found["psnr_along_rate"].values()
    assert len(sweep) == len(found["rates"])
    assert sweep[-1] > sweep[0] + 3
    assert "| 1 | preview |" in capsys.readouterr().out


def test_a_loss_is_what_the_level_is_below_the_file():
    assert LevelLoss("a", 0.1, "preview", 0.01, of_level=30.0, alone=30.5).loss == 0.5
    found = [LevelLoss("a", 0.1, "preview", 0.0125, 30.0, 30.5)]
    table = levels.markdown(found, {"a": [30.0, 30.5, 30.25]})
    assert "| 0.1 | preview | 0.0125 | 30.00 | 30.50 | 0.50 | 0.50 | 0.50 |" in table
    assert "-0.25 at least and +0.50 at most" in table
