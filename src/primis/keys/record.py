"""Canonical CBOR records: the plaintext of keyrings and grants.

RFC 8949 section 4.2 deterministic encoding, of unsigned integers, byte strings, text, arrays and
maps only. One record has one encoding; any other is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

import cbor2

from primis.errors import DamagedFileError, UsageError

MAX_RECORD_LENGTH = 2**28
VERSION = 1


def encode(kind: str, fields: Mapping[str, Any]) -> bytes:
    """Encode a record of the given kind.

    Raises
    ------
    UsageError
        If it is longer than `MAX_RECORD_LENGTH`.
    """
    data: bytes = cbor2.dumps({"kind": kind, "version": VERSION, **fields}, canonical=True)
    if len(data) > MAX_RECORD_LENGTH:
        raise UsageError(f"a {kind} of {len(data)} bytes is too long; split the data set")
    return data


def decode(data: bytes) -> tuple[str, dict[str, Any]]:
    """Decode a record into its kind and its other fields, whose values are not yet checked.

    Raises
    ------
    DamagedFileError
        If the bytes are not the canonical encoding of a record of this version.
    """
    if len(data) > MAX_RECORD_LENGTH:
        raise DamagedFileError(f"key record is longer than {MAX_RECORD_LENGTH} bytes")
    try:
        record = cbor2.loads(data)
        canonical = _is_plain(record) and cbor2.dumps(record, canonical=True) == data
    except Exception as error:  # the decoder raises many kinds
        raise DamagedFileError("key record is not valid CBOR") from error
    if not canonical or not isinstance(record, dict):
        raise DamagedFileError("key record is not a canonical CBOR map")
    kind, version = record.pop("kind", None), record.pop("version", None)
    if not isinstance(kind, str) or not isinstance(version, int):
        raise DamagedFileError("key record does not say what it is")
    if version != VERSION:
        raise DamagedFileError(
            f"key record has unknown version {version}", hint="a newer release may read it"
        )
    return kind, record


def is_bytes(value: object, length: int | None = None) -> TypeGuard[bytes]:
    """Tell whether `value` is a non-empty byte string, of `length` if given."""
    return type(value) is bytes and len(value) > 0 and length in (None, len(value))


def are_bytes(values: object, length: int | None = None) -> TypeGuard[tuple[bytes, ...]]:
    """Tell whether `values` is a tuple of such byte strings."""
    return type(values) is tuple and all(is_bytes(value, length) for value in values)


def _is_plain(value: object, depth: int = 0) -> bool:
    """Tell whether a decoded value uses only the types of records, nested at most four deep."""
    if type(value) is dict:
        return depth < 4 and all(
            type(key) in (bytes, str) and _is_plain(item, depth + 1) for key, item in value.items()
        )
    if type(value) is list:
        return depth < 4 and all(_is_plain(item, depth + 1) for item in value)
    return type(value) in (bytes, str) or (type(value) is int and value >= 0)
