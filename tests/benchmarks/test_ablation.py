import json
from dataclasses import replace

import numpy as np
import pyrage
import pytest

from benchmarks import ablation
from primis.api import protect
from primis.codec.codec import SPARE_PLANES, Codec
from primis.container import parse
from primis.images import Attributes
from primis.images import Image as GreyImage
from primis.keys import Keyring

SHIPPED = Codec.default().model.folder


@pytest.fixture(scope="module")
def codec():
    return Codec.default()


def test_every_ingredient_is_taken_out(one_picture, tmp_path, capsys):
    report = tmp_path / "worth.json"
    arguments = ["--data", str(one_picture), "--rates", "0.5", "1", "2", "--json", str(report)]
    assert ablation.main(arguments) == 0
    found = {one["ingredient"]: one["mean"] for one in json.loads(report.read_text())}
    assert list(found) == list(ablation.INGREDIENTS)
    assert all(-50 < value < 100 for value in found.values())
    assert found["levels"] < 0
    assert "| context model | " in capsys.readouterr().out


@pytest.mark.parametrize("metric", ablation.METRICS)
def test_a_bundle_needs_as_much_as_itself(one_picture, capsys, metric):
    models = [f"one={SHIPPED}", f"other={SHIPPED}"]
    arguments = ["--data", str(one_picture), "--rates", "0.5", "1", "--models", *models]
    arguments += ["--metric", metric]
    assert ablation.main(arguments) == 0
    assert "| other | +0.0 | +0.0 to +0.0 | 1 |" in capsys.readouterr().out


def test_a_bundle_needs_a_name(one_picture):
    assert ablation.main(["--data", str(one_picture), "--models", "elsewhere"]) == 2


def test_what_is_counted_beside_the_codes_is_what_a_public_file_has(picture):
    keyring = Keyring.create([str(pyrage.x25519.Identity.generate().to_public())])
    data = protect(GreyImage(picture, Attributes()), keyring, name="a", rate=1.0).data
    carried, tag = 32, 16
    payloads = [len(payload) for payload in parse(data).payloads]
    bodies = [payloads[0] - tag, *(length - tag - carried for length in payloads[1:])]
    notes = 1 + len(Attributes().to_bytes().rstrip(b"\0"))
    key = 32
    assert len(data) + key - (sum(bodies) - notes) == ablation.FIXED
    assert carried + tag + 4 == ablation.LEVEL


def test_codes_without_context_cost_their_entropy(codec, picture):
    codes = codec.encode(picture, 2000)
    *details, smooth = (np.zeros_like(band) for band in codes.values)
    details[0][0].reshape(-1)[:8] = 1 << SPARE_PLANES
    made = replace(codes, values=(*details, smooth))
    size, share = details[0][0].size, 8 / details[0][0].size
    entropy = -size * (share * np.log2(share) + (1 - share) * np.log2(1 - share))
    assert ablation.bits_without_context(made) == pytest.approx(entropy + 8)
