import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

import primis
from primis import __version__, errors
from primis.cli import main
from primis.cli.program import EXIT_CODES

DOCS = Path(__file__).parents[2] / "docs"


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(primis.__file__).resolve().parents[1])}


def python(*arguments):
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=ENVIRONMENT
    )


def test_starting_up_imports_nothing_heavy():
    heavy = "numpy onnxruntime pydicom PIL rich cryptography pyrage cbor2 imagecodecs constriction"
    check = f"import sys, primis.cli; print(sorted(set('{heavy}'.split()) & set(sys.modules)))"
    assert python("-c", check).stdout.strip() == "[]"


def test_the_version_names_the_program_and_its_model(run):
    shown = run("--version").stdout
    assert shown.startswith(f"primis {__version__} (model ")


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_help_lists_verbs_and_exit_codes(run, arguments):
    shown = run(*arguments)
    assert shown.exit_code == 0
    assert all(name in shown.stdout for name in main.commands)
    assert all(meaning in shown.stdout for meaning in EXIT_CODES.values())


@pytest.mark.parametrize("verb", main.commands)
def test_every_verb_has_help_with_an_example(run, verb):
    shown = run(verb, "--help").stdout
    assert "Example" in shown
    assert f"  primis {verb} " in shown


@pytest.mark.parametrize("verb", main.commands)
def test_every_option_is_explained(verb):
    options = [p for p in main.commands[verb].params if isinstance(p, click.Option)]
    assert options
    assert all(option.help for option in options)


def test_every_error_class_has_a_documented_exit_code():
    pending = [errors.PrimisError]
    while pending:
        error = pending.pop()
        assert error.exit_code in EXIT_CODES
        pending += error.__subclasses__()


def test_the_page_about_the_command_line_is_current():
    spec = importlib.util.spec_from_file_location("generate_cli", DOCS / "generate_cli.py")
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    assert page == generator.render(), "run: python docs/generate_cli.py"
    assert all(f"primis {name} " in page for name in main.commands)


@pytest.mark.parametrize(
    "arguments",
    [("nonsense",), ("keygen",), ("keygen", "-o", "x", "--nonsense"), ("inspect", "a", "b")],
)
def test_a_wrong_call_exits_with_2_and_points_to_help(run, arguments):
    made = run(*arguments)
    assert (made.exit_code, made.stdout) == (2, "")
    lines = made.stderr.splitlines()
    assert lines[0].startswith("primis: error: ")
    assert lines[-1].startswith("primis: hint: see primis")
    assert lines[-1].endswith("--help")


def test_a_process_exits_with_the_code_and_talks_on_stderr(working_folder):
    made = python("-m", "primis.cli", "inspect", "missing")
    assert (made.returncode, made.stdout) == (3, "")
    assert made.stderr.startswith("primis: error: missing cannot be read")


@pytest.mark.parametrize("debug", ["0", "1"])
def test_an_unexpected_error_is_admitted_and_hides_its_text(run, monkeypatch, debug):
    def fail(_):
        raise RuntimeError("the secret")

    monkeypatch.setattr("primis.cli.inspect.describe", fail)
    monkeypatch.setenv("PRIMIS_DEBUG", debug)
    made = run("inspect", "x")
    assert made.exit_code == 1
    assert "primis: error: unexpected error (RuntimeError)" in made.stderr
    assert "report" in made.stderr
    assert ("Traceback" in made.stderr) == (debug == "1")
    assert ("the secret" in made.stderr) == (debug == "1")


def test_an_interrupt_exits_with_130(run, monkeypatch):
    def fail(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("primis.cli.inspect.describe", fail)
    made = run("inspect", "x")
    assert made.exit_code == 128 + signal.SIGINT
    assert "interrupted" in made.stderr
