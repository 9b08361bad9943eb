from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from primis.errors import InputError
from primis.study.dataset import Case, Dataset, load_dataset, read_mask, read_pixels


def made(count, per_patient=2):
    cases = []
    for patient in range(count):
        split = ("train", "val", "test")[patient % 3]
        for image in range(per_patient):
            name = f"{patient}-{image}.png"
            labels = {"label": "ill" if patient % 2 else "well"}
            cases.append(Case(name, None, str(patient), split, labels))
    return Dataset("made", tuple(cases))


def test_a_table_tells_patients_splits_and_labels(write_folder):
    folder = write_folder(
        "file,patient,split,label,age", "a.png,P1,train,ill,50", "sub/b.png,P2,test,well,60"
    )
    first, second = load_dataset(folder).cases
    assert (first.name, first.patient, first.split) == ("a.png", "P1", "train")
    assert first.labels == {"label": "ill", "age": "50"}
    assert second.path == folder / "sub/b.png"


def test_another_table_can_be_named(write_folder):
    folder = write_folder("file,finding", "a.png,none", table="other.csv")
    assert load_dataset(folder, folder / "other.csv").cases[0].labels == {"finding": "none"}


def test_a_folder_without_a_table_gives_every_image_with_its_name_as_patient(write_folder):
    folder = write_folder("file", "a.png", "sub/b.png", table="notes.txt")
    assert [(c.name, c.patient) for c in load_dataset(folder).cases] == [
        ("a.png", "a.png"),
        ("sub/b.png", "sub/b.png"),
    ]


def test_a_patient_in_two_splits_is_refused(write_folder):
    folder = write_folder("file,patient,split", "a.png,P1,train", "b.png,P1,test")
    with pytest.raises(InputError, match="splits train and test") as caught:
        load_dataset(folder)
    assert "P1" not in str(caught.value)


def test_without_a_split_column_all_images_of_a_patient_share_a_split(write_folder):
    rows = [f"{i}.png,P{i % 7}" for i in range(21)]
    dataset = load_dataset(write_folder("file,patient", *rows))
    for patient in {case.patient for case in dataset.cases}:
        assert len({case.split for case in dataset.cases if case.patient == patient}) == 1


def test_hashed_splits_have_the_shares_promised(write_folder, monkeypatch):
    monkeypatch.setattr("pathlib.Path.is_file", lambda path: True)
    folder = write_folder("file")
    (folder / "index.csv").write_text("file\n" + "\n".join(f"{i}.png" for i in range(4000)))
    dataset = load_dataset(folder)
    shares = [len(dataset.split(split)) / 4000 for split in ("train", "val", "test")]
    assert shares == pytest.approx([0.7, 0.1, 0.2], abs=0.02)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["name,split", "a.png,train"], "no column `file`"),
        (["file,split", "a.png,holdout"], "'holdout'"),
        (["file,split", "a.png,train", "a.png,train"], "occurs twice"),
        (["file,split", "a.png"], "line 2"),
        (["file,split"], "no image"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(write_folder, rows, message):
    with pytest.raises(InputError, match=message):
        load_dataset(write_folder(*rows))


def test_a_missing_image_is_named(write_folder):
    folder = write_folder("file", "a.png")
    (folder / "a.png").unlink()
    with pytest.raises(InputError, match=r"a\.png is in the table but does not exist"):
        load_dataset(folder)


def test_an_empty_or_missing_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="no image"):
        load_dataset(tmp_path)
    with pytest.raises(InputError, match="not a folder"):
        load_dataset(tmp_path / "nowhere")


def test_cases_are_chosen_by_label():
    dataset = made(6)
    assert {c.labels["label"] for c in dataset.where(label="ill").cases} == {"ill"}
    assert len(dataset.where(label={"ill", "well"})) == len(dataset)
    with pytest.raises(InputError, match="no label column 'sex'"):
        dataset.where(sex="f")
    with pytest.raises(InputError, match="no images of the kind"):
        dataset.where(label="unheard-of")


def test_an_empty_split_is_refused_when_it_is_needed():
    with pytest.raises(InputError, match="split val"):
        made(1).split("val")


def test_a_subset_takes_whole_patients_and_is_the_same_every_time():
    dataset = made(60)
    subset = dataset.subset(8)
    assert subset == dataset.subset(8)
    assert subset != dataset.subset(8, seed=1)
    assert [len(subset.split(split)) for split in ("train", "val", "test")] == [8, 8, 8]
    kept = {case.patient for case in subset.cases}
    assert len(subset) == sum(case.patient in kept for case in dataset.cases)


def test_pixels_of_a_16_bit_image_are_shown_in_8_bits(tmp_path):
    deep = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "a.png")
    pixels = read_pixels(load_dataset(tmp_path).cases[0])
    assert pixels.dtype == np.uint8
    assert np.abs(pixels - deep / 257).max() <= 1


def test_a_mask_is_found_by_name_or_by_the_table(write_folder, tmp_path):
    masks = tmp_path / "masks"
    masks.mkdir()
    mask = np.arange(40 * 48, dtype=np.uint8).reshape(40, 48) % 3
    Image.fromarray(mask).save(masks / "a.png")
    by_name = load_dataset(write_folder("file", "a.png"), masks=masks).cases[0]
    by_table = load_dataset(write_folder("file,mask", "a.png,masks/a.png")).cases[0]
    assert (read_mask(by_name) == mask).all()
    assert (read_mask(by_table) == mask).all()


def test_a_mask_that_is_missing_or_of_another_shape_is_refused(write_folder):
    bare = load_dataset(write_folder("file", "a.png")).cases[0]
    with pytest.raises(InputError, match="no mask"):
        read_mask(bare)
    folder = write_folder("file,mask", "a.png,m.png")
    Image.fromarray(np.zeros((32, 32), np.uint8)).save(folder / "m.png")
    with pytest.raises(InputError, match="shape"):
        read_mask(load_dataset(folder).cases[0])
