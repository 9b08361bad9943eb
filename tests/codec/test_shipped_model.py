"""The shipped bundle is small, and reproduces its golden example on this machine."""

from __future__ import annotations

import json

import numpy as np
import onnxruntime
import pytest

from primis.codec import bundle
from primis.codec.codec import Codec
from primis.codec.networks import session_options


def test_the_golden_bodies_decode_to_the_golden_picture_within_one_grey_level():
    codec = Codec.default(threads=1)
    golden = json.loads((codec.model.folder / "golden.json").read_text())
    shape = golden["rows"], golden["columns"]
    expected = np.frombuffer(bytes.fromhex(golden["pixels"]), dtype=np.uint8).reshape(shape)
    codes = codec.unpack(shape, [bytes.fromhex(body) for body in golden["bodies"]])
    decoded = codec.decode(codes, bits=8)
    assert np.abs(decoded.astype(int) - expected).max() <= 1


def test_no_weight_file_is_larger_than_8_megabytes():
    folder = bundle.find().folder
    assert max(path.stat().st_size for path in folder.iterdir()) < 8e6


def test_the_networks_say_nothing_of_the_machine_they_were_made_on():
    for path in bundle.find().folder.glob("*.onnx"):
        assert b'File "' not in path.read_bytes(), path.name


def test_onnxruntime_computes_the_blocks_of_the_restorer_in_integers(tmp_path):
    onnx = pytest.importorskip("onnx", reason="reading networks needs the extra primis[train]")
    options = session_options(threads=1)
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    onnxruntime.InferenceSession(Codec.default().model.folder / "restore.onnx", options)
    nodes = onnx.load(tmp_path / "optimised.onnx").graph.node
    assert sum(node.op_type == "QLinearConv" for node in nodes) == 14
