"""Opening a key file of either kind."""

from __future__ import annotations

from pathlib import Path

from primis.errors import DamagedFileError
from primis.files import read_bounded
from primis.keys import agefile, grant, keyring, record


def load_keys(path: Path, identities: agefile.Identities) -> keyring.Keyring | grant.Grant:
    """Open a keyring or a grant, whichever the file is.

    Raises
    ------
    InputError
        If the file cannot be read.
    NoKeyError
        If no identity opens it.
    DamagedFileError
        If it is neither a keyring nor a grant as primis writes them.
    """
    sealed = read_bounded(path, agefile.MAX_SEALED_LENGTH)
    kind, fields = record.decode(agefile.open_(sealed, identities))
    if kind == keyring.KIND:
        return keyring.Keyring.from_fields(fields, sealed, identities)
    if kind == grant.KIND:
        return grant.Grant.from_fields(fields)
    raise DamagedFileError("this age file holds neither a keyring nor a grant")
