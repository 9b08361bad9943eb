import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from primis import container
from primis.cli.describe import describe
from primis.errors import DamagedFileError

KEYS = ("-k", "owner.keyring", "-i", "me.txt")


def alter(path):
    data = bytearray(path.read_bytes())
    data[-80] ^= 1
    path.write_bytes(data)


def test_inspect_shows_the_header_and_nothing_more(run, owner):
    path = owner.public[0]
    shown = json.loads(run("inspect", path, "--json").stdout)
    header = container.parse(path.read_bytes()).header
    assert shown == {
        "kind": "public file",
        "format_version": 1,
        "scheme": "keystream",
        "model": header.model.hex(),
        "image_id": path.stem,
        "rows": header.rows,
        "columns": header.columns,
        "bytes": path.stat().st_size,
        "bits_per_pixel": round(8 * path.stat().st_size / header.rows / header.columns, 4),
        "level_bytes": dict(
            zip(("preview", "diagnostic", "full", "original"), header.lengths, strict=True)
        ),
        "publisher": header.publisher.hex(),
        "signature": "valid",
    }


def test_inspect_tells_of_an_altered_file_that_its_signature_does_not_match(run, owner):
    alter(owner.public[0])
    shown = run("inspect", owner.public[0])
    assert shown.exit_code == 0
    assert "signature: does not match" in shown.stdout


def test_inspect_of_a_keyring_shows_how_it_is_sealed_only(run, owner):
    shown = json.loads(run("inspect", "owner.keyring", "--json").stdout)
    assert shown == {
        "kind": "age file, perhaps a grant or a keyring",
        "bytes": Path("owner.keyring").stat().st_size,
        "armored": False,
        "sealed_to": ["X25519"],
    }


def test_inspect_sees_through_armor(tmp_path):
    import pyrage

    recipients = [pyrage.x25519.Identity.generate().to_public() for _ in range(3)]
    (tmp_path / "armored").write_bytes(pyrage.encrypt(b"text", recipients, armored=True))
    shown = describe(tmp_path / "armored")
    assert shown["armored"] is True
    assert shown["sealed_to"] == ["X25519"] * 3


def test_inspect_does_not_show_a_text_key(run, owner):
    run("grant", *KEYS, "--only", owner.ids[0], "--as-text", "-o", "key.txt")
    shown = run("inspect", "key.txt")
    assert shown.exit_code == 0
    assert Path("key.txt").read_text().strip()[-20:] not in shown.output


def test_inspect_refuses_other_files(run, owner):
    assert run("inspect", "study/a.png").exit_code == 5
    assert run("inspect", "missing").exit_code == 3


@given(
    start=st.sampled_from(
        [
            b"",
            b"age-encryption.org/v1\n-> ",
            b"-----BEGIN AGE ENCRYPTED FILE-----\n",
            b"primis-key-",
        ]
    ),
    rest=st.binary(max_size=200),
)
def test_any_bytes_are_described_or_refused(tmp_path_factory, start, rest):
    path = tmp_path_factory.getbasetemp() / "bytes"
    path.write_bytes(start + rest)
    with contextlib.suppress(DamagedFileError):
        assert describe(path)["kind"]


def test_verify_prints_a_line_per_good_file(run, owner):
    checked = run("verify", "public")
    assert checked.exit_code == 0
    assert checked.stdout.splitlines() == [f"{path}: good" for path in owner.public]


def test_verify_exits_with_5_if_any_file_is_bad(run, owner):
    alter(owner.public[1])
    checked = run("verify", "public", "--json")
    assert checked.exit_code == 5
    result = json.loads(checked.stdout)
    assert [f["input"] for f in result["failures"]] == [str(owner.public[1])]
    assert [r["image_id"] for r in result["results"]] == [owner.ids[0], owner.ids[2]]


def test_verify_can_insist_on_a_publisher(run, owner):
    publisher = json.loads(run("images", *KEYS, "--json").stdout)["publisher"]
    Path("hospital").write_text(publisher + "\n")
    assert run("verify", "public", "--publisher", publisher).exit_code == 0
    assert run("verify", "public", "--publisher", "hospital").exit_code == 0
    other = run("verify", "public", "--publisher", "00" * 32)
    assert other.exit_code == 5
    assert "another publisher" in other.stderr


@pytest.mark.parametrize("publisher", ["missing", "me.txt", "abcd"])
def test_verify_refuses_what_is_no_publisher(run, owner, publisher):
    assert run("verify", "public", "--publisher", publisher).exit_code == 3
