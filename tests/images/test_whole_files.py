import os
import stat

import pytest

from primis.errors import InputError, StoreError, UsageError
from primis.files import read_bounded, write_atomically


def test_a_written_file_holds_the_data_and_nothing_else_is_left(tmp_path):
    write_atomically(tmp_path / "a", b"data")
    assert (tmp_path / "a").read_bytes() == b"data"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_an_existing_file_is_replaced_only_when_asked(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(UsageError, match="already exists") as caught:
        write_atomically(path, b"new")
    assert "--force" in caught.value.hint
    assert path.read_bytes() == b"old"
    write_atomically(path, b"new", overwrite=True)
    assert path.read_bytes() == b"new"


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_a_private_file_is_readable_by_its_owner_only(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"public")
    path.chmod(0o644)
    write_atomically(path, b"secret", private=True, overwrite=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_the_umask_decides_the_mode_of_other_files(tmp_path):
    previous = os.umask(0o027)
    try:
        write_atomically(tmp_path / "a", b"")
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_a_failed_write_leaves_the_old_file_and_no_temporary(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left on device"):
        write_atomically(path, b"new", overwrite=True)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_write_leaves_no_temporary(tmp_path, monkeypatch):
    def interrupt(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "a", b"new")
    assert not list(tmp_path.iterdir())


def test_a_directory_is_not_overwritten(tmp_path):
    with pytest.raises(UsageError, match="is a directory"):
        write_atomically(tmp_path, b"data", overwrite=True)


def test_a_missing_directory_is_reported(tmp_path):
    with pytest.raises(StoreError, match="No such file or directory"):
        write_atomically(tmp_path / "missing" / "a", b"data")


def test_a_dangling_link_is_something_that_exists(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="already exists"):
        write_atomically(tmp_path / "a", b"data")


def test_reading_stops_at_the_limit(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert read_bounded(tmp_path / "a", 5) == b"12345"
    with pytest.raises(InputError, match="longer than 4 bytes"):
        read_bounded(tmp_path / "a", 4)


@pytest.mark.parametrize("name", ["missing", "", "nul\0byte"])
def test_what_cannot_be_read_is_an_input_error(tmp_path, name):
    with pytest.raises(InputError, match="cannot be read"):
        read_bounded(tmp_path / name, 5)
