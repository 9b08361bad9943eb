"""Where the documentation is, and how to read it."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")], key=lambda path: path.as_posix()
)


def code_blocks(page: Path, *languages: str) -> list[str]:
    """Contents of a page's fenced code blocks in any of the languages, in order."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    return [content for language, content in fenced if language in languages]
