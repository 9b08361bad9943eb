from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from primis.errors import DamagedFileError, NoKeyError, PrimisError, UsageError
from primis.obfuscation import keystream

HEADER = b"header"
KEYS = [bytes([level]) * 32 for level in range(1, 5)]
BODIES = [b"preview", b"diagnostic part", b"", b"original"]


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4))
def test_a_level_key_opens_its_level_and_all_below(bodies: list[bytes]) -> None:
    payloads = keystream.seal(bodies, KEYS[: len(bodies)], HEADER)
    for level, key in enumerate(KEYS[: len(bodies)]):
        assert keystream.open_levels(payloads, level, key, HEADER) == bodies[: level + 1]


def test_payload_lengths_are_known_before_sealing() -> None:
    payloads = keystream.seal(BODIES, KEYS, HEADER)
    expected = [keystream.sealed_length(level, len(body)) for level, body in enumerate(BODIES)]
    assert list(map(len, payloads)) == expected == [23, 63, 48, 56]


def test_upper_payloads_are_not_needed_to_open_a_lower_level() -> None:
    payloads = keystream.seal(BODIES, KEYS, HEADER)
    assert keystream.open_levels(payloads[:2], 1, KEYS[1], HEADER) == BODIES[:2]


@given(st.binary(min_size=32, max_size=32))
def test_a_wrong_key_never_opens(key: bytes) -> None:
    payloads = keystream.seal(BODIES, KEYS, HEADER)
    for level in range(4):
        if key != KEYS[level]:
            with pytest.raises(NoKeyError):
                keystream.open_levels(payloads, level, key, HEADER)


def test_the_key_of_one_level_opens_no_other_level() -> None:
    payloads = keystream.seal(BODIES, KEYS, HEADER)
    for level in range(4):
        for other in {0, 1, 2, 3} - {level}:
            with pytest.raises(NoKeyError):
                keystream.open_levels(payloads, other, KEYS[level], HEADER)


def test_a_payload_opens_under_no_other_header() -> None:
    payloads = keystream.seal(BODIES, KEYS, HEADER)
    with pytest.raises(NoKeyError):
        keystream.open_levels(payloads, 3, KEYS[3], b"Header")


def test_equal_bodies_do_not_show() -> None:
    payloads = keystream.seal([b"x" * 40] * 3, KEYS[:3], HEADER)
    assert len({payload[:40] for payload in payloads}) == 3


def test_a_damaged_lower_level_is_told_from_a_wrong_key() -> None:
    payloads = keystream.seal(BODIES, KEYS, HEADER)
    payloads[1] = bytes(len(payloads[1]))
    with pytest.raises(DamagedFileError, match="level 1"):
        keystream.open_levels(payloads, 3, KEYS[3], HEADER)


def test_a_level_too_short_to_carry_a_key_is_damaged() -> None:
    as_level_1 = keystream.AESGCM(KEYS[1]).encrypt(bytes(12), b"short", HEADER + b"\x01")
    with pytest.raises(DamagedFileError, match="too short"):
        keystream.open_levels([b"", as_level_1], 1, KEYS[1], HEADER)


@given(st.lists(st.binary(max_size=60), max_size=4), st.integers(-1, 4), st.binary(max_size=40))
def test_anything_opens_or_raises_a_primis_error(
    payloads: list[bytes], level: int, key: bytes
) -> None:
    with pytest.raises(PrimisError):
        keystream.open_levels(payloads, level, key, HEADER)


@pytest.mark.parametrize(
    "keys", [KEYS[:3], [KEYS[0]] * 4, [bytes(31), *KEYS[1:]]], ids=["few", "equal", "short"]
)
def test_sealing_refuses_unfit_keys(keys: list[bytes]) -> None:
    with pytest.raises(UsageError):
        keystream.seal(BODIES, keys, HEADER)
