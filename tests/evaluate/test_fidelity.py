import random
from dataclasses import replace

import pytest

from primis.errors import InputError
from primis.evaluate import fidelity, psnr
from primis.evaluate.fidelity import bytes_needed, evaluate_fidelity
from primis.evaluate.peers import PEERS
from primis.keys import derive
from primis.obfuscation import Level
from primis.study.dataset import Dataset, read_pixels
from primis.study.renditions import FULL, Renditions
from primis.study.workspace import Workspace

JPEG2000 = PEERS[1]
JPEG = replace(PEERS[0], dial=(90, 95, 100))  # cannot make small files
RATES = {"high": 2.0}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return Workspace(tmp_path_factory.mktemp("out"))


@pytest.fixture(scope="module")
def result(dataset, workspace):
    """Of keys that are the same in every run: what noise looks like is a matter of chance."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(derive.secrets, "token_bytes", random.Random(1).randbytes)
        return evaluate_fidelity(dataset, workspace, rates=RATES, peers=[JPEG, JPEG2000])


def row(result, rendition, codec):
    (found,) = (
        row for row in result["rows"] if (row["rendition"], row["codec"]) == (rendition, codec)
    )
    return found


def test_the_test_split_is_measured_and_no_other(result):
    assert (result["images"], result["patients"]) == (3, 2)


def test_quality_is_that_of_the_renditions(dataset, workspace, result):
    made = Renditions(RATES["high"], workspace.cache)
    values = [
        psnr(read_pixels(case), made.pixels(case, FULL), 255) for case in dataset.split("test")
    ]
    measured = row(result, "full", "primis")["psnr"]
    assert measured["value"] == pytest.approx(sum(values) / 3)
    assert measured["low"] <= measured["value"] <= measured["high"]


def test_a_level_costs_its_key_and_the_file_without_the_levels_above(dataset, workspace):
    public = Renditions(2.0, workspace.cache).public_file(dataset.split("test")[0])
    needed = [
        bytes_needed(public, level) for level in (Level.PREVIEW, Level.DIAGNOSTIC, Level.FULL)
    ]
    assert needed == sorted(needed)
    assert needed[-1] == len(public) + 32


def test_peers_never_get_more_bytes_than_primis(result):
    for level in ("preview", "diagnostic", "full"):
        own = row(result, level, "primis")["bits_per_pixel"]
        for peer in (JPEG, JPEG2000):
            other = row(result, level, peer.name)
            assert other["psnr"] is None or other["bits_per_pixel"] <= own


def test_a_peer_that_cannot_be_so_small_has_no_quality(result):
    assert row(result, "preview", "JPEG")["psnr"] is None
    (difference,) = (
        record
        for record in result["differences"]
        if (record["rendition"], record["peer"]) == ("preview", "JPEG")
    )
    assert difference["psnr"] is None


def test_differences_are_those_of_the_means(result):
    (difference,) = (
        record
        for record in result["differences"]
        if (record["rendition"], record["peer"]) == ("full", "JPEG 2000")
    )
    own, peer = (row(result, "full", codec)["psnr"]["value"] for codec in ("primis", "JPEG 2000"))
    assert difference["psnr"]["value"] == pytest.approx(own - peer)


def test_without_a_key_the_picture_is_no_better_than_plain_grey(result):
    public, grey = (row(result, "public", codec)["psnr"] for codec in ("primis", "uniform grey"))
    assert public["value"] < grey["value"]


def test_what_was_measured_is_not_measured_again(dataset, workspace, result, monkeypatch):
    monkeypatch.setattr(fidelity, "measure_image", lambda *_: pytest.fail("measured again"))
    again = evaluate_fidelity(dataset, workspace, rates=RATES, peers=[JPEG, JPEG2000])
    assert again == result


def test_progress_is_reported(dataset, workspace):
    lines = []
    evaluate_fidelity(dataset, workspace, rates=RATES, peers=[], report=lines.append)
    assert lines[-1] == "fidelity: 3 of 3 images"


def test_a_data_set_without_test_images_is_refused(dataset, workspace):
    with pytest.raises(InputError, match="test"):
        evaluate_fidelity(Dataset("train only", dataset.split("train")), workspace, peers=[])
