import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from primis.attacks.attack import Settings
from tests.pictures import textured

SIDE = 64


def visits(folder: Path, patients: int = 12) -> Path:
    """Two images of each patient, a third of them in each split, every other one of it sick."""
    folder.mkdir()
    lines = ["file,patient,split,finding"]
    for patient in range(patients):
        rng = np.random.default_rng(patient)
        finding = "sick" if patient // 3 % 2 else "well"
        body = textured((SIDE, SIDE), seed=patient) * 0.6
        for visit in "ab":
            pixels = body + rng.normal(0, 2, body.shape)
            if finding == "sick":
                row, column = rng.integers(8, SIDE - 24, 2)
                pixels[row : row + 16, column : column + 16] += 70
            name = f"{patient}{visit}.png"
            Pillow.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / name)
            split = ("train", "val", "test")[patient % 3]
            lines.append(f"{name},p{patient},{split},{finding}")
    (folder / "index.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.slow
@pytest.mark.usefixtures("encoded_once")
def test_it_evaluates_and_attacks_everything_and_writes_one_report(
    run, working_folder, monkeypatch
):
    pytest.importorskip("mirp", reason="needs the extra primis[evaluate]")
    pytest.importorskip("nistrng", reason="needs the extra primis[attacks]")
    from primis.attacks.verdicts import role
    from primis.report.attacks import results

    quick = Settings.quick
    monkeypatch.setattr(Settings, "quick", lambda self: replace(quick(self), epochs=1, width=4))
    images = visits(working_folder / "visits")
    made = run("audit", "--images", images, "--quick", "--jobs", "1", "-o", "out")
    assert made.exit_code == 0, made.output
    assert made.stdout.splitlines() == ["out/audit.html"]

    attacked = json.loads(Path("out/attacks.json").read_text())
    assert attacked["left_out"] == []
    for finding in results(attacked):
        roles = {role(result) for result in finding.results}
        top_level = finding.kind == "inside view" and "original" in finding.targets
        assert "default" not in roles or "control" in roles or top_level, finding.attack
    page = Path("out/audit.html").read_text()
    for part in (
        "What authorised users keep",
        "What everybody else gets",
        "Which level for which purpose",
        "What attackers recovered",
    ):
        assert part in page
    assert "Not attacked" not in page
