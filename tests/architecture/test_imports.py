"""Who imports whom: the contracts in .importlinter, and what is loaded at run time."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OPTIONAL = {"torch", "lightning_fabric", "onnx", "tensorboard", "skimage", "scipy", "matplotlib"}
HEAVY = {"numpy", "onnxruntime", "pydicom", "imagecodecs", "PIL", "cryptography", "pyrage"}


def loaded_by(statement: str) -> set[str]:
    """Names of the top-level modules in a fresh interpreter after a statement."""
    program = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    return set(done.stdout.split())


def test_every_module_imports_only_what_its_layer_allows():
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", command, "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_core_runs_without_the_optional_packages():
    assert not loaded_by("import primis.api, primis.evaluate, primis.cli") & OPTIONAL


@pytest.mark.parametrize("module", ["primis", "primis.cli", "primis.errors"])
def test_what_only_starts_a_command_loads_nothing_heavy(module):
    assert not loaded_by(f"import {module}") & HEAVY
