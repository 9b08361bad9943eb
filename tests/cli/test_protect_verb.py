import json
import re
import shutil
import stat
import time
from pathlib import Path

import pydicom
import pytest
from PIL import Image as Pillow

from tests.cli.slope import slope

KEYS = ("-k", "owner.keyring", "-i", "me.txt")


@pytest.fixture
def study(run):
    folder = Path("study")
    folder.mkdir()
    Pillow.fromarray(slope(64, 64, 255)).save(folder / "one.png")
    assert run("keygen", "-o", "me.txt").exit_code == 0
    return folder


def names(run):
    listed = json.loads(run("images", *KEYS, "--json").stdout)
    return sorted(image["name"] for image in listed["images"])


def test_public_names_are_random_and_only_the_keyring_knows_the_inputs(run, study):
    made = run("protect", study, "-o", "public", *KEYS)
    assert made.exit_code == 0
    (public,) = Path("public").iterdir()
    assert re.fullmatch(r"[0-9a-f]{32}\.primis", public.name)
    assert made.stdout == f"{public}\n"
    assert names(run) == ["study/one.png"]
    assert b"one" not in public.read_bytes()


def test_dates_of_public_files_tell_the_day_alone(run, study):
    run("protect", study, "-o", "public", *KEYS)
    (public,) = Path("public").iterdir()
    assert public.stat().st_mtime % 86_400 == 0
    assert 0 <= time.time() - public.stat().st_mtime < 2 * 86_400


def test_keyring_is_private_and_sealed(run, study):
    run("protect", study, "-o", "public", *KEYS)
    keyring = Path("owner.keyring")
    assert stat.S_IMODE(keyring.stat().st_mode) == 0o600
    assert keyring.read_bytes().startswith(b"age-encryption.org/v1\n")


def test_folders_are_searched_hidden_files_left_alone_and_others_counted(run, study):
    (study / "deeper").mkdir()
    Pillow.fromarray(slope(64, 80, 255)).save(study / "deeper" / "two.tif")
    (study / ".hidden").mkdir()
    shutil.copy(study / "one.png", study / ".hidden" / "three.png")
    (study / "notes.txt").write_text("not an image")
    made = run("protect", study, "-o", "public", *KEYS, "--jobs", 1, "--json")
    assert made.exit_code == 0
    result = json.loads(made.stdout)
    assert [r["input"] for r in result["results"]] == ["study/one.png", "study/deeper/two.tif"]
    assert result["skipped"] == 1
    assert "2 protected, 1 of other kinds skipped" in made.stderr


def test_an_input_given_twice_is_protected_once(run, study):
    made = run("protect", study, study / "one.png", "-o", "public", *KEYS)
    assert made.exit_code == 0
    assert len(list(Path("public").iterdir())) == 1


def test_a_second_run_adds_to_the_keyring(run, study):
    run("protect", study, "-o", "public", *KEYS)
    Pillow.fromarray(slope(64, 64, 200)).save("later.png")
    assert run("protect", "later.png", "-o", "public", *KEYS).exit_code == 0
    assert names(run) == ["later.png", "study/one.png"]


def test_images_of_one_shape_and_rate_have_files_of_one_size(run, study):
    Pillow.fromarray(slope(64, 64, 255) // 9).save(study / "dark.png")
    run("protect", study, "-o", "public", *KEYS, "--jobs", 1, "--rate", "1.5")
    assert len({path.stat().st_size for path in Path("public").iterdir()}) == 1


def test_a_failing_input_is_reported_and_the_others_go_on(run, study):
    (study / "broken.png").write_bytes((study / "one.png").read_bytes()[:60])
    made = run("protect", study, "-o", "public", *KEYS, "--jobs", 1)
    assert made.exit_code == 7
    assert "primis: error: study/broken.png is not a readable" in made.stderr
    assert "1 of 2 inputs failed" in made.stderr
    assert len(list(Path("public").iterdir())) == 1


def test_a_single_failing_input_gives_its_own_code_and_leaves_nothing(run, study):
    Path("notes.txt").write_text("not an image")
    before = sorted(Path().iterdir())
    for missing_or_wrong in ("notes.txt", "missing.png"):
        made = run("protect", missing_or_wrong, "-o", "public", *KEYS)
        assert (made.exit_code, made.stdout) == (3, "")
        assert missing_or_wrong in made.stderr
    assert sorted(Path().iterdir()) == before


def test_a_folder_without_images_is_an_error(run, study):
    Path("empty").mkdir()
    made = run("protect", "empty", "-o", "public", *KEYS)
    assert made.exit_code == 3
    assert "no image file in empty" in made.stderr


def test_burned_in_text_is_refused_unless_allowed(run, study, ct):
    dataset = pydicom.dcmread(ct)
    dataset.BurnedInAnnotation = "YES"
    dataset.save_as("burned.dcm")
    refused = run("protect", "burned.dcm", "-o", "public", *KEYS)
    assert refused.exit_code == 6
    assert "--allow-burned-in" in refused.stderr
    allowed = run("protect", "burned.dcm", "-o", "public", *KEYS, "--allow-burned-in")
    assert allowed.exit_code == 0


def test_outputs_never_mix_with_inputs(run, study):
    refused = run("protect", study / "one.png", "-o", study, *KEYS)
    assert refused.exit_code == 2
    assert "study holds the inputs" in refused.stderr
    assert [path.name for path in study.iterdir()] == ["one.png"]


def test_an_output_that_is_a_file_is_refused(run, study):
    Path("public").write_text("mine")
    assert run("protect", study, "-o", "public", *KEYS).exit_code == 2
    assert Path("public").read_text() == "mine"


@pytest.mark.parametrize("rate", ["huge", "0", "nan", "-1"])
def test_a_senseless_rate_is_a_usage_error(run, study, rate):
    assert run("protect", study, "-o", "public", *KEYS, "--rate", rate).exit_code == 2


def test_dry_run_tells_what_would_be_done_and_writes_nothing(run, study, ct):
    shutil.copy(ct, study / "slice.dcm")
    (study / "broken.png").write_bytes((study / "one.png").read_bytes()[:60])
    before = sorted(Path().rglob("*"))
    listed = run("protect", study, "-o", "public", *KEYS, "--dry-run")
    assert listed.exit_code == 7
    assert listed.stdout.splitlines() == [
        "study/one.png: PNG, 64 x 64, 8 bits",
        "study/slice.dcm: DICOM, 512 x 512, 14 bits",
    ]
    assert "study/broken.png" in listed.stderr
    assert sorted(Path().rglob("*")) == before


def test_several_processes_give_what_one_gives_in_order(run, study):
    for n in range(5):
        Pillow.fromarray(slope(64, 64 + n, 255)).save(study / f"more{n}.png")
    (study / "more2.png").write_bytes((study / "one.png").read_bytes()[:60])
    made = run("protect", study, "-o", "public", *KEYS, "--jobs", 2, "--json")
    assert made.exit_code == 7
    result = json.loads(made.stdout)
    inputs = [r["input"] for r in result["results"]]
    assert inputs == [f"study/{n}.png" for n in ("more0", "more1", "more3", "more4", "one")]
    assert [f["input"] for f in result["failures"]] == ["study/more2.png"]
    assert names(run) == inputs
    assert run("reconstruct", "public", *KEYS, "-o", "out", "--jobs", 2).exit_code == 0
    assert len(list(Path("out").iterdir())) == 5


@pytest.mark.slow
def test_without_an_identity_the_keyring_is_sealed_with_a_passphrase(run, study):
    made = run("protect", study, "-o", "p", "-k", "k", passphrases="tree house\ntree house\n")
    assert made.exit_code == 0
    assert "tree house" not in made.output
    assert run("images", "-k", "k", passphrases="tree house\n").exit_code == 0
    assert run("images", "-k", "k", passphrases="wrong\n").exit_code == 4


def test_ambiguated_images_open_by_grant_and_have_no_text_key(run, study):
    options = ("--scheme", "ambiguation", "--rate", "2")
    assert run("protect", study, "-o", "public", *KEYS, *options, "--original").exit_code == 2
    assert run("protect", study, "-o", "public", *KEYS, *options).exit_code == 0
    (public,) = Path("public").iterdir()
    one = ("--only", public.stem)
    assert run("grant", *KEYS, *one, "--as-text", "-o", "key.txt").exit_code == 2
    assert not Path("key.txt").exists()
    recipient = run("keygen", "-o", "partner.txt").stdout.strip()
    assert run("grant", *KEYS, *one, "--to", recipient, "-o", "p.age").exit_code == 0
    made = run("reconstruct", "public", "-k", "p.age", "-i", "partner.txt", "-o", "out")
    assert made.exit_code == 0


def test_control_characters_of_a_name_do_not_reach_the_terminal(run, study):
    (study / "one.png").rename(study / "one\x1b[31m\n.png")
    assert run("protect", study, "-o", "public", *KEYS).exit_code == 0
    listed = run("images", *KEYS).stdout
    assert "one\\x1b[31m\\n.png" in listed
    assert "\x1b" not in listed
