"""The error tree: each class is one kind of mistake, and carries its exit code and a hint.

A message is one sentence that names what was received and what is wrong with it. The hint says
what to do about it. Neither ever contains a secret or a patient's data.
"""

from __future__ import annotations

from typing import ClassVar


class PrimisError(Exception):
    """Base of every error that primis raises on purpose.

    Parameters
    ----------
    message
        One sentence: the cause.
    hint
        What the user can do; the class supplies one where the remedy is always the same.
    """

    exit_code: ClassVar[int] = 1
    default_hint: ClassVar[str] = ""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint or self.default_hint


class UsageError(PrimisError):
    """The call itself cannot work: options that contradict each other, a value out of range."""

    exit_code = 2


class InputError(PrimisError):
    """An input file is missing, unreadable, or of a kind primis does not support."""

    exit_code = 3


class NoKeyError(PrimisError):
    """No key at hand opens this file at this level."""

    exit_code = 4
    default_hint = "ask the data owner for a grant that covers this image and level"


class DamagedFileError(PrimisError):
    """A public file, keyring or grant is not what was written: truncated, altered or foreign."""

    exit_code = 5
    default_hint = "fetch the file again; if it stays damaged, ask its publisher"


class UnknownModelError(PrimisError):
    """A public file was made with a model bundle that is not installed."""

    exit_code = 5
    default_hint = "install the release of primis that carries this model"


class PrivacyRefusedError(PrimisError):
    """The privacy policy forbids the operation."""

    exit_code = 6


class BatchError(PrimisError):
    """Some inputs of a batch failed; the others were done."""

    exit_code = 7


class StoreError(PrimisError):
    """The place that holds the public files did not answer as it should."""

    exit_code = 8
