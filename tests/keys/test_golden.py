"""Frozen bytes of every key format. PRIMIS_REGENERATE=1 rewrites them: review the difference."""

from __future__ import annotations

import json
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from primis.keys import Entry, Grant, ImageKey, Keyring, derive, format_key, parse_key, record
from primis.obfuscation import keystream

GOLDEN = Path(__file__).parent / "golden.json"
SECRETS = tuple(bytes([0xA0 + level]) * 32 for level in range(4))
IMAGE_ID, AMBIGUATED_ID = bytes(range(16)), bytes(range(16, 32))
RECIPIENT = "age1hs3rkcmq6dmxpummvdzju2rv92nlfaxl8jgh3esmnfu98swukffqu545fr"


def golden_keyring() -> Keyring:
    images = {
        IMAGE_ID: Entry("one.dcm"),
        AMBIGUATED_ID: Entry("two.dcm", (b"zero", b"one", b"two")),
    }
    signing_key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    return Keyring(b"data set id 16 b", SECRETS, signing_key, (RECIPIENT,), images)


def current() -> dict[str, object]:
    keyring = golden_keyring()
    keys = [derive.image_key(secret, IMAGE_ID, level) for level, secret in enumerate(SECRETS)]
    bodies = [b"preview", b"diagnostic", b"full", b"original"]
    return {
        "level_secrets": [secret.hex() for secret in SECRETS],
        "image_id": IMAGE_ID.hex(),
        "image_keys": [key.hex() for key in keys],
        "text_keys": [format_key(ImageKey(level, key)) for level, key in enumerate(keys)],
        "sealed": {
            "header": b"header".hex(),
            "bodies": [body.hex() for body in bodies],
            "payloads": [p.hex() for p in keystream.seal(bodies, keys, b"header")],
        },
        "keyring": keyring.to_bytes().hex(),
        "grant_of_data_set": keyring.grant(1).to_bytes().hex(),
        "grant_of_images": keyring.grant(1, {IMAGE_ID, AMBIGUATED_ID}).to_bytes().hex(),
    }


def test_formats_are_those_of_the_golden_file() -> None:
    if "PRIMIS_REGENERATE" in os.environ:
        GOLDEN.write_text(json.dumps(current(), indent=2) + "\n")
    assert current() == json.loads(GOLDEN.read_text())


def test_golden_records_are_read_back() -> None:
    golden = json.loads(GOLDEN.read_text())
    keyring = golden_keyring()
    for name, grant in {
        "grant_of_data_set": keyring.grant(1),
        "grant_of_images": keyring.grant(1, {IMAGE_ID, AMBIGUATED_ID}),
    }.items():
        assert Grant.from_fields(record.decode(bytes.fromhex(golden[name]))[1]) == grant
    keys = [bytes.fromhex(key) for key in golden["image_keys"]]
    assert [parse_key(text).material for text in golden["text_keys"]] == keys
