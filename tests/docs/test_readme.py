"""What README.md shows works as it stands there."""

import os
import shutil
import subprocess
import sysconfig

from tests.docs.pages import ROOT, code_blocks

README = ROOT / "README.md"


def test_the_shell_commands_run_one_after_the_other(in_study):
    script = "set -euo pipefail\n" + "".join(code_blocks(README, "sh"))
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-c", script], env={**os.environ, "PATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert len(list((in_study / "opened").glob("*.dcm"))) == 2
    assert len(list((in_study / "public-new").glob("*.primis"))) == 2


def test_the_python_example_runs(in_study):
    shutil.copy(in_study / "study" / "one.dcm", in_study / "chest.dcm")
    (example,) = code_blocks(README, "python")
    exec(compile(example, str(README), "exec"), {})
    assert (in_study / "preview.png").read_bytes().startswith(b"\x89PNG")
    assert len(list(in_study.glob("*.primis"))) == 1


def test_the_picture_is_there_and_small():
    assert (ROOT / "docs" / "images" / "comparison.jpg").stat().st_size < 300_000
