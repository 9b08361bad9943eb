import json
import re

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("jinja2", reason="needs the extra primis[evaluate]")
pytest.importorskip("matplotlib", reason="needs the extra primis[evaluate]")

from primis.errors import InputError, UsageError
from primis.report.evaluation import findings, write_report
from primis.study.workspace import environment
from tests.pictures import textured

RENDITIONS = ("original", "full", "diagnostic", "preview", "public")
LEVELS = ("preview", "diagnostic", "full")


def interval(value, spread=0.02):
    return {"value": value, "low": value - spread, "high": value + spread}


def fidelity(over_peer=1.0, public=10.0):
    quality = {"preview": 34, "diagnostic": 38, "full": 42}

    def row(rendition, codec, decibels):
        return {
            "rate": "medium",
            "rendition": rendition,
            "codec": codec,
            "bits_per_pixel": 0.25,
            "psnr": interval(decibels),
            "ssim": interval(0.9),
            "ms_ssim": interval(0.95),
        }

    return {
        "dataset": "chests",
        "images": 3,
        "patients": 2,
        "rates": {"medium": 0.25},
        "recipes": {"JPEG": "libjpeg"},
        "rows": [
            *(row(level, "primis", quality[level]) for level in LEVELS),
            *(row(level, "JPEG", quality[level] - over_peer) for level in LEVELS),
            row("public", "primis", public),
            row("public", "uniform grey", 14.0),
        ],
        "differences": [
            {
                "rate": "medium",
                "rendition": level,
                "peer": "JPEG",
                "psnr": interval(over_peer),
                "ms_ssim": None,
            }
            for level in LEVELS
        ],
    }


def codes():
    return {
        "dataset": "chests",
        "images": 2,
        "rate": 0.25,
        "rows": [
            {
                "plane": plane,
                "scale": scale,
                "size": 2 ** (scale + 1),
                "images": 2,
                "coefficients": 100.0,
                "nonzeros": 10.0,
                "bits": 50.0,
                "psnr": 30.0 - plane,
                "gain": 1.0,
                "error_per_bit": 10.0 / (plane + 1),
                "carried": {"preview": 0.5, "diagnostic": 1.0, "full": 1.0},
            }
            for plane in (3, 2)
            for scale in (1, 0)
        ],
    }


def classification(original=0.8, loss=0.0, public=0.5, patients=80):
    auc = {"original": original, "full": original - loss, "public": public}

    def score(seen):
        value = auc.get(seen, 0.7)
        same = None if seen == "original" else interval(value - original, 0.001)
        return {
            "input": "pixels",
            "trained_on": "original",
            "tested_on": seen,
            "auc": interval(value),
            "accuracy": interval(0.7),
            "seeds": [],
            "difference": same and {"auc": {**same, "p": 0.4}, "accuracy": same},
            "roc": {"false_positives": [0, 1], "true_positives": [0, 1]},
        }

    return {
        "dataset": "chests",
        "title": "well against sick",
        "images": {"test": {"negative": 3, "positive": 3, "patients": patients}},
        "training": {"side": 112, "epochs": 6},
        "floor": {"auc": 0.5, "accuracy": 0.5},
        "scores": [score(seen) for seen in RENDITIONS],
        "speed": None,
    }


def segmentation(original=0.9, floor=0.6, beats=False):
    def score(trained_on, seen, value):
        return {
            "trained_on": trained_on,
            "tested_on": seen,
            "structure": "lungs",
            "measure": "dice",
            "mean": interval(value),
            "images": 3,
            "seeds": [value],
            "difference": None if seen == "original" else interval(0.0, 0.001),
            "held_out": None,
        }

    return {
        "dataset": "chests",
        "images": 3,
        "patients": 3,
        "structures": {"lungs": [1]},
        "protocol": {"folds": 0, "reason": "the test split has 3 patients"},
        "scores": [
            *(score("original", seen, original) for seen in RENDITIONS),
            score("mean mask", "nothing", floor),
        ],
        "floor": [
            {
                "trained_on": "original",
                "structure": "lungs",
                "difference": interval(0.0),
                "beats": beats,
            }
        ],
        "control": [
            {
                "trained_on": "original",
                "structure": "lungs",
                "difference": interval(original - floor),
                "beats": original - floor > 0.01,
            }
        ],
        "absent": [],
        "values": {"lungs": {"original": [0.9, 0.8, None], "full": [0.9, 0.81, None]}},
        "examples": [],
    }


def texture(surviving=0.97):
    share = {
        "surviving": interval(surviving),
        "held_out": None,
        "families": {"GLCM": {"surviving": 1, "features": 1}},
    }
    shares = dict.fromkeys(("full", "diagnostic", "preview", "public"), share)
    references = dict.fromkeys(("JPEG 2000", "noise"), share)
    value = {"concordance": interval(0.95), "relative_difference": 0.01, "survives": True}
    return {
        "dataset": "chests",
        "images": 3,
        "patients": 3,
        "threshold": 0.9,
        "region": "lungs",
        "levels": shares,
        "references": references,
        "coarser": [{"factor": 2, "levels": shares, "references": references}],
        "features": [
            {
                "name": "cm_contrast",
                "family": "GLCM",
                "levels": dict.fromkeys(shares | references, value),
            }
        ],
        "excluded": {"stat_min": "the same in all originals"},
        "agreement": {"cm_contrast": {seen: [1.0, 2.0, 3.0] for seen in RENDITIONS}},
    }


@pytest.fixture
def document(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.fromarray(textured((40, 40))).save(folder / "a.png")
    shown = {"file": "pictures/a.png", "bytes": 1234, "psnr": 41.5}
    return {
        "commands": ["primis evaluate --images chests -o out"],
        "settings": {"rate": 0.25, "quick": False},
        "environment": environment(),
        "datasets": [
            {
                "name": "chests",
                "images": {"train": 2, "val": 1, "test": 3},
                "patients": {"train": 2, "val": 1, "test": 2},
            }
        ],
        "parts": {
            "fidelity": [fidelity()],
            "codes": [codes()],
            "classification": [classification()],
            "segmentation": [segmentation()],
            "texture": [texture()],
        },
        "pictures": [
            {
                "shape": [40, 40],
                "renditions": dict.fromkeys(RENDITIONS, shown),
                "crops": {"original": shown, "primis": shown},
                "region": [0, 0, 40],
            }
        ],
        "left_out": [],
    }


def report(folder, document):
    (folder / "evaluation.json").write_text(json.dumps(document))
    return write_report(folder).read_text()


def said(document, part, result):
    """Findings on one result of one part, and their tones."""
    statements = findings({**document, "parts": {part: [result]}})
    return " ".join(s.text for s in statements), [s.tone for s in statements]


def test_every_part_has_its_section(tmp_path, document):
    html = report(tmp_path, document)
    titles = re.findall("<h2>(.*?)</h2>", html)
    assert titles == [
        "Summary",
        "Pictures",
        "Fidelity: chests",
        "Classification: well against sick (chests)",
        "Segmentation: chests",
        "Texture: chests",
        "Codes: chests",
        "How this was made",
    ]
    assert "primis evaluate --images chests -o out" in html
    assert "1,234 bytes, 41.5 dB" in html
    assert "data:image/svg+xml" in html


def test_a_report_needs_nothing_from_elsewhere(tmp_path, document):
    html = report(tmp_path, document)
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", html)


def test_good_results_are_said_to_be_good(document):
    assert {statement.tone for statement in findings(document)} <= {"good", "plain"}


@pytest.mark.parametrize(
    ("part", "result", "words", "tone"),
    [
        ("fidelity", fidelity(over_peer=-1.0), "level full is worse than JPEG", "fair"),
        ("fidelity", fidelity(over_peer=0.0), "level full is as good as JPEG", "good"),
        ("fidelity", fidelity(public=20.0), "closer to the original than plain grey", "bad"),
        ("classification", classification(loss=0.05), "does not as well on level full", "fair"),
        ("classification", classification(public=0.6), "file seems to tell something", "bad"),
        ("classification", classification(public=0.4), "file seems to tell something", "bad"),
        ("classification", classification(public=0.6, patients=5), "too few to know", "fair"),
        ("classification", classification(original=0.5), "has not learnt", "fair"),
        ("segmentation", segmentation(beats=True), "The public file helps to outline", "bad"),
        ("segmentation", segmentation(original=0.5), "has not learnt to outline", "fair"),
        ("texture", texture(surviving=0.5), "50 % of the texture features agree", "fair"),
    ],
)
def test_what_is_not_as_wished_is_said(document, part, result, words, tone):
    text, tones = said(document, part, result)
    assert words in text
    assert tone in tones


def test_a_quick_run_and_what_was_left_out_are_said(tmp_path, document):
    document["settings"]["quick"] = True
    document["left_out"] = [{"part": "texture", "dataset": "chests", "reason": "too few images"}]
    html = report(tmp_path, document)
    assert "not evidence" in html
    assert "Not measured: texture on chests." in html
    assert "too few images" in html


def test_without_a_document_there_is_no_report(tmp_path):
    with pytest.raises(InputError, match=r"evaluation\.json"):
        write_report(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"parts": 3}', "\xff"])
def test_what_is_not_a_document_is_refused(tmp_path, content):
    (tmp_path / "evaluation.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError, match="not an evaluation"):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_a_missing_picture_is_named(tmp_path, document):
    (tmp_path / "pictures" / "a.png").unlink()
    with pytest.raises(UsageError, match=r"a\.png"):
        report(tmp_path, document)


def test_examples_of_segmentation_are_shown_with_their_outlines(tmp_path, document):
    mask = np.zeros((40, 40), np.uint8)
    mask[10:30, 10:30] = 1
    Image.fromarray(mask).save(tmp_path / "pictures" / "mask.png")
    document["parts"]["segmentation"][0]["examples"] = [
        {
            "name": "0.png",
            "dice": {seen: {"lungs": 0.9} for seen in RENDITIONS},
            "reference": "pictures/mask.png",
            "pictures": dict.fromkeys(RENDITIONS, "pictures/a.png"),
            "outlines": dict.fromkeys(RENDITIONS, "pictures/mask.png"),
        }
    ]
    html = report(tmp_path, document)
    assert "by the reference" in html
    assert "lungs yellow" in html
    assert "0.png" not in html
