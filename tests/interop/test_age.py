"""Our age files and identity files against the real `age` program."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from primis.errors import NoKeyError
from primis.keys import Entry, Keyring, agefile, keygen, load_keys, new_id, read_identities

pytestmark = pytest.mark.skipif(
    not (shutil.which("age") and shutil.which("age-keygen")), reason="age is not installed"
)


def run(*command: str | Path, data: bytes | None = None) -> bytes:
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    keyring = Keyring.create([keygen(tmp_path / "owner.txt")])
    keyring.add(new_id(), Entry("one.dcm"))
    return keyring


def test_age_opens_a_grant_sealed_to_an_age_keygen_identity(
    tmp_path: Path, keyring: Keyring
) -> None:
    run("age-keygen", "-o", tmp_path / "me.txt")
    recipient = run("age-keygen", "-y", tmp_path / "me.txt").decode().strip()
    grant = keyring.grant(1)
    (tmp_path / "grant.age").write_bytes(grant.seal([recipient]))
    assert run("age", "-d", "-i", tmp_path / "me.txt", tmp_path / "grant.age") == grant.to_bytes()
    assert load_keys(tmp_path / "grant.age", read_identities(tmp_path / "me.txt")) == grant


@pytest.mark.parametrize("armor", [[], ["-a"]], ids=["binary", "armored"])
def test_what_age_sealed_again_is_still_a_grant(
    tmp_path: Path, keyring: Keyring, armor: list[str]
) -> None:
    grant = keyring.grant(2, keyring.images.keys())
    recipient = keygen(tmp_path / "me.txt")
    (tmp_path / "grant.age").write_bytes(run("age", "-r", recipient, *armor, data=grant.to_bytes()))
    assert load_keys(tmp_path / "grant.age", read_identities(tmp_path / "me.txt")) == grant


def test_age_keygen_derives_the_recipient_of_our_identity_file(tmp_path: Path) -> None:
    recipient = keygen(tmp_path / "me.txt")
    assert run("age-keygen", "-y", tmp_path / "me.txt").decode().strip() == recipient


def test_age_opens_a_keyring_with_our_identity_file(tmp_path: Path, keyring: Keyring) -> None:
    keyring.save(tmp_path / "owner.keyring")
    opened = run("age", "-d", "-i", tmp_path / "owner.txt", tmp_path / "owner.keyring")
    assert opened == keyring.to_bytes()


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="ssh-keygen is not installed")
@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_ssh_keys_work_both_ways(tmp_path: Path, kind: str) -> None:
    private, public = tmp_path / "id", tmp_path / "id.pub"
    run("ssh-keygen", "-q", "-t", kind, "-N", "", "-f", private)
    ours = agefile.seal(b"secret", agefile.read_recipients(public))
    assert run("age", "-d", "-i", private, data=ours) == b"secret"
    theirs = run("age", "-R", public, data=b"secret")
    assert agefile.open_(theirs, read_identities(private)) == b"secret"


def test_neither_program_opens_what_is_sealed_to_others(tmp_path: Path, keyring: Keyring) -> None:
    sealed = keyring.grant(0).seal([keygen(tmp_path / "me.txt")])
    with pytest.raises(NoKeyError):
        agefile.open_(sealed, read_identities(tmp_path / "owner.txt"))
    with pytest.raises(subprocess.CalledProcessError):
        run("age", "-d", "-i", tmp_path / "owner.txt", data=sealed)
