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


def test_blanks_do_not_make_another_patient(write_folder):
    folder = write_folder(
        "file, Patient,split,label", "a.png,P1 ,train,ill", "b.png, P1, train , ill"
    )
    first, second = load_dataset(folder).cases
    assert first.patient == second.patient == "P1"
    assert first.labels == second.labels == {"label": "ill"}


def test_an_empty_patient_is_refused(write_folder):
    with pytest.raises(InputError, match=r"line 3 of .* names no patient") as caught:
        load_dataset(write_folder("file,patient", "a.png,P1", "b.png, "))
    assert "column `patient`" in caught.value.hint


def test_two_columns_of_patients_are_refused(write_folder):
    with pytest.raises(InputError, match="two columns `patient`"):
        load_dataset(write_folder("file,patient,Patient", "a.png,P1,P2"))


@pytest.mark.parametrize("table", [None, "file"])
def test_dicom_files_with_the_same_patient_id_show_one_patient(tmp_path, write_dicom, table):
    for name, patient in {
        "a.dcm": "Doe-1",
        "b.dcm": "Doe-1 ",
        "c.dcm": "Doe-2",
        "d.dcm": "",
    }.items():
        write_dicom(tmp_path / name, patient)
    if table:
        (tmp_path / "index.csv").write_text(f"{table}\na.dcm\nb.dcm\nc.dcm\nd.dcm\n")
    a, b, c, d = load_dataset(tmp_path).cases
    assert a.patient == b.patient != c.patient
    assert a.split == b.split
    assert d.patient == "d.dcm"
    assert "Doe" not in repr([a, b, c])


def test_a_table_overrules_the_patient_id(tmp_path, write_dicom):
    for name in ("a.dcm", "b.dcm"):
        write_dicom(tmp_path / name, "ANONYMOUS")
    (tmp_path / "index.csv").write_text("file,patient\na.dcm,P1\nb.dcm,P2\n")
    assert [case.patient for case in load_dataset(tmp_path).cases] == ["P1", "P2"]


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
    with pytest.raises(InputError, match="no image") as caught:
        load_dataset(tmp_path)
    assert ".dcm, .dicom, .png" in caught.value.hint
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


@pytest.fixture
def write_masks(tmp_path):
    """Write masks into a folder, each with a value of its own."""

    def write(*names, folder="elsewhere"):
        for value, name in enumerate(names, 1):
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((40, 48), value, np.uint8)).save(path)
        return tmp_path / folder

    return write


def masks_of(dataset, folder):
    return {
        case.name: case.mask and case.mask.relative_to(folder).as_posix() for case in dataset.cases
    }


@pytest.mark.parametrize("cell", ["masks/a.png", "a.png", "/data/masks/a.png", "../masks/a.png"])
def test_a_named_folder_of_masks_counts_whatever_folders_the_table_names(
    write_folder, write_masks, cell
):
    masks = write_masks("a.png")
    write_masks("a.png", folder="masks")
    dataset = load_dataset(write_folder("file,mask", f"a.png,{cell}"), masks=masks)
    assert masks_of(dataset, masks) == {"a.png": "a.png"}


def test_the_longest_tail_of_a_path_finds_the_mask(write_folder, write_masks):
    masks = write_masks("x/1.png", "1.png")
    folder = write_folder("file,mask", "a.png,masks/x/1.png", "b.png,masks/1.png", "c.png,")
    dataset = load_dataset(folder, masks=masks)
    assert masks_of(dataset, masks) == {"a.png": "x/1.png", "b.png": "1.png", "c.png": None}


@pytest.mark.parametrize("rows", [["a.png,masks/2.png"], ["a.png,x/1.png", "b.png,y/1.png"]])
def test_a_mask_of_the_table_that_is_not_there_is_named_with_its_image(
    write_folder, write_masks, rows
):
    folder = write_folder("file,mask", *rows)
    image, mask = rows[-1].split(",")
    with pytest.raises(InputError, match=f"{mask}, the mask of {image}, is not in") as caught:
        load_dataset(folder, masks=write_masks("1.png"))
    assert "--masks" in caught.value.hint


def test_masks_belong_to_images_of_the_same_path_before_the_same_name(write_folder, write_masks):
    folder = write_folder("file", "x/1.png", "y/1.png", "y/2.png", "z/1.png")
    masks = write_masks("x/1.tif", "y/1.png", "2.png")
    assert masks_of(load_dataset(folder, masks=masks), masks) == {
        "x/1.png": "x/1.tif",
        "y/1.png": "y/1.png",
        "y/2.png": "2.png",
        "z/1.png": None,
    }


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        (["x/1.png", "y/1.png"], ["1.png"]),
        (["1.png"], ["x/1.png", "y/1.png"]),
        (["1.png"], ["1.png", "1.tif"]),
    ],
)
def test_masks_that_could_belong_to_several_images_are_refused(
    write_folder, write_masks, images, masks
):
    folder = write_folder("file", *images)
    with pytest.raises(InputError, match=f"which mask belongs to {images[0]}") as caught:
        load_dataset(folder, masks=write_masks(*masks))
    assert "column `mask`" in caught.value.hint


def test_masks_inside_the_folder_of_images_are_not_images(write_folder, write_masks):
    folder = write_folder("file", "a.png", "sub/b.png", table="notes.txt")
    masks = write_masks("a.png", "b.png", folder="sub/masks")
    dataset = load_dataset(folder, masks=masks)
    assert masks_of(dataset, masks) == {"a.png": "a.png", "sub/b.png": "b.png"}


def test_an_image_is_never_its_own_mask(write_folder, write_masks):
    folder = write_folder("file", "images/a.png")
    masks = write_masks("a.png", folder="masks").parent
    assert masks_of(load_dataset(folder, masks=masks), masks) == {"images/a.png": "masks/a.png"}


def test_masks_of_which_none_has_the_name_of_an_image_are_refused(write_folder, write_masks):
    folder = write_folder("file", "a.png")
    with pytest.raises(InputError, match="has the name of an image up to the suffix") as caught:
        load_dataset(folder, masks=write_masks("a_mask.png"))
    assert "the mask of a.png would be a.png" in caught.value.hint


def test_the_values_of_a_mask_with_a_palette_are_its_indices(write_folder, tmp_path):
    values = np.arange(40 * 48, dtype=np.uint8).reshape(40, 48) % 3
    mask = Image.fromarray(values, "L").convert("P")
    mask.putpalette([0, 0, 0, 255, 0, 0, 0, 0, 255])
    folder = write_folder("file,mask", "a.png,m.png")
    mask.save(folder / "m.png")
    assert Image.open(folder / "m.png").mode == "P"
    assert (read_mask(load_dataset(folder).cases[0]) == values).all()


def test_a_column_without_any_mask_leaves_it_to_the_names(write_folder, write_masks):
    masks = write_masks("a.png")
    dataset = load_dataset(write_folder("file,mask", "a.png,"), masks=masks)
    assert masks_of(dataset, masks) == {"a.png": "a.png"}
