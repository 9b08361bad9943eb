import json
from pathlib import Path

import numpy as np

OLD = ("-k", "owner.keyring", "-i", "me.txt")
NEW = ("-k", "new.keyring", "-i", "me.txt")
REKEY = ("rekey", "public", *OLD, "--new-keyring", "new.keyring", "-o", "public2")


def images(run, *keys):
    listed = json.loads(run("images", *keys, "--json").stdout)["images"]
    return {image["name"]: image["image_id"] for image in listed}


def test_rekeyed_files_give_the_same_images_under_new_ids(run, owner):
    before = {path: path.read_bytes() for path in owner.public}
    assert run(*REKEY).exit_code == 0
    old, new = images(run, *OLD), images(run, *NEW)
    assert old.keys() == new.keys()
    assert not set(old.values()) & set(new.values())
    assert {path.stem for path in Path("public2").iterdir()} == set(new.values())
    for level in ("preview", "full", "original"):
        options = ("--as", "npy", "--level", level)
        run("reconstruct", "public", *OLD, "-o", f"old-{level}", *options)
        run("reconstruct", "public2", *NEW, "-o", f"new-{level}", *options)
        for name in old:
            first = np.load(f"old-{level}/{old[name]}.npy")
            assert (first == np.load(f"new-{level}/{new[name]}.npy")).all()
    assert {path: path.read_bytes() for path in owner.public} == before


def test_old_keys_do_not_open_rekeyed_files(run, owner):
    run("grant", *OLD, "--to", owner.recipient, "-o", "old.age")
    run(*REKEY)
    made = run("reconstruct", "public2", "-k", "old.age", "-i", "me.txt", "-o", "out")
    assert made.exit_code != 0
    assert not Path("out").exists()


def test_rekeying_never_works_in_place(run, owner):
    before = {path: path.read_bytes() for path in owner.public}
    assert run(*REKEY[:-1], "public").exit_code == 2
    same_keyring = ("--new-keyring", "owner.keyring", "-o", "public2")
    assert run("rekey", "public", *OLD, *same_keyring).exit_code == 2
    assert {path: path.read_bytes() for path in Path("public").iterdir()} == before


def test_a_damaged_file_is_reported_and_the_others_go_on(run, owner):
    owner.public[0].write_bytes(b"")
    made = run(*REKEY)
    assert made.exit_code == 7
    assert f"{owner.public[0]}: public file is empty" in made.stderr
    assert len(list(Path("public2").iterdir())) == 2


def test_ambiguated_files_cannot_be_rekeyed(run, owner):
    run("protect", "study/a.png", "-o", "hidden", *OLD, "--scheme", "ambiguation", "--rate", 2)
    made = run("rekey", "hidden", *OLD, "--new-keyring", "new.keyring", "-o", "public2")
    assert made.exit_code == 2
    assert not Path("public2").exists()
