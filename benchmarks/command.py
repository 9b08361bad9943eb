"""What the benchmark programs share."""

from __future__ import annotations

import sys
from collections.abc import Callable

from primis.errors import PrimisError


def exit_code(work: Callable[[], None]) -> int:
    """Do the work; report a primis error on standard error and return its exit code, else 0."""
    try:
        work()
    except PrimisError as error:
        print(f"error: {error}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return error.exit_code
    return 0
