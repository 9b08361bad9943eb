"""One writer at a time, on every platform: a lock file beside the file it protects."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from primis.errors import StoreError

_PATIENCE = 30.0  # seconds; a save takes milliseconds, with a passphrase a few seconds


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file of `path` (its name with ``.lock`` appended) while the block runs.

    Creating a file exclusively is atomic on every file system that people keep keys on.

    Raises
    ------
    StoreError
        If the lock stays taken for 30 seconds, or cannot be made.
    """
    lock = path.with_name(path.name + ".lock")
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            break
        except FileExistsError:
            if time.monotonic() > deadline:
                raise StoreError(
                    f"{path} is being saved by another process",
                    hint=f"if none is running, delete {lock.name}, left by one that was killed",
                ) from None
            time.sleep(0.05)
        except OSError as error:
            raise StoreError(f"{path} cannot be written: {error.strerror}") from error
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
