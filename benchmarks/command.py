"""What the benchmark programs share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from primis.errors import PrimisError


def split_parser(program: str) -> argparse.ArgumentParser:
    """Return a parser of the options that choose images: data, split, limit and trim."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{program}")
    parser.add_argument("--data", type=Path, required=True, help="folder with index.csv")
    parser.add_argument("--split", default="test", help="part of the data set (default: test)")
    parser.add_argument("--limit", type=int, help="at most so many images, spread over the split")
    parser.add_argument(
        "--trim", type=int, default=0, help="lines to leave out at every side of each image"
    )
    return parser


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
