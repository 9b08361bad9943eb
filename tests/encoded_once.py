"""Spares tests that protect the same images again and again most of their time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from primis.codec.codec import Codec, Pixels
from primis.codec.codes import SparseCodes

_KEPT: dict[tuple[Any, ...], SparseCodes] = {}


@pytest.fixture(scope="module")
def encoded_once() -> Iterator[None]:
    """Encode what is equal once per process: it gives the same each time."""
    encode = Codec.encode

    def encode_once(codec: Codec, pixels: Pixels, budget: int, **options: Any) -> SparseCodes:
        of_image = pixels.shape, pixels.dtype.str, pixels.tobytes()
        key = (codec.model.digest, *of_image, budget, *sorted(options.items()))
        if key not in _KEPT:
            _KEPT[key] = encode(codec, pixels, budget, **options)
        return _KEPT[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Codec, "encode", encode_once)
        yield
