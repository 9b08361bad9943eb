from __future__ import annotations

import pyrage
import pytest

from primis.keys import Keyring


def new_keyring() -> Keyring:
    return Keyring.create([str(pyrage.x25519.Identity.generate().to_public())])


@pytest.fixture
def keyring() -> Keyring:
    return new_keyring()


@pytest.fixture
def stranger() -> Keyring:
    return new_keyring()
