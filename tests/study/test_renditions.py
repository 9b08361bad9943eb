from __future__ import annotations

import numpy as np
import pytest

from primis.codec.codec import Codec
from primis.errors import UsageError
from primis.obfuscation import Scheme
from primis.study.dataset import read_pixels
from primis.study.renditions import (
    DIAGNOSTIC,
    FULL,
    LEVELS,
    ORIGINAL,
    PREVIEW,
    PUBLIC,
    RENDITIONS,
    Renditions,
    fill,
)
from tests.pictures import psnr

RATE = 1.0


@pytest.fixture
def renditions(tmp_path):
    return Renditions(RATE, tmp_path / "cache")


def correlation(one, other):
    return np.corrcoef(one.ravel(), other.ravel())[0, 1]


def test_each_level_shows_more_and_the_public_file_nothing(dataset, renditions):
    case = dataset.cases[0]
    original = read_pixels(case)
    seen = {name: renditions.pixels(case, name) for name in RENDITIONS}
    assert all(picture.shape == original.shape for picture in seen.values())
    assert (seen[ORIGINAL] == original).all()
    quality = [psnr(original, seen[name]) for name in (PREVIEW, DIAGNOSTIC, FULL)]
    assert quality == sorted(quality)
    assert quality[0] > 18
    assert psnr(original, seen[PUBLIC]) < 14
    assert seen[PUBLIC].std() > 5


@pytest.mark.parametrize("scheme", Scheme)
def test_decoding_the_codes_of_a_level_gives_its_picture(dataset, tmp_path, scheme):
    renditions = Renditions(RATE, tmp_path / "cache", scheme=scheme)
    case = dataset.cases[0]
    for level in LEVELS:
        decoded = Codec.default(1).decode(renditions.codes(case, level), bits=8)
        assert (decoded == renditions.pixels(case, level)).all()


@pytest.mark.parametrize("scheme", Scheme)
def test_what_is_public_does_not_resemble_the_original(dataset, tmp_path, scheme):
    case = dataset.cases[0]
    pictures = [
        Renditions(RATE, tmp_path / str(draw), scheme=scheme).pixels(case, PUBLIC)
        for draw in range(8)
    ]
    original = read_pixels(case)
    assert abs(np.mean([correlation(original, picture) for picture in pictures])) < 0.25
    assert all(picture.std() > 1 for picture in pictures)


def test_codes_come_back_from_the_cache_as_they_were_made(dataset, renditions):
    made, kept = (renditions.codes(dataset.cases[0], FULL) for _ in range(2))
    for name in ("layout", "step", "offset", "plane", "sparsified", "dark_sides"):
        assert getattr(kept, name) == getattr(made, name)
    for one, other in zip((*made.values, *made.known), (*kept.values, *kept.known), strict=True):
        assert one.dtype == other.dtype
        assert (one == other).all()


def test_the_public_file_stays_the_same_and_two_caches_have_different_ones(
    dataset, renditions, tmp_path
):
    case = dataset.cases[0]
    file = renditions.public_file(case)
    assert renditions.public_file(case) == file
    other = Renditions(RATE, tmp_path / "other").public_file(case)
    assert len(other) == len(file)
    assert other != file


def test_renditions_are_read_from_disk_the_second_time(dataset, renditions, monkeypatch):
    case = dataset.cases[0]
    first = {name: renditions.pixels(case, name) for name in RENDITIONS}
    monkeypatch.setattr(Codec, "decode", None)
    monkeypatch.setattr(Codec, "encode", None)
    again = Renditions(RATE, renditions.cache)
    assert all((again.pixels(case, name) == first[name]).all() for name in RENDITIONS)


def test_rate_and_content_name_what_is_kept(dataset, renditions):
    first, second = dataset.cases
    assert len(Renditions(2.0, renditions.cache).public_file(first)) > len(
        renditions.public_file(first)
    )
    before = renditions.public_file(second)
    second.path.write_bytes(first.path.read_bytes())
    assert renditions.public_file(second) != before
    assert renditions.public_file(second) == renditions.public_file(first)


def test_an_unknown_rendition_is_refused(dataset, renditions):
    with pytest.raises(UsageError):
        renditions.pixels(dataset.cases[0], "thumbnail")
    with pytest.raises(UsageError):
        renditions.codes(dataset.cases[0], PUBLIC)


def test_filling_makes_everything_and_tells_of_progress(dataset, renditions, monkeypatch):
    said: list[str] = []
    fill(renditions, dataset.cases, codes=[FULL], report=said.append)
    assert said == ["renditions of 2 of 2 images at 1 bpp"]
    monkeypatch.setattr("primis.study.renditions.protect", None)
    for case in dataset.cases:
        renditions.codes(case, FULL)
        renditions.public_file(case)
    fill(renditions, dataset.cases, codes=[FULL], report=said.append)
    assert len(said) == 1


@pytest.mark.slow
def test_processes_filling_one_cache_agree(dataset, renditions):
    fill(renditions, dataset.cases * 2, processes=2)
    for case in dataset.cases:
        assert renditions.pixels(case, FULL).shape == (64, 72)
