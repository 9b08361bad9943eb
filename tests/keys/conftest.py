from __future__ import annotations

import pytest

from primis.keys import Entry, Keyring, new_id
from tests.keys.people import Person


@pytest.fixture(scope="session")
def owner(tmp_path_factory: pytest.TempPathFactory) -> Person:
    return Person.new(tmp_path_factory.mktemp("owner") / "owner.txt")


@pytest.fixture(scope="session")
def partner(tmp_path_factory: pytest.TempPathFactory) -> Person:
    return Person.new(tmp_path_factory.mktemp("partner") / "partner.txt")


@pytest.fixture
def keyring(owner: Person) -> Keyring:
    """A keyring with two keystream images and an ambiguated one."""
    keyring = Keyring.create([owner.recipient])
    keyring.add(new_id(), Entry("study/one.dcm"))
    keyring.add(new_id(), Entry("study/two.dcm"))
    keyring.add(new_id(), Entry("study/three.dcm", (b"support 0", b"support 1", b"support 2")))
    return keyring
