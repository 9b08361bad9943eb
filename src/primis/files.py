"""Whole files in and out: bounded reads, and writes that happen entirely or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from primis.errors import InputError, StoreError, UsageError


def read_bounded(path: Path, limit: int) -> bytes:
    """Read a whole file of at most `limit` bytes.

    Raises
    ------
    InputError
        If the file cannot be read or is longer than `limit`.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL character
        raise InputError(f"{path} cannot be read: {_cause(error)}") from error
    if len(data) > limit:
        raise InputError(f"{path} is longer than {limit} bytes")
    return data


def write_atomically(
    path: Path,
    data: bytes,
    *,
    private: bool = False,
    overwrite: bool = False,
    modified: float | None = None,
) -> None:
    """Write a file so that, whatever happens, `path` holds either all of `data` or what it had.

    The bytes go to a temporary file in the same directory, reach the disk, and are then renamed.

    Parameters
    ----------
    path
        Where to write; its directory must exist.
    data
        The content.
    private
        Give the file mode 0600 from creation: for secrets. Otherwise the umask decides.
    overwrite
        Replace a file that is already there.
    modified
        Date of last access and modification, in seconds since 1970, in place of the present.

    Raises
    ------
    UsageError
        If `path` exists and `overwrite` is false, or if it is a directory.
    StoreError
        If the file system refuses.
    """
    path = Path(path)
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        if path.is_dir():
            raise UsageError(f"{path} is a directory")
        if os.path.lexists(path) and not overwrite:
            raise UsageError(f"{path} already exists", hint="use --force to overwrite it")
        with os.fdopen(os.open(temporary, flags, 0o600 if private else 0o666), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if modified is not None:
            os.utime(temporary, (modified, modified))
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise StoreError(f"{path} cannot be written: {_cause(error)}") from error
        raise


def _cause(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
