"""Small synthetic pictures, and how alike two pictures are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, int]


def smooth(shape: Shape, bits: int = 8, seed: int = 0) -> NDArray:
    """A few soft bumps over the whole range of values."""
    rng = np.random.default_rng(seed)
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    rows, columns = rows / shape[0], columns / shape[1]
    total = np.zeros(shape)
    for row, column, width, height in rng.uniform(0.2, 0.9, (6, 4)):
        total += height * np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (width / 3) ** 2)
    total -= total.min()
    return _stored(total / total.max(), bits)


def textured(shape: Shape, bits: int = 8, seed: int = 0) -> NDArray:
    """Bumps, a sharp disc and a little noise: something like a radiograph."""
    rng = np.random.default_rng(seed)
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    disc = (rows - shape[0] / 3) ** 2 + (columns - shape[1] / 2) ** 2 < (min(shape) / 5) ** 2
    picture = 0.75 * smooth(shape, 16, seed) / 65535 + 0.15 * disc
    return _stored(np.clip(picture + rng.normal(0.03, 0.01, shape), 0, 1), bits)


def clouds(shape: Shape, bits: int = 8, seed: int = 0) -> NDArray:
    """Noise whose amplitude falls as 1 / frequency**1.3: features of all sizes."""
    noise = np.random.default_rng(seed).normal(size=shape)
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None])
    spectrum = np.fft.rfft2(noise) / frequency.clip(1 / max(shape)) ** 1.3
    picture = np.fft.irfft2(spectrum, s=shape)
    return _stored(np.clip(0.5 + picture / (5 * picture.std()), 0, 1), bits)


def noise(shape: Shape, bits: int = 8, seed: int = 0) -> NDArray:
    """Independent values over the whole range."""
    return _stored(np.random.default_rng(seed).random(shape), bits)


def checkerboard(shape: Shape, bits: int = 8, seed: int = 0) -> NDArray:
    """Lowest and highest value in turn."""
    return _stored(np.add.outer(np.arange(shape[0]), np.arange(shape[1])) % 2, bits)


def edge(shape: Shape, bits: int = 8, seed: int = 0) -> NDArray:
    """Lowest values above, highest below."""
    return _stored(np.outer(np.arange(shape[0]) >= shape[0] // 2, np.ones(shape[1])), bits)


def ramp(shape: Shape, bits: int = 8, seed: int = 0) -> NDArray:
    """From the lowest value in the first row to the highest in the last."""
    return _stored(np.outer(np.linspace(0, 1, shape[0]), np.ones(shape[1])), bits)


def black(shape: Shape, bits: int = 8, seed: int = 0) -> NDArray:
    """Lowest values."""
    return _stored(np.zeros(shape), bits)


def white(shape: Shape, bits: int = 8, seed: int = 0) -> NDArray:
    """Highest values."""
    return _stored(np.ones(shape), bits)


KINDS: dict[str, Callable[..., NDArray]] = {
    kind.__name__: kind
    for kind in (smooth, textured, noise, checkerboard, edge, ramp, black, white)
}


def psnr(one: NDArray, other: NDArray, bits: int = 8) -> float:
    """Peak signal-to-noise ratio in dB; 200 for equal pictures."""
    error = np.mean((one.astype(np.float64) - other) ** 2)
    return min(200.0, 10 * np.log10((2**bits - 1) ** 2 / max(error, 1e-30)))


def _stored(picture: NDArray, bits: int) -> NDArray:
    values = np.rint(np.asarray(picture, dtype=np.float64) * (2**bits - 1))
    return np.ascontiguousarray(values.astype(np.uint8 if bits <= 8 else np.uint16))
