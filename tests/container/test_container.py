from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from primis import container
from primis.container import Header, pack, parse
from primis.errors import DamagedFileError, UsageError
from primis.obfuscation import Scheme

SIGNING_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLISHER = SIGNING_KEY.public_key().public_bytes_raw()
PAYLOADS = (b"preview bytes", b"diagnostic", b"full payload")
HEADER = Header(
    scheme=Scheme.KEYSTREAM,
    model=b"model id",
    image_id=bytes(range(16)),
    rows=512,
    columns=480,
    lengths=tuple(map(len, PAYLOADS)),
    publisher=PUBLISHER,
)
FILE = pack(HEADER, PAYLOADS, SIGNING_KEY)


@given(
    st.lists(st.binary(max_size=50), min_size=3, max_size=4).map(tuple),
    st.binary(min_size=16, max_size=16),
    st.integers(1, 65535),
    st.integers(1, 65535),
)
def test_a_file_is_read_as_it_was_written(
    payloads: tuple[bytes, ...], image_id: bytes, rows: int, columns: int
) -> None:
    header = Header(
        Scheme.KEYSTREAM,
        b"model id",
        image_id,
        rows,
        columns,
        tuple(map(len, payloads)),
        PUBLISHER,
    )
    data = pack(header, payloads, SIGNING_KEY)
    file = parse(data)
    file.verify()
    assert (file.header, file.payloads) == (header, payloads)
    assert len(data) == header.file_length
    assert data.startswith(header.to_bytes())
    assert Header.parse(data[: container.MAX_HEADER_LENGTH]) == header


def test_the_header_has_the_documented_bytes() -> None:
    assert HEADER.to_bytes().hex(" ", 4) == (
        "8a505249 4d49530a"  # magic
        " 01010300"  # version, scheme, levels, reserved
        " 6d6f6465 6c206964"  # model
        " 00010203 04050607 08090a0b 0c0d0e0f"  # image id
        " 020001e0"  # rows, columns
        " 0000000d 0000000a 0000000c"  # lengths
        " 03a107bf f3ce10be 1d70dd18 e74bc099 67e4d630 9ba50d5f 1ddc8664 125531b8"  # publisher
    )


@pytest.mark.parametrize("position", range(len(FILE)))
def test_every_damaged_byte_is_noticed(position: int) -> None:
    for flip in (0x01, 0x80, 0xFF):
        data = bytearray(FILE)
        data[position] ^= flip
        with pytest.raises(DamagedFileError):
            parse(bytes(data)).verify()


def test_every_truncation_says_how_much_is_there() -> None:
    for length in range(1, len(FILE)):
        with pytest.raises(DamagedFileError, match=rf"truncated: {length} of "):
            parse(FILE[:length])
    with pytest.raises(DamagedFileError, match=f"{len(FILE) - 1} of {len(FILE)} bytes"):
        parse(FILE[:-1])


def test_bytes_after_the_end_are_refused() -> None:
    with pytest.raises(DamagedFileError, match="1 bytes after its end"):
        parse(FILE + b"\0")


def test_a_file_signed_by_someone_else_does_not_verify() -> None:
    other = Ed25519PrivateKey.generate()
    header = replace(HEADER, publisher=other.public_key().public_bytes_raw())
    forged = bytearray(pack(header, PAYLOADS, other))
    start = HEADER.offsets[0]
    forged[start - 32 : start] = PUBLISHER
    with pytest.raises(DamagedFileError, match="signature does not match"):
        parse(bytes(forged)).verify()


def test_a_signature_over_the_bare_bytes_does_not_verify() -> None:
    content = FILE[:-64]
    with pytest.raises(DamagedFileError, match="signature"):
        parse(content + SIGNING_KEY.sign(content)).verify()


@given(st.binary(max_size=300) | st.binary(max_size=300).map(FILE[:11].__add__))
def test_any_bytes_are_a_public_file_or_damaged(data: bytes) -> None:
    try:
        file = parse(data)
    except DamagedFileError:
        return
    assert file.header.to_bytes() + b"".join(file.payloads) + file.signature == data


@given(st.integers(0, len(FILE) - 1), st.binary(max_size=20))
def test_any_overwritten_part_is_noticed(position: int, patch: bytes) -> None:
    data = FILE[:position] + patch + FILE[position + len(patch) :]
    if data != FILE:
        with pytest.raises(DamagedFileError):
            parse(data).verify()


@pytest.mark.parametrize(
    ("data", "message", "hint"),
    [
        (b"", "empty", "fetch"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "git-LFS pointer", "git lfs pull"),
        (b"\n<!DOCTYPE html><html>", "web page", "address"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied', "web page", "login"),
        (b"age-encryption.org/v1\n-> X25519", "age file", "-k"),
        (b"\x89PNG\r\n\x1a\n", "not a primis public file", "fetch"),
        (b"\x8aPRIMIS\n\x02" + FILE[9:], "unknown format version 2", "newer release"),
        (b"\x8aPRIMIS\n\x01\x03" + FILE[10:], "unknown obfuscation scheme 3", "newer release"),
    ],
)
def test_what_arrived_instead_is_named(data: bytes, message: str, hint: str) -> None:
    with pytest.raises(DamagedFileError, match=message) as caught:
        parse(data)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "change",
    [
        {"model": b"short"},
        {"image_id": bytes(15)},
        {"publisher": bytes(33)},
        {"rows": 0},
        {"columns": 65536},
        {"lengths": (1, 2)},
        {"lengths": (1, 2, 3, 4, 5)},
        {"lengths": (2**28 + 1, 0, 0)},
        {"lengths": (2**28, 2**28, 0)},
        {"lengths": (-1, 0, 0)},
        {"scheme": Scheme.AMBIGUATION, "lengths": (1, 2, 3, 4)},
    ],
    ids=str,
)
def test_what_could_not_be_read_is_not_written(change: dict) -> None:
    with pytest.raises(UsageError):
        replace(HEADER, **change)


def test_packing_refuses_other_payloads_and_other_publishers() -> None:
    with pytest.raises(UsageError, match="lengths"):
        pack(HEADER, PAYLOADS[:2], SIGNING_KEY)
    with pytest.raises(UsageError, match="signing key"):
        pack(HEADER, PAYLOADS, Ed25519PrivateKey.generate())
