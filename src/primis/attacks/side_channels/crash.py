"""Protect images and die in the middle of a write, as when the power fails; see `remnants`.

``python -m primis.attacks.side_channels.crash STUDY IDENTITY KEYRING PUBLIC RATE WRITE``
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from primis.batch import protect_files
from primis.keys import Keyring, read_identities

EXIT_CODE = 86
"""Of the process that died where it should."""


def die_at(write: int) -> None:
    """End this process, nothing cleaned up, when file number ``write`` is about to get its name.

    All its bytes have reached the disk by then, under the temporary name.
    """
    sync, left = os.fsync, write

    def fsync(fd: Any) -> None:
        nonlocal left
        sync(fd)
        left -= 1
        if not left:
            os._exit(EXIT_CODE)

    os.fsync = fsync


if __name__ == "__main__":
    study, identity, path, public = map(Path, sys.argv[1:5])
    keyring = Keyring.load(path, read_identities(identity))
    die_at(int(sys.argv[6]))
    for _ in protect_files(sorted(study.iterdir()), keyring, path, public, rate=float(sys.argv[5])):
        pass
