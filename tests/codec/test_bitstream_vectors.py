"""Replays tests/vectors/codec: code bytes, and the integers that they stand for.

They depend on the context network and the table of the shipped model, but on no other network.
PRIMIS_REGENERATE=1 rewrites them: review the difference. docs/format.md describes the fields.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest

from primis.codec.bitstream import decode, encode
from primis.codec.codec import Codec
from primis.codec.codes import SparseCodes
from primis.codec.layout import Layout
from primis.codec.spans import Span
from tests.codec.made_codes import lengths_of, made_codes

VECTORS = Path(__file__).parents[1] / "vectors" / "codec"
CASES = {
    "square": ((64, 64), 1, 0.2, 500, 0, True, 0, 0),
    "odd": ((45, 67), 2, 0.4, 900, 0, False, 0b0110, 3),
    "coarse-signs": ((50, 33), 3, 0.1, 250, 2, True, 0b1001, 0),
    "quiet": ((200, 168), 5, 0.05, 1200, 0, True, 0, 0),  # long runs of one index
    "spans": ((72, 72), 7, 0.3, 700, 0, True, 0, 7),
}


def vector(name: str, codec: Codec) -> dict[str, object]:
    shape, seed, density, total, unsigned_scales, sparsified, dark_sides, span = CASES[name]
    codes = made_codes(shape, seed, density, sparsified, dark_sides, Span(span))
    bodies, _ = encode(codes, lengths_of(total), codec.context, unsigned_scales=unsigned_scales)
    return {
        "name": name,
        "model": codec.model.digest.hex(),
        "rows": shape[0],
        "columns": shape[1],
        "unsigned_scales": unsigned_scales,
        "levels": [body.hex() for body in bodies],
        "decoded": [described(codec, shape, bodies[:n], unsigned_scales) for n in (1, 2, 3)],
    }


def described(codec: Codec, shape, bodies, unsigned_scales) -> dict[str, object]:
    read = decode(Layout(*shape), bodies, codec.context, unsigned_scales=unsigned_scales)
    return {
        "step": read.step,
        "offset": read.offset,
        "sparsified": read.sparsified,
        "dark_sides": read.dark_sides,
        "span": read.span.code,
        "plane": read.plane,
        "values": digest(read.values, ">i4"),
        "known": digest(read.known, "u1"),
    }


def digest(arrays, kind: str) -> str:
    return hashlib.sha256(b"".join(array.astype(kind).tobytes() for array in arrays)).hexdigest()


@pytest.mark.parametrize("name", CASES)
def test_vector(codec: Codec, name: str) -> None:
    path = VECTORS / f"{name}.json"
    current = vector(name, codec)
    if "PRIMIS_REGENERATE" in os.environ:
        path.write_text(json.dumps(current, indent=2) + "\n")
    frozen = json.loads(path.read_text())
    assert current["model"] == frozen["model"], "other model: PRIMIS_REGENERATE=1 is due"
    assert current == frozen
    shape = (frozen["rows"], frozen["columns"])
    bodies = [bytes.fromhex(level) for level in frozen["levels"]]
    for number, expected in enumerate(frozen["decoded"], 1):
        assert described(codec, shape, bodies[:number], frozen["unsigned_scales"]) == expected


def test_vectors_end_inside_of_planes(codec: Codec) -> None:
    def partly(read: SparseCodes) -> bool:
        return not all(known.all() for known in read.known)

    for name, ((rows, columns), *_, unsigned_scales, _, _, _) in CASES.items():
        frozen = json.loads((VECTORS / f"{name}.json").read_text())
        bodies = [bytes.fromhex(level) for level in frozen["levels"]]
        read = decode(Layout(rows, columns), bodies, codec.context, unsigned_scales=unsigned_scales)
        assert partly(read)
        assert all(np.any(band) for band in read.values)
