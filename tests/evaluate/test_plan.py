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


def test_reduced_images_and_masks_keep_their_shape_and_values(tmp_path, unlabelled):
    masks = tmp_path / "masks"
    masks.mkdir()
    mask = np.zeros((64, 80), np.uint8)
    mask[16:48, 20:60] = 3
    for path in unlabelled.glob("*.png"):
        Pillow.fromarray(mask).save(masks / path.name)
    reduced = reduce_images(load_dataset(unlabelled, masks=masks), tmp_path / "small", 40)
    for case in reduced.cases:
        assert read_pixels(case).shape == read_mask(case).shape == (32, 40)
        assert set(np.unique(read_mask(case))) == {0, 3}


def test_small_images_are_not_copied(tmp_path, dataset):
    assert reduce_images(dataset, tmp_path / "small", 80) == dataset
