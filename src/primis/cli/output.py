"""What the user sees: results on stdout, everything else on stderr with the prefix ``primis:``.

Text that comes from outside, such as file names, is shown without control characters.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeVar

import click

from primis.errors import BatchError, NoKeyError, PrimisError

if TYPE_CHECKING:
    from primis.batch import Published

T = TypeVar("T")


def say(text: str) -> None:
    """Tell the user something that is not a result."""
    _write(sys.stderr, f"primis: {text}")


def say_error(error: PrimisError) -> None:
    """Report an error, and its hint if it has one."""
    say(f"error: {printable(str(error))}")
    if error.hint:
        say(f"hint: {printable(error.hint)}")


def printable(text: str | Path) -> str:
    """Return text that is safe to show on one line of a terminal."""
    text = os.fsencode(text).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def show(record: dict[str, object], lines: Iterable[str], *, as_json: bool) -> None:
    """Print a single result, as lines or as a JSON object."""
    if as_json:
        _write(sys.stdout, json.dumps(record, indent=2))
        return
    for line in lines:
        _write(sys.stdout, line)


class Report:
    """What became of each of several inputs: shown as it comes, concluded with an exit code.

    Parameters
    ----------
    done
        What the verb does to its inputs, in the past tense.
    as_json
        Print one JSON document at the end instead of a line per result.
    quiet
        No progress bar, no summary.
    """

    def __init__(self, done: str, *, as_json: bool, quiet: bool) -> None:
        self._done = done
        self._as_json = as_json
        self._quiet = quiet
        self._results: list[dict[str, object]] = []
        self._failures: list[dict[str, object]] = []
        self._codes: set[int] = set()
        self._hints: set[str] = set()

    def follow(
        self,
        paths: Sequence[Path],
        outcomes: Iterable[T | PrimisError],
        show: Callable[[Path, T], None],
    ) -> None:
        """Show the outcome of every input; `show` is called for what is not an error."""
        tracked = _track(outcomes, len(paths), quiet=self._quiet)
        for path, outcome in zip(paths, tracked, strict=True):
            if isinstance(outcome, PrimisError):
                self.failed(path, outcome)
            else:
                show(path, outcome)

    def succeeded(self, line: str | Path, **record: object) -> None:
        """Show a result."""
        self._results.append(record)
        if not self._as_json:
            _write(sys.stdout, printable(line))

    def published(self, path: Path, file: Published) -> None:
        """Show a public file and the input it was made from."""
        self.succeeded(
            file.path,
            input=printable(path),
            output=printable(file.path),
            image_id=file.image_id.hex(),
            bytes=file.length,
        )

    def failed(self, path: Path, error: PrimisError) -> None:
        """Show why an input has no result."""
        name, message = printable(path), printable(str(error))
        self._codes.add(error.exit_code)
        self._failures.append({"input": name, "error": message, "exit_code": error.exit_code})
        say(f"error: {message}" if name in message else f"error: {name}: {message}")
        if error.hint and error.hint not in self._hints:  # once is enough
            self._hints.add(error.hint)
            say(f"hint: {printable(error.hint)}")

    def conclude(self, *, skipped: int = 0, failure: type[PrimisError] = BatchError) -> None:
        """Print the summary and the JSON document, and exit unless everything succeeded.

        The exit code is that of the error if there is a single input, or if no key fits any;
        otherwise that of `failure`.
        """
        failed, total = len(self._failures), len(self._failures) + len(self._results)
        besides = f", {skipped} of other kinds skipped" if skipped else ""
        if self._as_json:
            document = {"results": self._results, "failures": self._failures, "skipped": skipped}
            _write(sys.stdout, json.dumps(document, indent=2))
        if not failed:
            if not self._quiet:
                say(f"{total} {self._done}{besides}")
            return
        if total == 1:
            raise click.exceptions.Exit(self._codes.pop())
        say(f"error: {failed} of {total} inputs failed{besides}")
        only_keys = failed == total and self._codes == {NoKeyError.exit_code}
        raise click.exceptions.Exit((NoKeyError if only_keys else failure).exit_code)


@contextmanager
def following(*, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Give a function that tells the user how far a long task has come.

    On a terminal each line takes the place of the one before.
    """
    if quiet:
        yield lambda _: None
    elif not sys.stderr.isatty():
        yield say
    else:
        from rich.console import Console
        from rich.text import Text

        with Console(stderr=True).status("starting") as status:
            yield lambda line: status.update(Text(printable(line)))


def _write(stream: TextIO, line: str) -> None:
    """Write a line; unlike `click.echo`, through the stream that a progress bar puts in place."""
    stream.write(f"{line}\n")
    stream.flush()


def _track(outcomes: Iterable[T], total: int, *, quiet: bool) -> Iterator[T]:
    """Pass outcomes on, with a progress bar if somebody watches."""
    if quiet or not sys.stderr.isatty():
        yield from outcomes
        return
    from rich import progress
    from rich.console import Console

    with progress.Progress(
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
    ) as bar:
        yield from bar.track(outcomes, total)
