from __future__ import annotations

from pathlib import Path

import cbor2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from primis.errors import DamagedFileError, NoKeyError, UsageError
from primis.keys import Grant, Keyring, agefile, load_keys, new_id, record
from tests.keys.people import Person
from tests.keys.plain import PLAIN


@pytest.mark.parametrize("level", range(4))
def test_a_grant_of_the_data_set_gives_the_owners_keys_up_to_its_level(
    keyring: Keyring, level: int
) -> None:
    grant = keyring.grant(level)
    one, _, ambiguated = keyring.images
    later = new_id()
    for granted in range(level + 1):
        for image_id in (one, later):
            assert grant.image_key(image_id, granted) == keyring.image_key(image_id, granted)
    assert grant.highest_level(one) == level
    assert grant.highest_level(ambiguated) == min(level, 2)
    assert grant.publisher == keyring.publisher
    assert grant.image_key(ambiguated, 0) == keyring.image_key(ambiguated, 0)


@pytest.mark.parametrize("level", range(3))
@pytest.mark.parametrize("chosen", [False, True])
def test_a_grant_gives_nothing_above_its_level(keyring: Keyring, level: int, chosen: bool) -> None:
    grant = keyring.grant(level, list(keyring.images) if chosen else None)
    for image_id in keyring.images:
        for above in range(level + 1, 4):
            with pytest.raises(NoKeyError, match="the grant opens this image up to"):
                grant.image_key(image_id, above)


def test_a_grant_of_chosen_images_gives_no_other(keyring: Keyring) -> None:
    one, two, ambiguated = keyring.images
    grant = keyring.grant(2, [one, ambiguated])
    assert grant.image_key(one, 2) == keyring.image_key(one, 2)
    assert grant.image_key(ambiguated, 2) == keyring.image_key(ambiguated, 2)
    for image_id in (two, new_id()):
        with pytest.raises(NoKeyError, match="does not cover"):
            grant.image_key(image_id, 0)


def test_the_plaintext_holds_only_what_was_granted(keyring: Keyring) -> None:
    one, two, ambiguated = keyring.images
    secrets = record.decode(keyring.to_bytes())[1]["secrets"]
    of_set = cbor2.loads(keyring.grant(1).to_bytes())
    assert of_set == {
        "kind": "primis grant",
        "version": 1,
        "data_set": keyring.data_set,
        "publisher": keyring.publisher,
        "level": 1,
        "secrets": secrets[:2],
        "keys": {},
        "supports": {ambiguated: [b"support 0", b"support 1"]},
    }
    of_images = cbor2.loads(keyring.grant(1, [two]).to_bytes())
    assert of_images["secrets"] == []
    assert of_images["supports"] == {}
    assert of_images["keys"] == {
        two: [keyring.image_key(two, level).material for level in range(2)]
    }
    for data in (keyring.grant(1).to_bytes(), keyring.grant(3, [one]).to_bytes()):
        assert keyring.signing_key.private_bytes_raw() not in data
        assert b".dcm" not in data


def test_a_grant_survives_its_file(
    tmp_path: Path, keyring: Keyring, partner: Person, owner: Person
) -> None:
    for grant in (keyring.grant(2), keyring.grant(0, list(keyring.images)[1:])):
        (tmp_path / "partner.age").write_bytes(grant.seal([partner.recipient]))
        assert load_keys(tmp_path / "partner.age", partner.identities) == grant
        with pytest.raises(NoKeyError):
            load_keys(tmp_path / "partner.age", owner.identities)


def test_an_image_the_owner_does_not_have_cannot_be_granted(keyring: Keyring) -> None:
    with pytest.raises(NoKeyError, match=bytes(16).hex()):
        keyring.grant(1, [bytes(16)])


def test_a_grant_of_nothing_is_refused(keyring: Keyring) -> None:
    with pytest.raises(UsageError, match="no image"):
        keyring.grant(1, [])


def test_no_key_shows_in_a_repr(keyring: Keyring) -> None:
    grant = keyring.grant(1)
    chosen = keyring.grant(1, keyring.images.keys())
    shown = repr(grant) + repr(chosen)
    for secret in (grant.secrets[0], *(keys[0] for keys in chosen.keys.values()), b"support 0"):
        assert repr(secret) not in shown


MUTATIONS = {
    "a missing field": lambda f: f.pop("keys"),
    "an extra field": lambda f: f.update(more=1),
    "no such level": lambda f: f.update(level=4),
    "a level that is text": lambda f: f.update(level="1"),
    "a level that is a list": lambda f: f.update(level=[1]),
    "too few secrets": lambda f: f["secrets"].pop(),
    "a short secret": lambda f: f["secrets"].__setitem__(0, b"short"),
    "a short publisher": lambda f: f.update(publisher=b"short"),
    "secrets and keys": lambda f: f.update(keys={bytes(16): [bytes(32)] * 2}),
    "keys that are a list": lambda f: f.update(keys=[]),
    "too few supports": lambda f: f.update(supports={bytes(16): [b"0"]}),
    "an empty support": lambda f: f.update(supports={bytes(16): [b"0", b""]}),
    "a short image id": lambda f: f.update(supports={b"short": [b"0", b"1"]}),
    "nothing granted": lambda f: f.update(secrets=[], supports={}),
    "too few keys": lambda f: f.update(secrets=[], keys={bytes(16): [bytes(32)]}),
    "a short key": lambda f: f.update(secrets=[], keys={bytes(16): [bytes(31)] * 2}),
    "an image twice": lambda f: f.update(
        secrets=[], keys={bytes(16): [bytes(32)] * 2}, supports={bytes(16): [b"0", b"1"]}
    ),
}


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS.keys())
def test_a_record_with_one_fault_is_damaged(
    tmp_path: Path, keyring: Keyring, owner: Person, mutation
) -> None:
    fields = cbor2.loads(keyring.grant(1).to_bytes())
    mutation(fields)
    data = cbor2.dumps(fields, canonical=True)
    (tmp_path / "g").write_bytes(agefile.seal(data, [owner.recipient]))
    with pytest.raises(DamagedFileError):
        load_keys(tmp_path / "g", owner.identities)


NAMES = ["data_set", "publisher", "level", "secrets", "keys", "supports"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(NAMES), PLAIN)
def test_any_field_of_any_value_is_read_or_damaged(
    keyring: Keyring, name: str, value: object
) -> None:
    fields = {**record.decode(keyring.grant(1).to_bytes())[1], name: value}
    try:
        grant = Grant.from_fields(fields)
    except DamagedFileError:
        return
    assert record.decode(grant.to_bytes())[1] == fields
