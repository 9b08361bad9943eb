from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from primis.errors import UsageError
from primis.keys import derive


def test_an_image_key_is_hkdf_written_out_by_hand() -> None:
    def hmac(key: bytes, data: bytes) -> bytes:
        mac = HMAC(key, SHA256())
        mac.update(data)
        return mac.finalize()

    secret, image_id = b"s" * 32, b"i" * 16
    extracted = hmac(bytes(32), secret)
    expected = hmac(extracted, b"primis v1 image key" + image_id + b"\x02" + b"\x01")
    assert derive.image_key(secret, image_id, 2) == expected


def test_no_two_image_keys_of_a_data_set_are_equal() -> None:
    secrets = derive.new_level_secrets()
    keys = {
        derive.image_key(secret, image_id, level)
        for image_id in (derive.new_id() for _ in range(50))
        for level, secret in enumerate(secrets)
    }
    assert len(keys) == 200


def test_level_secrets_and_ids_are_fresh_each_time() -> None:
    assert len({*derive.new_level_secrets(), *derive.new_level_secrets()}) == 8
    assert derive.new_id() != derive.new_id()


@pytest.mark.parametrize(
    ("secret", "image_id", "level"),
    [(bytes(31), bytes(16), 0), (bytes(32), bytes(15), 0), (bytes(32), bytes(16), 4)],
)
def test_wrong_lengths_and_levels_are_refused(secret: bytes, image_id: bytes, level: int) -> None:
    with pytest.raises(UsageError):
        derive.image_key(secret, image_id, level)
