from __future__ import annotations

import re
import shutil
import stat
import subprocess
from pathlib import Path

import pyrage
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from primis.errors import DamagedFileError, InputError, NoKeyError, PrimisError, UsageError
from primis.keys import agefile
from primis.keys.agefile import Passphrase
from tests.keys.people import Person

SECRET = b"the secret"


def test_every_recipient_opens_and_nobody_else(owner: Person, partner: Person) -> None:
    sealed = agefile.seal(SECRET, [owner.recipient, partner.recipient])
    assert agefile.open_(sealed, owner.identities) == SECRET
    assert agefile.open_(sealed, partner.identities) == SECRET
    with pytest.raises(NoKeyError):
        agefile.open_(sealed, [pyrage.x25519.Identity.generate()])
    with pytest.raises(NoKeyError):
        agefile.open_(sealed, [])


def test_an_armored_file_opens_too(owner: Person) -> None:
    recipient = pyrage.x25519.Recipient.from_str(owner.recipient)
    armored = pyrage.encrypt(SECRET, [recipient], armored=True)
    assert agefile.open_(b"\n" + armored + b"\n\n", owner.identities) == SECRET
    assert not agefile.needs_passphrase(armored)


def test_a_passphrase_opens_and_a_wrong_one_does_not(owner: Person) -> None:
    sealed = agefile.seal(SECRET, Passphrase("correct horse"))
    assert agefile.needs_passphrase(sealed)
    assert agefile.open_(sealed, Passphrase("correct horse")) == SECRET
    with pytest.raises(NoKeyError, match="passphrase is wrong"):
        agefile.open_(sealed, Passphrase("Correct horse"))
    with pytest.raises(NoKeyError, match="sealed with a passphrase"):
        agefile.open_(sealed, owner.identities)
    with pytest.raises(DamagedFileError):
        agefile.open_(sealed[:-1], Passphrase("correct horse"))


def test_a_passphrase_file_is_recognised_through_its_armor() -> None:
    body = b"age-encryption.org/v1\n-> scrypt 49fq6fxlv7UEgWdBWhV82w 18\n"
    armored = agefile._ARMOR + b"\n" + agefile.base64.b64encode(body) + b"\n"
    assert agefile.needs_passphrase(armored)


def test_a_passphrase_does_not_open_what_is_sealed_to_people(owner: Person) -> None:
    with pytest.raises(NoKeyError, match="sealed to recipients"):
        agefile.open_(agefile.seal(SECRET, [owner.recipient]), Passphrase("x"))


def test_an_empty_passphrase_is_refused_and_none_shows_in_a_repr() -> None:
    with pytest.raises(UsageError):
        Passphrase("")
    assert "horse" not in repr(Passphrase("horse"))


def test_every_altered_or_missing_byte_is_noticed(owner: Person) -> None:
    sealed = agefile.seal(SECRET, [owner.recipient])
    for position in range(len(sealed)):
        altered = bytearray(sealed)
        altered[position] ^= 1
        with pytest.raises((DamagedFileError, NoKeyError)):
            agefile.open_(bytes(altered), owner.identities)
        with pytest.raises(DamagedFileError):
            agefile.open_(sealed[:position], owner.identities)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.sampled_from([b"", agefile._MAGIC, agefile._ARMOR + b"\n"]))
def test_any_bytes_raise_a_primis_error(owner: Person, data: bytes, start: bytes) -> None:
    with pytest.raises(PrimisError):
        agefile.open_(start + data, owner.identities)


@pytest.mark.parametrize(
    "key",
    [ed25519.Ed25519PrivateKey.generate(), rsa.generate_private_key(65537, 2048)],
    ids=["ed25519", "rsa"],
)
def test_ssh_keys_serve_as_recipient_and_identity(
    tmp_path: Path, key: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
) -> None:
    private, public = tmp_path / "id", tmp_path / "id.pub"
    private.write_bytes(_openssh(key))
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        )
        + b" someone@somewhere\n"
    )
    sealed = agefile.seal(SECRET, agefile.read_recipients(public))
    assert agefile.open_(sealed, agefile.read_identities(private)) == SECRET


def test_an_ssh_key_of_an_unsupported_kind_is_explained(tmp_path: Path) -> None:
    file = tmp_path / "id"
    file.write_bytes(_openssh(ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(InputError, match="Ed25519 or RSA"):
        agefile.read_identities(file)


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="ssh-keygen is not installed")
def test_a_locked_ssh_key_is_explained(tmp_path: Path) -> None:
    file = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "pass", "-f", file], check=True)
    with pytest.raises(InputError, match="locked with a passphrase"):
        agefile.read_identities(file)


def test_an_identity_file_may_hold_several_identities_and_comments(
    tmp_path: Path, owner: Person, partner: Person
) -> None:
    both = tmp_path / "both.txt"
    both.write_text(owner.file.read_text() + "\n\n# and\n  " + partner.file.read_text())
    identities = agefile.read_identities(both)
    assert len(identities) == 2
    for person in (owner, partner):
        sealed = agefile.seal(SECRET, [person.recipient])
        assert agefile.open_(sealed, identities) == SECRET


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no identity"),
        (b"# only a comment\n", "no identity"),
        (b"# x\nAGE-SECRET-KEY-1HUSHHUSH\n", "line 2"),
        (b"AGE-PLUGIN-YUBIKEY-1HUSHHUSH\n", "line 1"),
        (b"\xff\xfe", "not a text file"),
        (b"age-encryption.org/v1\n-> scrypt", "itself an age file"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\nHUSHHUSH", "not an SSH private key"),
    ],
)
def test_a_bad_identity_file_is_explained_without_showing_it(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    file = tmp_path / "id.txt"
    file.write_bytes(content)
    with pytest.raises(InputError, match=reason) as caught:
        agefile.read_identities(file)
    assert "HUSH" not in f"{caught.value} {caught.value.hint}"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.sampled_from([b"", b"-----BEGIN OPENSSH PRIVATE KEY-----\n"]))
def test_any_identity_file_raises_nothing_but_input_errors(
    tmp_path: Path, content: bytes, start: bytes
) -> None:
    file = tmp_path / "id.txt"
    file.write_bytes(start + content)
    with pytest.raises(InputError):
        agefile.read_identities(file)


def test_a_missing_identity_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        agefile.read_identities(tmp_path / "none")


def test_keygen_writes_a_private_file_in_the_form_of_age_keygen(tmp_path: Path) -> None:
    file = tmp_path / "me.txt"
    recipient = agefile.keygen(file)
    assert re.fullmatch(
        r"# created: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n"
        rf"# public key: {recipient}\n"
        r"AGE-SECRET-KEY-1[02-9A-Z]{58}\n",
        file.read_text(),
    )
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(UsageError):
        agefile.keygen(file)


@pytest.mark.parametrize("text", ["", "age1junk", "ssh-rsa AAAA", "somebody", "ecdsa-sha2 AAAA"])
def test_an_unfit_recipient_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="recipient 1"):
        agefile.seal(SECRET, [text])


def test_a_secret_key_given_as_recipient_is_refused_and_not_shown(owner: Person) -> None:
    secret_line = owner.file.read_text().splitlines()[-1]
    with pytest.raises(UsageError, match="recipient 2 is a secret key") as caught:
        agefile.check_recipients([owner.recipient, secret_line])
    assert secret_line not in f"{caught.value} {caught.value.hint}"


def test_sealing_to_nobody_is_refused() -> None:
    with pytest.raises(UsageError, match="nobody"):
        agefile.seal(SECRET, [])


def test_a_recipients_file_without_recipients_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "team.txt"
    file.write_text("# nobody yet\n")
    with pytest.raises(InputError, match="no recipient"):
        agefile.read_recipients(file)


def _openssh(
    key: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
