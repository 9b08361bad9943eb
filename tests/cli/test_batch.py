from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from primis.batch import over_pool, protect_files, reconstruct_files
from primis.errors import InputError, PrimisError, StoreError
from primis.images import read_image
from primis.keys import Keyring, Passphrase, agefile, read_identities
from tests.cli.slope import slope


def half(number: int) -> int:
    if number % 2:
        raise InputError(f"{number} is odd", hint="double it")
    if number < 0:
        raise ValueError("negative")
    return number // 2


def die_of_4(number: int) -> int:
    if number == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.parametrize("processes", [1, 2])
def test_outcomes_come_in_order_with_errors_in_place_of_results(processes):
    earlier = InputError("failed before")
    tasks = [8, 3, earlier, -2, *range(0, 40, 2)]
    first, odd, passed, negative, *rest = over_pool(half, tasks, processes=processes)
    assert first == 4
    assert isinstance(odd, InputError)
    assert (str(odd), odd.hint) == ("3 is odd", "double it")
    assert passed is earlier
    assert type(negative) is PrimisError
    assert "ValueError" in str(negative)
    assert "negative" not in str(negative)
    assert rest == list(range(20))


def test_tasks_are_taken_only_a_few_ahead():
    taken = []

    def tasks():
        for number in range(0, 1000, 2):
            taken.append(number)
            yield number

    outcomes = over_pool(half, tasks(), processes=2)
    next(outcomes)
    assert len(taken) < 20
    outcomes.close()


def test_a_killed_worker_fails_what_is_left_and_nothing_hangs():
    outcomes = list(over_pool(die_of_4, range(12), processes=2))
    assert len(outcomes) == 12
    assert all("killed" in str(o) for o in outcomes if isinstance(o, PrimisError))
    assert any(isinstance(o, PrimisError) for o in outcomes)


@pytest.fixture
def inputs() -> list[Path]:
    paths = [Path(f"{n}.png") for n in range(3)]
    for n, path in enumerate(paths):
        Pillow.fromarray(slope(64, 64 + n, 255)).save(path)
    return paths


@pytest.fixture
def keyring() -> Keyring:
    return Keyring.create([agefile.keygen(Path("me.txt"))])


def test_no_public_file_appears_before_the_keyring_that_remembers_it(inputs, keyring, monkeypatch):
    out = Path("public")
    save = Keyring.save
    seen = []

    def saving(self, path):
        save(self, path)
        remembered = Keyring.load(path, read_identities(Path("me.txt"))).images
        on_disk = {file.stem for file in out.iterdir()} if out.exists() else set()
        assert on_disk < {image_id.hex() for image_id in remembered}
        seen.append(len(remembered))

    monkeypatch.setattr(Keyring, "save", saving)
    list(protect_files(inputs, keyring, Path("k"), out, rate=2))
    assert seen[-1] == len(list(out.iterdir())) == 3


def test_a_keyring_that_cannot_be_saved_stops_the_batch_before_anything_is_published(
    inputs, keyring
):
    with pytest.raises(StoreError):
        list(protect_files(inputs, keyring, Path("missing/k"), Path("public"), rate=2))
    assert not Path("public").exists()


@pytest.mark.slow
def test_a_keyring_sealed_with_a_passphrase_works_in_several_processes(inputs):
    keyring = Keyring.create(Passphrase("tree house"))
    made = list(protect_files(inputs, keyring, Path("k"), Path("public"), rate=2, processes=2))
    assert len(keyring.images) == len(made) == 3
    back = list(reconstruct_files([file.path for file in made], keyring, Path("out"), processes=2))
    for path, reconstructed in zip(inputs, back, strict=True):
        original = read_image(path).pixels.astype(float)
        difference = read_image(reconstructed.path).pixels - original
        assert np.square(difference).mean() < original.var() / 10


def test_secrets_do_not_show_in_what_workers_get(keyring):
    from primis.batch import _Secrets

    secrets = _Secrets.of(keyring)
    shown = repr(secrets)
    assert repr(secrets.signing_key) not in shown
    assert all(repr(secret) not in shown for secret in secrets.levels)
