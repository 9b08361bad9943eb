from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from primis.codec.codec import Codec, Pixels
from primis.codec.codes import SparseCodes


@pytest.fixture(scope="session", autouse=True)
def _each_image_is_encoded_once() -> Iterator[None]:
    """Encoding takes most of the time of these tests, and gives the same for every target."""
    encode, kept = Codec.encode, dict[tuple[Any, ...], SparseCodes]()

    def encode_once(codec: Codec, pixels: Pixels, budget: int, **options: Any) -> SparseCodes:
        of_image = pixels.shape, pixels.dtype.str, pixels.tobytes()
        key = (codec.model.digest, *of_image, budget, *sorted(options.items()))
        if key not in kept:
            kept[key] = encode(codec, pixels, budget, **options)
        return kept[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Codec, "encode", encode_once)
        yield
