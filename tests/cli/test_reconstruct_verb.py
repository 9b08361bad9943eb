import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image as Pillow

from primis import container
from primis.keys import Keyring, read_identities
from primis.obfuscation import keystream

KEYS = ("-k", "owner.keyring", "-i", "me.txt")


def pixels(path):
    with Pillow.open(path) as picture:
        return np.asarray(picture).astype(float)


def names(run):
    listed = json.loads(run("images", *KEYS, "--json").stdout)
    return {image["image_id"]: image["name"] for image in listed["images"]}


def test_the_original_level_returns_the_exact_pixels(run, owner):
    made = run("reconstruct", "public", *KEYS, "-o", "out", "--json")
    assert made.exit_code == 0
    results = json.loads(made.stdout)["results"]
    assert {(r["level"], r["exact"]) for r in results} == {("original", True)}
    for image_id, name in names(run).items():
        source = Path(name).name
        assert (pixels(f"out/{image_id}.png") == pixels(f"study/{source}")).all()


def test_higher_levels_are_closer_to_the_original(run, owner):
    image = owner.public[0]
    original = pixels(f"study/{Path(names(run)[image.stem]).name}")
    errors = []
    for level in ("preview", "diagnostic", "full"):
        assert run("reconstruct", image, *KEYS, "-o", level, "--level", level).exit_code == 0
        errors.append(np.square(pixels(f"{level}/{image.stem}.png") - original).mean())
    assert errors == sorted(errors, reverse=True)
    assert errors[0] < original.var()


def test_dicom_comes_back_as_a_derived_dicom_object(run, owner, ct):
    made = run("protect", ct, "-o", "dicom", *KEYS, "--rate", 2)
    (public,) = Path("dicom").iterdir()
    made = run("reconstruct", public, *KEYS, "-o", "out")
    assert made.stdout == f"out/{public.stem}.dcm\n"
    result, source = pydicom.dcmread(made.stdout.strip()), pydicom.dcmread(ct)
    assert result.ImageType[0] == "DERIVED"
    assert result.LossyImageCompression == "01"
    assert float(result.LossyImageCompressionRatio) > 1
    assert "level full" in result.DerivationDescription
    assert result.SOPInstanceUID != source.SOPInstanceUID
    assert result.PixelSpacing == source.PixelSpacing
    assert result.pixel_array.shape == source.pixel_array.shape
    spread = source.pixel_array.std()
    assert np.abs(result.pixel_array - source.pixel_array.astype(float)).mean() < spread / 4


@pytest.mark.parametrize(("format_", "suffix"), [("png", "png"), ("dicom", "dcm"), ("npy", "npy")])
def test_every_format_on_demand(run, owner, format_, suffix):
    image = owner.public[0]
    assert run("reconstruct", image, *KEYS, "-o", "out", "--as", format_).exit_code == 0
    assert [path.name for path in Path("out").iterdir()] == [f"{image.stem}.{suffix}"]


def test_nothing_is_overwritten_without_force(run, owner):
    image = owner.public[0]
    output = Path("out") / f"{image.stem}.png"
    output.parent.mkdir()
    output.write_text("mine")
    refused = run("reconstruct", image, *KEYS, "-o", "out")
    assert refused.exit_code == 2
    assert "--force" in refused.stderr
    assert output.read_text() == "mine"
    assert run("reconstruct", image, *KEYS, "-o", "out", "--force").exit_code == 0
    assert output.read_bytes().startswith(b"\x89PNG")


def test_the_public_file_itself_is_never_overwritten(run, owner):
    image = owner.public[0].rename(Path("public") / f"{owner.ids[0]}.png")
    before = image.read_bytes()
    assert run("reconstruct", image, *KEYS, "-o", "public", "--force").exit_code == 2
    assert image.read_bytes() == before


def test_every_damaged_file_is_reported_and_leaves_no_output(run, owner):
    cut, altered, good = owner.public
    cut.write_bytes(cut.read_bytes()[:-1])
    data = bytearray(altered.read_bytes())
    data[200] ^= 1
    altered.write_bytes(data)
    made = run("reconstruct", "public", *KEYS, "-o", "out")
    assert made.exit_code == 7
    assert [path.stem for path in Path("out").iterdir()] == [good.stem]
    assert f"{cut}: public file is truncated" in made.stderr
    assert f"{altered}: public file was altered" in made.stderr
    assert run("reconstruct", cut, *KEYS, "-o", "alone").exit_code == 5
    assert not Path("alone").exists()


def test_a_key_that_fits_no_file_exits_with_4(run, owner):
    recipient = run("keygen", "-o", "partner.txt").stdout.strip()
    run("grant", *KEYS, "--to", recipient, "--level", "preview", "-o", "p.age")
    made = run(
        "reconstruct", "public", "-k", "p.age", "-i", "partner.txt", "-o", "out", "--level", "full"
    )
    assert made.exit_code == 4
    assert made.stderr.count("hint:") == 1
    assert not Path("out").exists()


def test_the_key_of_another_data_set_does_not_open(run, owner):
    run("protect", "study/a.png", "-o", "other", "-k", "other.keyring", "-i", "me.txt")
    made = run("reconstruct", owner.public[0], "-k", "other.keyring", "-i", "me.txt", "-o", "out")
    assert made.exit_code == 5
    assert "somebody else" in made.stderr
    assert not Path("out").exists()


def test_an_unknown_model_is_named(run, owner):
    keyring = Keyring.load(Path("owner.keyring"), read_identities(Path("me.txt")))
    file = container.parse(owner.public[0].read_bytes())
    header = replace(file.header, model=b"\xaa" * 8)
    keys = [keyring.image_key(header.image_id, level).material for level in range(4)]
    bodies = keystream.open_levels(file.payloads, 3, keys[3], file.header.to_bytes())
    payloads = keystream.seal(bodies, keys, header.to_bytes())
    owner.public[0].write_bytes(container.pack(header, payloads, keyring.signing_key))
    made = run("reconstruct", owner.public[0], *KEYS, "-o", "out")
    assert made.exit_code == 5
    assert "aa" * 8 in made.stderr
    assert not Path("out").exists()


def test_a_folder_that_cannot_be_made_is_a_storage_failure(run, owner):
    Path("file").write_text("")
    made = run("reconstruct", owner.public[0], *KEYS, "-o", "file/out")
    assert made.exit_code == 8


def test_a_folder_without_public_files_is_an_error(run, owner):
    assert run("reconstruct", "study", *KEYS, "-o", "out").exit_code == 3
