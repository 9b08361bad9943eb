"""A report without pictures of images: text, tables and plots as Markdown.

For publishing results on images that may not be shown themselves.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence

from primis.report.page import (
    Block,
    Cell,
    Command,
    Details,
    Facts,
    Figure,
    Gallery,
    Page,
    Prose,
    Statements,
    Table,
)

_PLOT = "data:image/svg+xml;base64,"
_MARKS = {"good": "✓", "fair": "◦", "bad": "✗", "plain": "·"}

Plots = dict[str, bytes]


def to_markdown(page: Page, folder: str) -> tuple[str, Plots]:
    """Lay out a page as Markdown.

    Parameters
    ----------
    page
        Pictures that are not plots are left out, and sections of nothing else.
    folder
        Where the plots will be, relative to the page.

    Returns
    -------
    text, plots
        The plots are SVG files by name.
    """
    plots: Plots = {}
    lines = [f"# {page.title}", "", page.lead, ""]
    for section in page.sections:
        body = [line for block in section.blocks for line in _block(block, folder, plots)]
        if body:
            lines += [
                f"## {section.title}",
                "",
                *([section.lead, ""] if section.lead else []),
                *body,
            ]
    return "\n".join(lines).rstrip() + "\n", plots


def _block(block: Block, folder: str, plots: Plots) -> Iterator[str]:
    """Yield the lines of a block, an empty one last."""
    match block:
        case Prose():
            for paragraph in block.paragraphs:
                yield from (paragraph, "")
        case Statements():
            for item in block.items:
                detail = f" {item.detail}" if item.detail else ""
                yield f"- {_MARKS[item.tone]} **{item.text}**{detail}"
            yield ""
        case Table():
            yield from _table(block)
        case Figure():
            yield from _plots([(block.alt, block.source)], block.caption, folder, plots)
        case Gallery():
            shown = [(one.title, one.source) for one in block.pictures]
            yield from _plots(shown, block.caption, folder, plots)
        case Facts():
            yield from _table(Table(["", ""], list(block.items.items())))
        case Command():
            yield from ("```", block.text, "```", "")
        case Details():
            body = [line for one in block.blocks for line in _block(one, folder, plots)]
            if body:
                yield from (f"<details><summary>{block.summary}</summary>", "", *body)
                yield from ("</details>", "")


def _table(table: Table) -> Iterator[str]:
    yield _row(table.header)
    yield "|---" * len(table.header) + "|"
    yield from map(_row, table.rows)
    yield ""
    if table.caption:
        yield from (f"*{table.caption}*", "")


def _row(cells: Sequence[str | Cell]) -> str:
    return f"| {' | '.join(map(_text, cells))} |"


def _text(cell: str | Cell) -> str:
    text = cell if isinstance(cell, str) else f"{cell.text} {cell.note}".strip()
    return text.replace("|", "\\|").replace("\n", " ")


def _plots(
    shown: Sequence[tuple[str, str]], caption: str, folder: str, plots: Plots
) -> Iterator[str]:
    drawn = [(title, source) for title, source in shown if source.startswith(_PLOT)]
    for title, source in drawn:
        words = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
        name = f"{len(plots) + 1:02}-{words[:60]}.svg"
        plots[name] = base64.b64decode(source.removeprefix(_PLOT))
        yield from (f"![{title}]({folder}/{name})", "")
    if drawn and caption:
        yield from (f"*{caption}*", "")
