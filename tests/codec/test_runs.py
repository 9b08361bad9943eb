"""Symbols of one index are coded as runs, which must not show in the bytes."""

import numpy as np

from primis.codec import bitstream
from primis.codec.codec import Codec
from tests.pictures import smooth


def test_runs_of_one_probability_are_coded_as_their_symbols_one_by_one(monkeypatch):
    codec = Codec.default(threads=1)
    lengths = [bitstream.usable_length(level, 400 * (level + 1)) for level in range(3)]
    codes = codec.encode(smooth((192, 192)), sum(lengths))
    runs = codec.pack(codes, lengths)
    monkeypatch.setattr(bitstream, "_LONG", 10**9)
    assert codec.pack(codes, lengths) == runs
    one_by_one = codec.unpack((192, 192), runs)
    monkeypatch.undo()
    again = codec.unpack((192, 192), runs)
    for mine, yours in zip(again.values, one_by_one.values, strict=True):
        np.testing.assert_array_equal(mine, yours)
