from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cbor2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from primis.errors import DamagedFileError, InputError, NoKeyError, StoreError, UsageError
from primis.keys import Entry, Grant, Keyring, Passphrase, agefile, load_keys, lock, new_id, record
from tests.keys.people import Person
from tests.keys.plain import PLAIN


def test_a_keyring_survives_its_file(tmp_path: Path, keyring: Keyring, owner: Person) -> None:
    keyring.save(tmp_path / "owner.keyring")
    loaded = Keyring.load(tmp_path / "owner.keyring", owner.identities)
    assert loaded.to_bytes() == keyring.to_bytes()
    assert loaded.images == keyring.images
    assert loaded.publisher == keyring.publisher


def test_its_file_is_private_and_nothing_else_is_left(tmp_path: Path, keyring: Keyring) -> None:
    keyring.save(tmp_path / "owner.keyring")
    assert [file.name for file in tmp_path.iterdir()] == ["owner.keyring"]
    assert stat.S_IMODE((tmp_path / "owner.keyring").stat().st_mode) == 0o600


def test_only_its_recipients_open_it(tmp_path: Path, keyring: Keyring, partner: Person) -> None:
    keyring.save(tmp_path / "owner.keyring")
    with pytest.raises(NoKeyError):
        Keyring.load(tmp_path / "owner.keyring", partner.identities)


@pytest.mark.slow
def test_a_keyring_may_be_sealed_with_a_passphrase(tmp_path: Path) -> None:
    path, passphrase = tmp_path / "owner.keyring", Passphrase("correct horse")
    Keyring.create(passphrase).save(path)
    keyring = Keyring.load(path, passphrase)
    keyring.add(new_id(), Entry("one"))
    keyring.save(path)
    assert Keyring.load(path, passphrase).images == keyring.images


def test_keys_differ_by_image_level_and_data_set(owner: Person) -> None:
    keyrings = [Keyring.create([owner.recipient]) for _ in range(2)]
    ids = [new_id() for _ in range(5)]
    keys = {k.image_key(i, level).material for k in keyrings for i in ids for level in range(4)}
    assert len(keys) == 40


def test_ambiguated_images_give_supports_up_to_the_level(keyring: Keyring) -> None:
    image_id = list(keyring.images)[2]
    assert keyring.highest_level(image_id) == 2
    assert keyring.image_key(image_id, 1).material == (b"support 0", b"support 1")
    with pytest.raises(NoKeyError, match="up to full, not original"):
        keyring.image_key(image_id, 3)


@pytest.mark.parametrize("level", [-1, 4])
def test_a_level_that_does_not_exist_is_refused(keyring: Keyring, level: int) -> None:
    with pytest.raises(UsageError, match="no level"):
        keyring.image_key(new_id(), level)
    with pytest.raises(UsageError, match="no level"):
        keyring.grant(level)


def test_two_processes_that_save_lose_nothing(
    tmp_path: Path, keyring: Keyring, owner: Person
) -> None:
    path = tmp_path / "owner.keyring"
    keyring.save(path)
    one, two = (Keyring.load(path, owner.identities) for _ in range(2))
    first, second = new_id(), new_id()
    one.add(first, Entry("first"))
    two.add(second, Entry("second"))
    one.save(path)
    two.save(path)
    merged = Keyring.load(path, owner.identities)
    assert merged.images == {
        **keyring.images, first: Entry("first"), second: Entry("second")
    }  # fmt: skip
    assert two.images == merged.images


def test_many_savers_at_once_lose_nothing(tmp_path: Path, owner: Person) -> None:
    path = tmp_path / "owner.keyring"
    Keyring.create([owner.recipient]).save(path)

    def protect(name: str) -> None:
        keyring = Keyring.load(path, owner.identities)
        keyring.add(new_id(), Entry(name))
        keyring.save(path)

    names = [f"image {n}" for n in range(12)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(protect, names))
    saved = Keyring.load(path, owner.identities).images.values()
    assert sorted(entry.name for entry in saved) == sorted(names)


def test_a_different_keyring_is_never_overwritten(tmp_path: Path, owner: Person) -> None:
    path, other_path = tmp_path / "a", tmp_path / "b"
    for target in (path, other_path):
        Keyring.create([owner.recipient]).save(target)
    before = path.read_bytes()
    with pytest.raises(UsageError, match="not this keyring"):
        Keyring.create([owner.recipient]).save(path)
    with pytest.raises(UsageError, match="not this keyring"):
        Keyring.load(other_path, owner.identities).save(path)
    assert path.read_bytes() == before


def test_saving_over_an_unrelated_file_is_refused(
    tmp_path: Path, keyring: Keyring, owner: Person
) -> None:
    keyring.save(tmp_path / "owner.keyring")
    loaded = Keyring.load(tmp_path / "owner.keyring", owner.identities)
    (tmp_path / "thesis.txt").write_text("three years of work")
    with pytest.raises(UsageError, match="not this keyring"):
        loaded.save(tmp_path / "thesis.txt")
    assert (tmp_path / "thesis.txt").read_text() == "three years of work"


def test_a_lock_left_behind_is_explained(
    tmp_path: Path, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "_PATIENCE", 0.1)
    (tmp_path / "owner.keyring.lock").touch()
    with pytest.raises(StoreError) as caught:
        keyring.save(tmp_path / "owner.keyring")
    assert "owner.keyring.lock" in caught.value.hint
    assert not (tmp_path / "owner.keyring").exists()


def test_a_directory_that_does_not_exist_is_a_store_error(tmp_path: Path, keyring: Keyring) -> None:
    with pytest.raises(StoreError):
        keyring.save(tmp_path / "nowhere" / "owner.keyring")


def test_a_keyring_needs_somebody_to_open_it() -> None:
    with pytest.raises(UsageError):
        Keyring.create([])
    with pytest.raises(UsageError):
        Keyring.create(["somebody"])


def test_images_are_added_once(keyring: Keyring) -> None:
    image_id = next(iter(keyring.images))
    with pytest.raises(UsageError, match="already"):
        keyring.add(image_id, Entry("again"))
    with pytest.raises(UsageError, match="16 bytes"):
        keyring.add(b"short", Entry("x"))


@pytest.mark.parametrize(
    ("name", "supports"),
    [("n" * 4097, ()), ("\udcff", ()), ("n", (b"one",)), ("n", (b"", b"", b"")), ("n", ("a",) * 3)],
)
def test_an_unfit_entry_is_refused(name: str, supports: tuple[bytes, ...]) -> None:
    with pytest.raises(UsageError):
        Entry(name, supports)


def test_no_secret_shows_in_a_repr(keyring: Keyring) -> None:
    fields = record.decode(keyring.to_bytes())[1]
    shown = repr(keyring) + repr(keyring.images) + str(keyring)
    for secret in [*fields["secrets"], fields["signing_key"], b"support 0"]:
        assert secret.hex() not in shown
        assert repr(secret) not in shown


def test_load_keys_tells_keyring_from_grant(
    tmp_path: Path, keyring: Keyring, owner: Person
) -> None:
    keyring.save(tmp_path / "keyring")
    (tmp_path / "grant").write_bytes(keyring.grant(0).seal([owner.recipient]))
    assert isinstance(load_keys(tmp_path / "keyring", owner.identities), Keyring)
    assert load_keys(tmp_path / "grant", owner.identities) == keyring.grant(0)
    with pytest.raises(DamagedFileError, match="a grant, not a keyring"):
        Keyring.load(tmp_path / "grant", owner.identities)
    with pytest.raises(InputError):
        load_keys(tmp_path / "nothing", owner.identities)


def test_a_loaded_keyring_goes_on_merging(tmp_path: Path, keyring: Keyring, owner: Person) -> None:
    path = tmp_path / "keyring"
    keyring.save(path)
    loaded = load_keys(path, owner.identities)
    assert isinstance(loaded, Keyring)
    loaded.save(path)
    with pytest.raises(UsageError, match="changed since"):
        keyring.save(path)


MUTATIONS = {
    "a missing field": lambda f: f.pop("images"),
    "an extra field": lambda f: f.update(more=1),
    "a short data set id": lambda f: f.update(data_set=b"short"),
    "three secrets": lambda f: f["secrets"].pop(),
    "a short secret": lambda f: f["secrets"].__setitem__(0, b"short"),
    "secrets that are text": lambda f: f.update(secrets="abcd"),
    "a short signing key": lambda f: f.update(signing_key=b"short"),
    "no recipient": lambda f: f.update(recipients=[]),
    "an unfit recipient": lambda f: f.update(recipients=["somebody"]),
    "a recipient that is a number": lambda f: f.update(recipients=[1]),
    "images that are a list": lambda f: f.update(images=[]),
    "a short image id": lambda f: f.update(images={b"short": ["one", []]}),
    "an image without supports": lambda f: f.update(images={bytes(16): ["one"]}),
    "an image with one support": lambda f: f.update(images={bytes(16): ["one", [b"0"]]}),
    "supports that are empty text": lambda f: f.update(images={bytes(16): ["one", ""]}),
    "supports that are a map": lambda f: f.update(images={bytes(16): ["one", {}]}),
    "an image that is text": lambda f: f.update(images={bytes(16): "ab"}),
    "an image that is a map": lambda f: f.update(images={bytes(16): {"one": 1, "two": 2}}),
    "an image that is a number": lambda f: f.update(images={bytes(16): 1}),
    "an image without name": lambda f: f.update(images={bytes(16): [b"one", []]}),
    "another version": lambda f: f.update(version=2),
    "no version": lambda f: f.pop("version"),
    "another kind": lambda f: f.update(kind="primis other"),
}


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS.keys())
def test_a_record_with_one_fault_is_damaged(
    tmp_path: Path, keyring: Keyring, owner: Person, mutation
) -> None:
    fields = cbor2.loads(keyring.to_bytes())
    mutation(fields)
    data = cbor2.dumps(fields, canonical=True)
    (tmp_path / "k").write_bytes(agefile.seal(data, [owner.recipient]))
    with pytest.raises(DamagedFileError):
        load_keys(tmp_path / "k", owner.identities)


@pytest.mark.parametrize(
    "data",
    [
        cbor2.dumps({"version": 1, "kind": "primis grant"}),
        cbor2.dumps({"kind": "primis grant", "version": 1}, canonical=True) + b"\0",
        bytes.fromhex("a2646b696e6461786776657273696f6e1801"),
        cbor2.dumps([1], canonical=True),
        cbor2.dumps({"kind": "x", "version": 1, "x": 1.5}, canonical=True),
        cbor2.dumps({"kind": "x", "version": 1, 7: 1}, canonical=True),
        cbor2.dumps({"kind": "x", "version": -1}, canonical=True),
        bytes.fromhex("d81c81d81d00"),
        b"\x81" * 100_000 + b"\0",
        b"\x5b\x00\x00\xff\x00\x00\x00\x00\x00abc",
        b"",
    ],
    ids=[
        "wrong order", "trailing byte", "long integer", "array", "float", "number as key",
        "negative", "cycle", "deep", "giant", "empty",
    ],
)  # fmt: skip
def test_only_canonical_records_are_read(data: bytes) -> None:
    with pytest.raises(DamagedFileError):
        record.decode(data)


NAMES = sorted({"data_set", "secrets", "signing_key", "recipients", "images", "publisher"})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(NAMES), PLAIN)
def test_any_field_of_any_value_is_read_or_damaged(
    keyring: Keyring, owner: Person, name: str, value: object
) -> None:
    fields = record.decode(keyring.to_bytes())[1]
    fields[name] = value
    try:
        loaded = Keyring.from_fields(fields, b"", owner.identities)
    except DamagedFileError:
        return
    assert record.decode(loaded.to_bytes())[1] == fields


@given(st.binary(max_size=100))
def test_any_bytes_are_a_record_or_damaged(data: bytes) -> None:
    try:
        kind, fields = record.decode(data)
    except DamagedFileError:
        return
    assert record.encode(kind, fields) == data


def test_a_record_too_long_is_refused_when_written_and_when_read(
    keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = keyring.to_bytes()
    monkeypatch.setattr(record, "MAX_RECORD_LENGTH", len(data) - 1)
    with pytest.raises(UsageError, match="too long"):
        keyring.to_bytes()
    with pytest.raises(DamagedFileError, match="longer than"):
        record.decode(data)


def test_a_grant_is_not_mistaken_for_a_keyring(keyring: Keyring, owner: Person) -> None:
    grant_fields = record.decode(keyring.grant(0).to_bytes())[1]
    with pytest.raises(DamagedFileError):
        Keyring.from_fields(grant_fields, b"", owner.identities)
    with pytest.raises(DamagedFileError):
        Grant.from_fields(record.decode(keyring.to_bytes())[1])
