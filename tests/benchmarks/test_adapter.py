import numpy as np
import pytest

pytest.importorskip("primis.api", reason="needs the in-memory API")


@pytest.mark.parametrize("bits", [8, 12])
def test_primis_returns_the_picture_and_counts_the_key(bits):
    from benchmarks import adapter
    from primis.evaluate import psnr

    rows, columns = np.mgrid[:128, :128] / 128
    peak = 2**bits - 1
    pixels = (peak * (0.5 + 0.4 * np.sin(6 * rows) * np.cos(5 * columns))).astype(
        np.uint8 if bits == 8 else np.uint16
    )
    size, decode = adapter.encode(pixels, 0.5, bits=bits)
    assert size > adapter.KEY_SIZE
    assert psnr(pixels, decode(), peak) > 30
