import numpy as np
import pytest
from PIL import Image as Pillow

from primis.errors import InputError, UsageError
from primis.evaluate import plan
from primis.evaluate.plan import Task, parse_task, plan_own, plan_research, reduce_images
from primis.study import packages
from primis.study.dataset import load_dataset, read_mask, read_pixels


@pytest.fixture
def unlabelled(tmp_path, folder):
    """The images of the folder, and nothing else."""
    images = tmp_path / "images"
    images.mkdir()
    for path in folder.glob("*.png"):
        (images / path.name).write_bytes(path.read_bytes())
    return images


def test_two_values_of_a_column_are_a_task(folder):
    (task,) = plan_own(folder).tasks
    assert task == Task("finding", ("sick",), ("well",))
    assert task.title == "sick against well"


def test_without_labels_classification_is_left_out_and_says_why(unlabelled):
    made = plan_own(unlabelled)
    assert "classification" not in made.parts
    assert "there are no labels" in made.left_out["classification"]


def test_without_masks_segmentation_is_left_out_and_says_why(folder):
    made = plan_own(folder)
    assert made.parts == ("fidelity", "codes", "classification", "texture")
    assert "--masks" in made.left_out["segmentation"]


def test_labels_of_many_values_need_a_task(folder):
    lines = (folder / "index.csv").read_text().splitlines()
    table = folder.parent / "three.csv"
    table.write_text("\n".join([*lines[:-1], lines[-1].replace("sick", "ill")]) + "\n")
    made = plan_own(folder, table)
    assert "--task" in made.left_out["classification"]
    task = Task("finding", ("well",), ("sick", "ill"))
    assert "classification" in plan_own(folder, table, tasks=[task]).parts


def test_where_several_columns_have_two_values_the_user_chooses(folder):
    lines = (folder / "index.csv").read_text().splitlines()
    table = folder.parent / "two.csv"
    table.write_text(
        "\n".join(
            [lines[0] + ",sex", *(f"{line},{'fm'[n % 2]}" for n, line in enumerate(lines[1:]))]
        )
    )
    made = plan_own(folder, table)
    assert (made.tasks, "classification" in made.parts) == ((), False)
    reason = made.left_out["classification"]
    assert "the columns finding, sex have exactly two values each" in reason
    assert parse_task(reason.rpartition(" ")[2]) == Task("finding", ("sick",), ("well",))


@pytest.mark.parametrize(
    ("task", "message", "hint"),
    [
        (Task("findings", ("well",), ("sick",)), "no label column 'findings'", "finding"),
        (Task("finding", ("well",), ("sick", "ill")), "no image has 'ill'", "sick, well"),
    ],
)
def test_a_task_that_no_image_belongs_to_is_refused(folder, task, message, hint):
    with pytest.raises(InputError, match=message) as raised:
        plan_own(folder, tasks=[task])
    assert raised.value.hint.endswith(hint)


def test_a_task_without_labels_asks_for_them(unlabelled):
    with pytest.raises(InputError, match="no label column") as raised:
        plan_own(unlabelled, tasks=[Task("finding", ("well",), ("sick",))])
    assert "--labels" in raised.value.hint


def test_a_task_is_read_as_it_is_written():
    assert parse_task("finding:normal:tb,pneumonia") == Task(
        "finding", ("normal",), ("tb", "pneumonia")
    )


@pytest.mark.parametrize("text", ["finding", "finding:a", ":a:b", "f:a:", "f:a:b:c", "f:a,b:b"])
def test_what_is_not_a_task_is_refused(text):
    with pytest.raises(UsageError, match="not a task"):
        parse_task(text)


def test_research_data_are_found_by_name(folder):
    (folder.parent / "research").mkdir(exist_ok=True)
    place = folder.parent / "research" / "cxr-pediatric"
    if not place.exists():
        place.symlink_to(folder)
    (made,) = plan_research(folder.parent / "research")
    assert made.parts == ("classification",)
    assert [task.negative for task in made.tasks] == [("normal",), ("pneumonia_viral",)]


def test_a_folder_without_research_data_is_refused(tmp_path):
    with pytest.raises(InputError, match="cxr-adult") as raised:
        plan_research(tmp_path)
    assert "--images" in raised.value.hint


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(packages, "find_spec", lambda name: None if name == "mirp" else name)
    with pytest.raises(UsageError, match="needs the package mirp") as raised:
        plan.require_packages()
    assert raised.value.hint == "pip install 'primis[evaluate]'"


@pytest.fixture
def masked(tmp_path, unlabelled):
    """The images, each with a mask whose one structure has the value 3."""
    masks = tmp_path / "masks"
    masks.mkdir()
    mask = np.zeros((64, 80), np.uint8)
    mask[16:48, 20:60] = 3
    for path in unlabelled.glob("*.png"):
        Pillow.fromarray(mask).save(masks / path.name)
    return load_dataset(unlabelled, masks=masks)


def test_reduced_images_and_masks_keep_their_shape_and_values(tmp_path, masked):
    for case in reduce_images(masked, tmp_path / "small", 40).cases:
        assert read_pixels(case).shape == read_mask(case).shape == (32, 40)
        assert set(np.unique(read_mask(case))) == {0, 3}


def test_small_images_are_not_copied(tmp_path, dataset):
    assert reduce_images(dataset, tmp_path / "small", 80) == dataset


def test_copies_are_made_once_for_each_content(tmp_path, masked):
    def dates(folder):
        return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}

    small = tmp_path / "small"
    reduced, first = reduce_images(masked, small, 40), dates(small)
    assert len(first) == 2 * len(masked)
    assert reduce_images(masked, small, 40) == reduced
    assert dates(small) == first
    Pillow.fromarray(255 - read_pixels(masked.cases[0])).save(masked.cases[0].path)
    again = reduce_images(masked, small, 40)
    assert again.cases[1:] == reduced.cases[1:]
    assert (read_pixels(again.cases[0]) != read_pixels(reduced.cases[0])).any()
    reduce_images(masked, small, 20)
    assert first.items() <= dates(small).items()


def test_several_processes_reduce_images_alike(tmp_path, masked):
    alone = reduce_images(masked, tmp_path / "alone", 40)
    together = reduce_images(masked, tmp_path / "together", 40, processes=2)
    for a, b in zip(alone.cases, together.cases, strict=True):
        assert (read_pixels(a) == read_pixels(b)).all()


def test_an_image_that_cannot_be_reduced_is_named(tmp_path, masked):
    masked.cases[2].path.write_bytes(b"nonsense")
    with pytest.raises(InputError, match=r"2\.png is not a readable"):
        reduce_images(masked, tmp_path / "small", 40)
