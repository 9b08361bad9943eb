"""Packages that evaluation and attacks need beyond the core."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from primis.errors import UsageError


def require(packages: Sequence[str], *, who: str, extra: str) -> None:
    """See that packages are installed.

    Parameters
    ----------
    packages
        Named as they are imported.
    who
        Subject and verb of the message, as "attacks need".
    extra
        Extra of primis that brings them.

    Raises
    ------
    UsageError
        If one is missing.
    """
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        noun = "package" if len(missing) == 1 else "packages"
        raise UsageError(
            f"{who} the {noun} {', '.join(missing)}", hint=f"pip install 'primis[{extra}]'"
        )
