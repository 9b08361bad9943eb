from __future__ import annotations

import pytest

from primis.codec.codec import Codec
from primis.codec.context import ContextModel


@pytest.fixture(scope="session")
def codec() -> Codec:
    return Codec.default(1)


@pytest.fixture(scope="session")
def context(codec: Codec) -> ContextModel:
    return codec.context
