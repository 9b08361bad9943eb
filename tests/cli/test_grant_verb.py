import json
import stat
import subprocess
from pathlib import Path
from shutil import which

import pytest

KEYS = ("-k", "owner.keyring", "-i", "me.txt")
PARTNER = ("-k", "partner.age", "-i", "partner.txt")


@pytest.fixture
def partner(run):
    """The recipient of somebody else."""
    return run("keygen", "-o", "partner.txt").stdout.strip()


def levels(run, *arguments):
    made = run("reconstruct", "public", *arguments, "-o", "out", "--force", "--json")
    return {r["image_id"]: r["level"] for r in json.loads(made.stdout)["results"]}


def test_keygen_prints_the_recipient_and_keeps_the_identity_private(run):
    made = run("keygen", "-o", "me.txt")
    assert made.stdout.startswith("age1")
    assert stat.S_IMODE(Path("me.txt").stat().st_mode) == 0o600
    assert made.stdout.strip() in Path("me.txt").read_text()


def test_keygen_never_overwrites(run):
    run("keygen", "-o", "me.txt")
    before = Path("me.txt").read_bytes()
    assert run("keygen", "-o", "me.txt").exit_code == 2
    assert Path("me.txt").read_bytes() == before


def test_a_grant_opens_all_images_up_to_its_level(run, owner, partner):
    made = run("grant", *KEYS, "--to", partner, "--level", "diagnostic", "-o", "partner.age")
    assert (made.exit_code, made.stdout) == (0, "partner.age\n")
    assert stat.S_IMODE(Path("partner.age").stat().st_mode) == 0o600
    assert levels(run, *PARTNER) == dict.fromkeys(owner.ids, "diagnostic")


def test_the_default_level_is_full(run, owner, partner):
    run("grant", *KEYS, "--to", partner, "-o", "partner.age")
    assert set(levels(run, *PARTNER).values()) == {"full"}


def test_a_grant_of_chosen_images_opens_no_other(run, owner, partner):
    first, second, third = owner.ids
    only = ("--only", first, "--only", second[:8].upper())
    assert run("grant", *KEYS, "--to", partner, *only, "-o", "partner.age").exit_code == 0
    assert levels(run, *PARTNER) == {first: "full", second: "full"}
    assert run("reconstruct", f"public/{third}.primis", *PARTNER, "-o", "x").exit_code == 4
    assert not Path("x").exists()


@pytest.mark.parametrize(("text", "code"), [("ffff0000ffff", 4), ("", 2), ("abc", 2), ("xyz!", 4)])
def test_an_id_that_fits_no_image_grants_nothing(run, owner, partner, text, code):
    made = run("grant", *KEYS, "--to", partner, "--only", text, "-o", "partner.age")
    assert made.exit_code == code
    assert not Path("partner.age").exists()


def test_the_text_key_of_an_image_opens_it_without_an_identity(run, owner):
    first = owner.ids[0]
    made = run("grant", *KEYS, "--only", first, "--level", "preview", "--as-text", "-o", "key.txt")
    assert made.exit_code == 0
    text = Path("key.txt").read_text()
    assert text.startswith("primis-key-1:preview:")
    assert text.strip() not in made.output
    assert stat.S_IMODE(Path("key.txt").stat().st_mode) == 0o600
    assert levels(run, "-k", "key.txt") == {first: "preview"}


def test_a_text_key_is_for_exactly_one_image(run, owner):
    for only in ((), ("--only", owner.ids[0], "--only", owner.ids[1])):
        assert run("grant", *KEYS, *only, "--as-text", "-o", "key.txt").exit_code == 2


def test_a_grant_can_be_sealed_with_a_passphrase(run, owner):
    answers = "tree house\ntree house\n"
    made = run("grant", *KEYS, "--passphrase", "-o", "p.age", passphrases=answers)
    assert made.exit_code == 0
    image = owner.public[0]
    opened = run("reconstruct", image, "-k", "p.age", "-o", "out", passphrases="tree house\n")
    assert opened.exit_code == 0


def test_a_passphrase_that_nobody_gives_is_a_usage_error(run, owner):
    made = run("grant", *KEYS, "--passphrase", "-o", "p.age")
    assert made.exit_code == 2
    assert "no passphrase was given" in made.stderr
    assert not Path("p.age").exists()


def test_recipients_come_from_files_too(run, owner, partner):
    Path("partners").write_text(f"# all\n{partner}\n{owner.recipient}\n")
    assert run("grant", *KEYS, "--to-file", "partners", "-o", "partner.age").exit_code == 0
    assert levels(run, *PARTNER)
    assert levels(run, "-k", "partner.age", "-i", "me.txt")


@pytest.mark.parametrize("ways", [(), ("--passphrase", "--as-text")])
def test_a_grant_goes_one_way(run, owner, ways):
    assert run("grant", *KEYS, *ways, "-o", "partner.age").exit_code == 2


def test_a_grant_overwrites_only_by_force_and_the_keyring_never(run, owner, partner):
    keyring = Path("owner.keyring").read_bytes()
    Path("partner.age").write_text("mine")
    grant = ("grant", *KEYS, "--to", partner, "-o")
    assert run(*grant, "partner.age").exit_code == 2
    assert Path("partner.age").read_text() == "mine"
    assert run(*grant, "partner.age", "--force").exit_code == 0
    assert run(*grant, "owner.keyring", "--force").exit_code == 2
    assert run(*grant, "me.txt", "--force").exit_code == 2
    assert Path("owner.keyring").read_bytes() == keyring


def test_a_secret_among_the_arguments_is_refused_and_not_repeated(run, owner):
    secret = Path("me.txt").read_text().split()[-1]
    key = "primis-key-1:full:ABCD"
    for arguments in (
        ("grant", *KEYS, "--to", secret, "-o", "partner.age"),
        ("images", "-k", "owner.keyring", "-i", secret),
        ("reconstruct", "public", "-k", key, "-o", "out"),
    ):
        made = run(*arguments)
        assert made.exit_code == 2
        assert secret not in made.output
        assert key not in made.output


def test_a_grant_gives_no_grants(run, owner, partner):
    run("grant", *KEYS, "--to", partner, "-o", "partner.age")
    made = run("grant", *PARTNER, "--to", partner, "-o", "second.age")
    assert made.exit_code == 5
    assert "this is a grant, not a keyring" in made.stderr


def test_a_stranger_opens_neither_keyring_nor_grant(run, owner, partner):
    assert run("images", "-k", "owner.keyring", "-i", "partner.txt").exit_code == 4
    assert run("images", "-k", "owner.keyring").exit_code == 2


@pytest.mark.skipif(which("age") is None, reason="age is not installed")
def test_age_itself_opens_a_grant(run, owner, partner):
    run("grant", *KEYS, "--to", partner, "-o", "partner.age")
    opened = subprocess.run(
        ["age", "-d", "-i", "partner.txt", "partner.age"], capture_output=True, check=True
    )
    assert b"primis grant" in opened.stdout


@pytest.mark.skipif(which("ssh-keygen") is None, reason="ssh-keygen is not installed")
def test_an_ssh_identity_serves_as_well(run, owner):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "ssh"], check=True)
    made = run("protect", "study/a.png", "-o", "p", "-k", "k", "-i", "ssh")
    assert made.exit_code == 0
    assert run("images", "-k", "k", "-i", "ssh").stdout.endswith("study/a.png\n")
