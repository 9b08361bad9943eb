from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from primis.errors import InputError, NoKeyError, UsageError
from primis.keys import ImageKey, format_key, parse_key

KEYS = st.builds(ImageKey, st.integers(0, 3), st.binary(min_size=32, max_size=32))
TEXT = format_key(ImageKey(2, bytes(range(32))))


@given(KEYS)
def test_a_key_survives_its_text_form(key: ImageKey) -> None:
    assert parse_key(format_key(key)) == key


def test_case_blanks_and_hyphens_do_not_matter() -> None:
    sloppy = "  " + TEXT.lower().replace("-", " ")[:40] + "\n" + TEXT.replace("-", " ")[40:] + "\n"
    assert parse_key(sloppy.replace("primis key 1", "primis-key-1")) == parse_key(TEXT)


@pytest.mark.parametrize("position", range(len("primis-key-1:full:"), len(TEXT)))
def test_every_single_mistyped_character_is_noticed(position: int) -> None:
    typo = "A" if TEXT[position] != "A" else "B"
    with pytest.raises(InputError):
        parse_key(TEXT[:position] + typo + TEXT[position + 1 :])


def test_a_key_relabelled_to_another_level_is_noticed() -> None:
    with pytest.raises(InputError, match="mistyped"):
        parse_key(TEXT.replace(":full:", ":preview:"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "does not start with"),
        ("AGE-SECRET-KEY-1QQ", "does not start with"),
        (TEXT.replace("key-1", "key-2"), "does not start with"),
        (TEXT.replace("full", "fulll"), "no known level"),
        (TEXT[:-1], "55 characters"),
        (TEXT + "A", "57 characters"),
        (TEXT[:-1] + "1", "none of A to Z"),
        (TEXT[:-1] + "=", "mistyped"),
    ],
)
def test_errors_name_the_cause_and_never_the_key(text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        parse_key(text)
    shown = f"{caught.value} {caught.value.hint}"
    assert not any(group in shown for group in TEXT.rpartition(":")[2].split("-"))


@given(st.text(max_size=100) | st.text(max_size=70).map("primis-key-1:full:".__add__))
def test_any_text_is_a_key_or_an_input_error(text: str) -> None:
    with pytest.raises(InputError):
        parse_key(text)


def test_the_supports_of_an_ambiguated_image_have_no_text_form() -> None:
    with pytest.raises(UsageError, match="32-byte"):
        format_key(ImageKey(0, (b"support",)))


def test_a_single_key_serves_its_level_and_those_below() -> None:
    key = parse_key(TEXT)
    assert key.highest_level(bytes(16)) == 2
    assert key.image_key(bytes(16), 0) is key
    with pytest.raises(NoKeyError, match="up to full, not original"):
        key.image_key(bytes(16), 3)


def test_a_key_does_not_show_in_its_repr() -> None:
    assert repr(ImageKey(2, b"secret" * 5)) == "ImageKey(level=2)"
