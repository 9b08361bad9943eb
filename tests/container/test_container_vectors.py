"""Replays tests/vectors/container: public files with one property or one failure each.

PRIMIS_REGENERATE=1 rewrites them: review the difference. docs/format.md describes the fields, so
that any other reader can replay them too.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from primis.container import Header, pack, parse
from primis.errors import DamagedFileError, NoKeyError
from primis.keys import derive
from primis.obfuscation import Scheme, keystream

Vector = dict[str, object]
VECTORS = Path(__file__).parents[1] / "vectors" / "container"
SIGNING_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
IMAGE_ID = bytes(range(16))
BODIES = [b"preview body", b"diagnostic body", b"full body", b"original body"]
KEYS = [derive.image_key(bytes([0xA0 + n]) * 32, IMAGE_ID, n) for n in range(4)]


def keystream_file(levels: int = 4) -> bytes:
    header = header_for(
        Scheme.KEYSTREAM,
        tuple(keystream.sealed_length(n, len(body)) for n, body in enumerate(BODIES[:levels])),
    )
    payloads = keystream.seal(BODIES[:levels], KEYS[:levels], header.to_bytes())
    return pack(header, payloads, SIGNING_KEY)


def ambiguation_file() -> bytes:
    return pack(header_for(Scheme.AMBIGUATION, (8, 0, 0)), [b"\x5a" * 8, b"", b""], SIGNING_KEY)


def resealed(level: int, plaintext: bytes) -> bytes:
    """A correctly signed file whose publisher sealed an unfit plaintext at one level."""
    good = parse(keystream_file())
    lengths = list(good.header.lengths)
    lengths[level] = len(plaintext) + 16
    header = replace(good.header, lengths=tuple(lengths))
    payloads = keystream.seal(BODIES, KEYS, header.to_bytes())
    payloads[level] = keystream.AESGCM(KEYS[level]).encrypt(
        bytes(12), plaintext, header.to_bytes() + bytes([level])
    )
    return pack(header, payloads, SIGNING_KEY)


def header_for(scheme: Scheme, lengths: tuple[int, ...]) -> Header:
    publisher = SIGNING_KEY.public_key().public_bytes_raw()
    return Header(scheme, b"model id", IMAGE_ID, 512, 480, lengths, publisher)


def patched(offset: int, patch: bytes, data: bytes | None = None) -> bytes:
    data = data or keystream_file()
    return data[:offset] + patch + data[offset + len(patch) :]


def vectors() -> dict[str, Vector]:
    good = keystream_file()

    def success(data: bytes, level: int) -> Vector:
        return {
            "expect": "success",
            "level": level,
            "key": KEYS[level].hex(),
            "bodies": [body.hex() for body in BODIES[: level + 1]],
            "file": data.hex(),
        }

    def damaged(message: str, data: bytes) -> Vector:
        return {"expect": "damaged", "message": message, "file": data.hex()}

    def opening(expect: str, message: str, level: int, key: bytes, data: bytes) -> Vector:
        return {
            "expect": expect,
            "message": message,
            "level": level,
            "key": key.hex(),
            "file": data.hex(),
        }

    return {
        "success-preview": success(good, 0),
        "success-original": success(good, 3),
        "success-three-levels": success(keystream_file(3), 2),
        "success-ambiguation": {"expect": "success", "file": ambiguation_file().hex()},
        "empty": damaged("empty", b""),
        "magic-cut": damaged("truncated: 5 of", good[:5]),
        "magic-as-text": damaged("not a primis public file", patched(0, b"\x0a")),
        "magic-line-end": damaged("not a primis public file", patched(7, b"\x0d")),
        "version-0": damaged("unknown format version 0", patched(8, b"\x00")),
        "version-2": damaged("unknown format version 2", patched(8, b"\x02")),
        "scheme-0": damaged("unknown obfuscation scheme 0", patched(9, b"\x00")),
        "scheme-3": damaged("unknown obfuscation scheme 3", patched(9, b"\x03")),
        "levels-0": damaged("number of levels: 0", patched(10, b"\x00")),
        "levels-2": damaged("number of levels: 2", patched(10, b"\x02")),
        "levels-5": damaged("number of levels: 5", patched(10, b"\x05")),
        "levels-4-ambiguation": damaged("number of levels: 4", patched(9, b"\x02")),
        "reserved": damaged("reserved byte", patched(11, b"\x01")),
        "rows-0": damaged("image shape 0 x 480", patched(36, b"\x00\x00")),
        "columns-0": damaged("image shape 512 x 0", patched(38, b"\x00\x00")),
        "payload-too-long": damaged("payload is longer", patched(40, b"\x10\x00\x00\x01")),
        "file-too-long": damaged(
            "file would be longer", patched(40, b"\x10\x00\x00\x00\x10\x00\x00\x00")
        ),
        "payload-beyond-end": damaged("truncated", patched(40, b"\x00\x00\xff\xff")),
        "header-cut": damaged("truncated: 87 of", good[:87]),
        "signature-cut": damaged("truncated", good[:-1]),
        "trailing-byte": damaged("1 bytes after its end", good + b"\x00"),
        "lengths-shifted": damaged("signature", patched(43, b"\x1b\x00\x00\x00\x40")),
        "model-altered": damaged("signature", patched(12, b"M")),
        "image-id-altered": damaged("signature", patched(20, b"\xff")),
        "publisher-altered": damaged("signature", patched(56, b"\xff")),
        "payload-altered": damaged("signature", patched(88, b"\xff")),
        "signature-altered": damaged("signature", patched(len(good) - 1, b"\xff")),
        "signature-without-context": damaged(
            "signature", good[:-64] + SIGNING_KEY.sign(good[:-64])
        ),
        "key-wrong": opening("no key", "does not open level 2", 2, bytes(32), good),
        "key-of-lower-level": opening("no key", "does not open level 3", 3, KEYS[2], good),
        "key-above-levels": opening("no key", "has 3 levels", 3, KEYS[3], keystream_file(3)),
        "carried-key-wrong": opening(
            "damaged", "level 1 of the file does not open", 2, KEYS[2], resealed(2, bytes(40))
        ),
        "carried-key-cut": opening("damaged", "too short", 2, KEYS[2], resealed(2, bytes(31))),
    }


if "PRIMIS_REGENERATE" in os.environ:
    for old in VECTORS.glob("*.json"):
        old.unlink()
    for name, vector in vectors().items():
        text = json.dumps({"name": name, **vector}, indent=2) + "\n"
        (VECTORS / f"{name}.json").write_text(text)

FILES = sorted(VECTORS.glob("*.json"))


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_vector(path: Path) -> None:
    vector = json.loads(path.read_text())
    data = bytes.fromhex(vector["file"])
    expected = {"damaged": DamagedFileError, "no key": NoKeyError}.get(vector["expect"])
    if expected is None:
        assert vector["expect"] == "success"
        assert replay(vector, data) == [bytes.fromhex(body) for body in vector.get("bodies", [])]
    else:
        with pytest.raises(expected) as caught:
            replay(vector, data)
        assert type(caught.value) is expected
        assert vector["message"] in str(caught.value)


def test_the_vectors_on_disk_are_those_made_here() -> None:
    on_disk = {path.stem: json.loads(path.read_text()) for path in FILES}
    assert on_disk == {name: {"name": name, **vector} for name, vector in vectors().items()}


def replay(vector: dict, data: bytes) -> list[bytes]:
    file = parse(data)
    file.verify()
    if "key" not in vector:
        return []
    key = bytes.fromhex(vector["key"])
    return keystream.open_levels(file.payloads, vector["level"], key, file.header.to_bytes())
