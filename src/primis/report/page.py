"""A self-contained HTML page from plain blocks: nothing is loaded, nothing is run.

A report is data: a `Page` of sections, each a sequence of the blocks below. `render` turns it into
HTML through the template beside this module, which escapes all text. Pictures and plots come from
`primis.report.figures` as data URIs.

>>> page = Page("Evaluation", "What key holders keep.", [
...     Section("Summary", [Statements([Statement("good", "Diagnoses are kept.")])]),
... ])
>>> Path("report.html").write_text(render(page))
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from primis.errors import UsageError

if TYPE_CHECKING:
    from jinja2 import Template

Tone = Literal["good", "fair", "bad", "plain"]
"""How a reader should take a value: as wished, with care, not as wished, neither."""


@dataclass(frozen=True)
class Prose:
    """Paragraphs of text."""

    paragraphs: Sequence[str]
    kind: ClassVar[str] = "prose"


@dataclass(frozen=True)
class Statement:
    """One finding in plain words; `detail` is set smaller below it."""

    tone: Tone
    text: str
    detail: str = ""


@dataclass(frozen=True)
class Statements:
    """Findings, one below the other, each with a mark in the colour of its tone."""

    items: Sequence[Statement]
    kind: ClassVar[str] = "statements"


@dataclass(frozen=True)
class Cell:
    """Text of a table cell with a tone; `title` is shown on hovering, `note` small below."""

    text: str
    tone: Tone = "plain"
    title: str = ""
    note: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of text, numbers formatted by the caller; the first column names the row.

    A wide table scrolls by itself, so that the page never does.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]
    caption: str = ""
    kind: ClassVar[str] = "table"


@dataclass(frozen=True)
class Figure:
    """A plot; `source` is a data URI, `alt` says in words what it shows."""

    source: str
    alt: str
    caption: str = ""
    kind: ClassVar[str] = "figure"


@dataclass(frozen=True)
class Picture:
    """A picture of a `Gallery`, with its title above and a note below."""

    title: str
    source: str
    note: str = ""


@dataclass(frozen=True)
class Gallery:
    """Pictures or plots side by side, as many in a row as fit.

    `width` is the smallest width of one in CSS pixels: 150 suits pictures, 360 plots.
    """

    pictures: Sequence[Picture]
    caption: str = ""
    width: int = 150
    kind: ClassVar[str] = "gallery"


@dataclass(frozen=True)
class Facts:
    """Names and values, as of an environment."""

    items: Mapping[str, str]
    kind: ClassVar[str] = "facts"


@dataclass(frozen=True)
class Command:
    """Lines typed into a terminal."""

    text: str
    kind: ClassVar[str] = "command"


@dataclass(frozen=True)
class Details:
    """Blocks that stay folded until the reader wants them; printed unfolded."""

    summary: str
    blocks: Sequence[Block]
    kind: ClassVar[str] = "details"


Block: TypeAlias = Prose | Statements | Table | Figure | Gallery | Facts | Command | Details


@dataclass(frozen=True)
class Section:
    """A heading, a line that says what it answers, and blocks."""

    title: str
    blocks: Sequence[Block]
    lead: str = ""


@dataclass(frozen=True)
class Page:
    """A report; the first section is the summary and stands out."""

    title: str
    lead: str
    sections: Sequence[Section] = field(default_factory=tuple)


def render(page: Page) -> str:
    """Return the page as one HTML document.

    Raises
    ------
    UsageError
        If jinja2 is not installed.
    """
    return _template().render(page=page)


@cache
def _template() -> Template:
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ModuleNotFoundError as error:
        raise UsageError(
            "reports need the package jinja2", hint="pip install 'primis[evaluate]'"
        ) from error
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html")


def number(value: float | None, digits: int = 3, *, sign: bool = False) -> str:
    """Format a number with a true minus sign; a dash for what is unknown."""
    if value is None or not math.isfinite(value):
        return "\N{EN DASH}"
    return f"{value:{'+' if sign else ''}.{digits}f}".replace("-", "\N{MINUS SIGN}")


def interval(record: Mapping[str, Any], digits: int = 3, *, sign: bool = False) -> str:
    """Format a record with `value`, `low` and `high`: an estimate and its interval."""
    low, high = (number(record[end], digits, sign=sign) for end in ("low", "high"))
    return f"{number(record['value'], digits, sign=sign)} ({low} to {high})"
