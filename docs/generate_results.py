"""Write results for publication: ``python docs/generate_results.py KIND FOLDER``.

KIND is evaluation or attacks, FOLDER what `primis evaluate` or `primis attack` wrote. The result is
``docs/results/MODEL/KIND.md`` and ``.json``, and the plots: all but pictures of images and names of
files, for the images may not be published themselves.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from primis.report import audit, evaluation
from primis.report.markdown import to_markdown

RESULTS = Path(__file__).with_name("results")
_LAYOUTS = {
    "evaluation": evaluation.page,
    "attacks": lambda document, folder: audit.page(document, None, folder),
}
_NAMING = {"pictures", "examples", "without_region"}
"""Entries that show or name images."""


def main(kind: str, folder: Path) -> None:
    """Read the document of a run and write what may be published."""
    document = json.loads((folder / f"{kind}.json").read_text())
    text, plots = to_markdown(_LAYOUTS[kind](document, folder), kind)
    out = RESULTS / document["environment"]["model"]["name"]
    (out / kind).mkdir(parents=True, exist_ok=True)
    for old in (out / kind).iterdir():
        old.unlink()
    for name, plot in plots.items():
        (out / kind / name).write_bytes(plot)
    (out / f"{kind}.md").write_text(text)
    (out / f"{kind}.json").write_text(json.dumps(_published(document), indent=1) + "\n")


def _published(value: Any) -> Any:
    """Leave out what shows or names images, and digits that say nothing."""
    if isinstance(value, dict):
        return {name: _published(item) for name, item in value.items() if name not in _NAMING}
    if isinstance(value, list):
        return [_published(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
