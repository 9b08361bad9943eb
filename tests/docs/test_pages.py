"""The pages agree with each other and with the program."""

import re
import shlex
import subprocess

import pytest

from tests.docs.pages import PAGES, ROOT, code_blocks

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def name_of(page):
    return page.relative_to(ROOT).as_posix()


def anchors(page):
    """Fragments that a page's headings get on code forges."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        for heading in HEADING.findall(page.read_text())
    }


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    for target in LINK.findall(page.read_text()):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, fragment = target.partition("#")
        destination = page.parent / path if path else page
        assert destination.exists(), target
        if fragment:
            assert fragment in anchors(destination), target


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_and_their_options_exist(page):
    import click

    from primis.cli import main

    lines = "".join(code_blocks(page, "", "sh")).replace("\\\n", " ").splitlines()
    for line in lines:
        words = shlex.split(line.removeprefix("$ "), comments=True)
        if not words or words[0] != "primis" or words[1].startswith("-"):
            continue
        context = click.Context(main)
        command = main.get_command(context, words[1])
        assert command is not None, line
        known = {name for parameter in command.get_params(context) for name in parameter.opts}
        assert {word.partition("=")[0] for word in words if word.startswith("-")} <= known, line


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_make_targets_exist(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    mentioned = set(re.findall(r"`make ([a-z-]+)`", page.read_text()))
    mentioned |= set(re.findall(r"^make ([a-z-]+)", page.read_text(), re.MULTILINE))
    assert mentioned <= targets


def test_every_page_is_reachable_from_the_readme():
    seen, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop().resolve()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        targets = [target.partition("#")[0] for target in LINK.findall(page.read_text())]
        waiting += [page.parent / target for target in targets if target and "://" not in target]
    assert {name_of(page) for page in PAGES} <= {name_of(page) for page in seen}


def test_nothing_is_left_to_do():
    left = [name_of(page) for page in PAGES if "TODO" in page.read_text()]
    assert left == []


def test_make_help_lists_every_target_for_users():
    text = (ROOT / "Makefile").read_text()
    (declared,) = re.findall(r"^\.PHONY: (.+)$", text, re.MULTILINE)
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(declared.split()) - {"help", "venv"} <= set(
        re.findall(r"make ([a-z-]+)", shown.stdout)
    )
