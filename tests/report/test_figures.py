import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("matplotlib", reason="needs the extra primis[evaluate]")

from primis.errors import UsageError
from primis.report import figures
from tests.pictures import textured


def content(uri):
    kind, data = re.fullmatch(r"data:([\w/+]+);base64,(.*)", uri).groups()
    return kind, base64.b64decode(data)


def svg(uri):
    kind, data = content(uri)
    assert kind == "image/svg+xml"
    return data.decode()


def pixels(uri):
    kind, data = content(uri)
    assert kind == "image/webp"
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def test_a_picture_is_shown_without_loss():
    shown = textured((40, 50))
    assert np.array_equal(pixels(figures.picture(shown))[..., 0], shown)


def test_a_file_is_embedded_without_loss(tmp_path):
    shown = textured((40, 50))
    Image.fromarray(shown).save(tmp_path / "a.png")
    assert np.array_equal(pixels(figures.embed(tmp_path / "a.png"))[..., 1], shown)


def test_a_missing_picture_is_an_error(tmp_path):
    with pytest.raises(UsageError, match=r"absent\.png"):
        figures.embed(tmp_path / "absent.png")


def test_regions_are_outlined_in_their_colours_and_their_insides_left_alone():
    grey = np.full((40, 40), 90, np.uint8)
    mask = np.zeros((40, 40), np.uint8)
    mask[5:20, 5:20] = 1
    mask[10:35, 10:35] |= 2
    shown = pixels(figures.picture(grey, mask))
    yellow, blue = list(figures.OUTLINES.values())[:2]
    assert tuple(shown[5, 5]) == yellow
    assert tuple(shown[34, 20]) == blue
    assert tuple(shown[8, 8]) == tuple(shown[0, 0]) == (90, 90, 90)


def test_curves_name_their_axes_and_series():
    drawn = svg(
        figures.lines(
            {"primis": ([0.1, 0.2], [40, 41]), "mine": ([0.1, 0.2], [39, 40])},
            x="bits",
            y="PSNR (dB)",
            bands={"primis": ([39, 40], [41, 42])},
            references={"floor": 39.5},
            log_x=True,
            ticks=(0.1, 0.2),
        )
    )
    for text in ("bits", "PSNR (dB)", "primis", "mine", "floor", figures.COLOURS["primis"]):
        assert text in drawn


def test_intervals_name_every_estimate_and_the_reference():
    bars = [figures.Bar("full", 0.8, 0.7, 0.9), figures.Bar("public", 0.5, 0.4, 0.6)]
    drawn = svg(figures.intervals(bars, x="AUC", references={"chance": 0.5}))
    for text in ("full", "public", "AUC", "chance", figures.COLOURS["public"]):
        assert text in drawn


def test_agreement_and_heatmaps_are_drawn():
    values = np.linspace(0, 1, 12)
    assert "mean of both: area" in svg(
        figures.agreement(values, values + 0.1, quantity="area", group="full")
    )
    matrix = [[0.25, float("nan")], [0.5, 1]]
    drawn = figures.heatmap(matrix, rows=["a", "b"], columns=["c", "d"], label="share", form=".2f")
    assert "0.25" in svg(drawn)


def test_the_same_numbers_give_the_same_file():
    once, again = (
        figures.lines({"a": ([0, 1], [0, 1])}, x="x", y="y", diagonal=True) for _ in range(2)
    )
    assert once == again
