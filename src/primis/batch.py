"""Many images: one function per image over a pool of local processes, and files in and out.

An image that fails does not stop the others: its outcome is the error. Outcomes come in the order
of the inputs.
"""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from primis import container
from primis.errors import PrimisError, StoreError, UsageError
from primis.files import read_bounded, write_atomically
from primis.keys import Entry, ImageKey, Keyring, KeySource
from primis.obfuscation import Level, Scheme

Format: TypeAlias = Literal["dicom", "png", "npy"]

Task = TypeVar("Task")
Result = TypeVar("Result")

SUFFIX = ".primis"
_AHEAD = 4  # tasks per process that may be done or under way before their turn comes
_DAY = 86_400  # seconds
_MAX_UNSAVED = 32  # images


@dataclass(frozen=True, slots=True)
class Published:
    """A public file that was written.

    Parameters
    ----------
    path
        Where it is.
    image_id
        16 bytes.
    length
        Its size in bytes.
    """

    path: Path
    image_id: bytes
    length: int


@dataclass(frozen=True, slots=True)
class Reconstructed:
    """A reconstruction that was written.

    Parameters
    ----------
    path
        Where it is.
    image_id
        16 bytes.
    level
        The level that was opened.
    exact
        The pixels are those of the original.
    """

    path: Path
    image_id: bytes
    level: Level
    exact: bool


def attempt(function: Callable[[Task], Result], task: Task) -> Result | PrimisError:
    """Call a function; return its result, or the error in place of it."""
    try:
        return function(task)
    except PrimisError as error:
        return error
    except Exception as error:
        return unexpected(error)


def unexpected(error: Exception) -> PrimisError:
    """Describe an error that nobody foresaw; its text stays hidden, as it may quote anything.

    With ``PRIMIS_DEBUG=1`` in the environment, the traceback goes to stderr.
    """
    if os.environ.get("PRIMIS_DEBUG") == "1":
        traceback.print_exception(error)
    return PrimisError(
        f"unexpected error ({type(error).__name__})",
        hint="please report it, with what it prints under PRIMIS_DEBUG=1",
    )


def over_pool(
    function: Callable[[Task], Result], tasks: Iterable[Task | PrimisError], *, processes: int
) -> Iterator[Result | PrimisError]:
    """Call a function on every task; yield the outcomes in order.

    Parameters
    ----------
    function
        A picklable function.
    tasks
        Its arguments, taken only a few ahead; an error among them is passed on.
    processes
        How many to use; 1 does the work in this process.
    """
    work = partial(attempt, function)
    if processes <= 1:
        for task in tasks:
            yield task if isinstance(task, PrimisError) else work(task)
        return
    pool = ProcessPoolExecutor(
        processes, mp_context=get_context("spawn"), initializer=_ignore_interrupts
    )
    pending: deque[Future[Result | PrimisError]] = deque()
    try:
        for task in tasks:
            pending.append(_submit(pool, work, task))
            if len(pending) == _AHEAD * processes:
                yield _outcome(pending.popleft())
        while pending:
            yield _outcome(pending.popleft())
    finally:
        with _uninterrupted():  # a second interrupt in the middle of it could leave it waiting
            pool.shutdown(cancel_futures=True)


def protect_files(
    paths: Sequence[Path],
    keyring: Keyring,
    keyring_path: Path,
    out: Path,
    *,
    rate: float,
    scheme: Scheme = Scheme.KEYSTREAM,
    original: bool = False,
    allow_burned_in: bool = False,
    processes: int = 1,
) -> Iterator[Published | PrimisError]:
    """Protect image files into a folder under random names; see `primis.api.protect`.

    The keyring is saved before the public files that it remembers appear.

    Raises
    ------
    UsageError, StoreError
        If the keyring cannot be saved; nothing that it does not remember was published.
    """
    processes = min(processes, len(paths))
    work = partial(
        _protect_file,
        secrets=_Secrets.of(keyring),
        rate=rate,
        scheme=scheme,
        original=original,
        allow_burned_in=allow_burned_in,
        threads=_threads(processes),
    )
    outcomes = over_pool(work, paths, processes=processes)
    return _publish(outcomes, keyring, keyring_path, out)


def rekey_files(
    paths: Sequence[Path], old: Keyring, new: Keyring, new_path: Path, out: Path
) -> Iterator[Published | PrimisError]:
    """Copy public files into a folder under new secrets and ids; see `primis.api.rekey`.

    Raises
    ------
    UsageError, StoreError
        If the new keyring cannot be saved; nothing that it does not remember was published.
    """
    work = partial(_rekey_file, old=old, new=new)
    return _publish(over_pool(work, paths, processes=1), new, new_path, out)


def reconstruct_files(
    paths: Sequence[Path],
    keys: KeySource,
    out: Path,
    *,
    level: Level | None = None,
    as_: Format | None = None,
    overwrite: bool = False,
    processes: int = 1,
) -> Iterator[Reconstructed | PrimisError]:
    """Reconstruct public files into a folder, named by image id; see `primis.api.reconstruct`.

    Parameters
    ----------
    paths
        Public files.
    keys
        What opens them; a worker process gets the key of the image at hand, and no other.
    out
        The folder; made if missing.
    level
        Which level to open; None is the best that the keys allow.
    as_
        See `primis.images.write_image`.
    overwrite
        Replace files that are already there, but never a public file of `paths`.
    processes
        How many to use.
    """
    tasks = (attempt(partial(_open_file, keys=keys, level=level), path) for path in paths)
    processes = min(processes, len(paths))
    work = partial(
        _reconstruct_file,
        out=out,
        level=level,
        as_=as_,
        overwrite=overwrite,
        threads=_threads(processes),
    )
    return over_pool(work, tasks, processes=processes)


@dataclass(frozen=True, slots=True)
class _Secrets:
    """What a worker needs of a keyring: not the images already there, nor who may open it."""

    data_set: bytes
    levels: tuple[bytes, ...] = field(repr=False)
    signing_key: bytes = field(repr=False)

    @classmethod
    def of(cls, keyring: Keyring) -> _Secrets:
        whole = keyring.grant(Level.ORIGINAL)
        return cls(whole.data_set, whole.secrets, keyring.signing_key.private_bytes_raw())

    def keyring(self) -> Keyring:
        key = Ed25519PrivateKey.from_private_bytes(self.signing_key)
        return Keyring(self.data_set, self.levels, key, (), {})


@dataclass(frozen=True, slots=True)
class _LentKey:
    """The key of one image with what the lender knows of its publisher; a `KeySource`."""

    key: ImageKey
    publisher: bytes | None

    def highest_level(self, image_id: bytes) -> int:
        return self.key.highest_level(image_id)

    def image_key(self, image_id: bytes, level: int) -> ImageKey:
        return self.key.image_key(image_id, level)


@dataclass(frozen=True, slots=True)
class _Locked:
    """A public file with the key that is to open it."""

    path: Path
    data: bytes = field(repr=False)
    key: _LentKey


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A public file in memory, and what the keyring is to remember of it."""

    image_id: bytes
    data: bytes = field(repr=False)
    entry: Entry = field(repr=False)


def _protect_file(
    path: Path,
    *,
    secrets: _Secrets,
    rate: float,
    scheme: Scheme,
    original: bool,
    allow_burned_in: bool,
    threads: int | None,
) -> _Prepared:
    from primis.api import protect
    from primis.images import read_image

    image = read_image(path, allow_burned_in=allow_burned_in)
    keyring = secrets.keyring()
    name = os.fsencode(path).decode("utf-8", "backslashreplace")
    protected = protect(
        image,
        keyring,
        name=name,
        rate=rate,
        scheme=scheme,
        original=original,
        threads=threads,
    )
    entry = keyring.images[protected.image_id]
    return _Prepared(protected.image_id, protected.data, entry)


def _rekey_file(path: Path, *, old: Keyring, new: Keyring) -> _Prepared:
    from primis.api import rekey

    rekeyed = rekey(read_bounded(path, container.MAX_FILE_LENGTH), old, new)
    return _Prepared(rekeyed.image_id, rekeyed.data, new.images[rekeyed.image_id])


def _open_file(path: Path, *, keys: KeySource, level: Level | None) -> _Locked:
    data = read_bounded(path, container.MAX_FILE_LENGTH)
    header = container.Header.parse(data)
    reached = min(keys.highest_level(header.image_id), len(header.lengths) - 1)
    key = keys.image_key(header.image_id, reached if level is None else level)
    return _Locked(path, data, _LentKey(key, keys.publisher))


def _reconstruct_file(
    task: _Locked,
    *,
    out: Path,
    level: Level | None,
    as_: Format | None,
    overwrite: bool,
    threads: int | None,
) -> Reconstructed:
    from primis import __version__
    from primis.api import reconstruct
    from primis.images import write_image

    made = reconstruct(task.data, task.key, level=level, threads=threads)
    as_ = as_ or ("dicom" if made.image.attributes.source == "dicom" else "png")
    target = out / (made.image_id.hex() + {"dicom": ".dcm", "png": ".png", "npy": ".npy"}[as_])
    if target.exists() and target.samefile(task.path):
        raise UsageError(f"{target} is the public file itself", hint="choose another folder")
    _make_folder(out)
    opened = container.Header.parse(task.data).lengths[: made.level + 1]
    write_image(
        made.image,
        target,
        as_,
        derivation=f"reconstructed by primis {__version__}, level {made.level.label}",
        ratio=made.image.pixels.nbytes / sum(opened),
        lossy=not made.exact,
        overwrite=overwrite,
    )
    return Reconstructed(target, made.image_id, made.level, made.exact)


def _publish(
    outcomes: Iterable[_Prepared | PrimisError], keyring: Keyring, keyring_path: Path, out: Path
) -> Iterator[Published | PrimisError]:
    """Write public files, each after a keyring that remembers it is safe on disk.

    A crash in between leaves entries without files, which harm nobody; a file without an entry
    might never open again. Saves are spaced so that they take a tenth of the time at most.
    """
    unsaved: list[_Prepared | PrimisError] = []
    due = 0.0
    for outcome in outcomes:
        unsaved.append(outcome)
        if len(unsaved) == _MAX_UNSAVED or time.monotonic() >= due:
            began = time.monotonic()
            yield from _flush(unsaved, keyring, keyring_path, out)
            unsaved.clear()
            due = time.monotonic() + 10 * (time.monotonic() - began)
    yield from _flush(unsaved, keyring, keyring_path, out)


def _flush(
    outcomes: Sequence[_Prepared | PrimisError], keyring: Keyring, keyring_path: Path, out: Path
) -> Iterator[Published | PrimisError]:
    prepared = [outcome for outcome in outcomes if isinstance(outcome, _Prepared)]
    for image in prepared:
        if image.image_id not in keyring.images:
            keyring.add(image.image_id, image.entry)
    if prepared:
        keyring.save(keyring_path)
    for outcome in outcomes:
        if isinstance(outcome, PrimisError):
            yield outcome
        else:
            yield attempt(partial(_write_public, out=out), outcome)


def _write_public(image: _Prepared, *, out: Path) -> Published:
    path = out / (image.image_id.hex() + SUFFIX)
    _make_folder(out)
    midnight = time.time() // _DAY * _DAY  # finer dates would tell the order of the inputs
    write_atomically(path, image.data, modified=midnight)
    return Published(path, image.image_id, len(image.data))


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{path} cannot be made a folder: {error.strerror}") from error


def _threads(processes: int) -> int | None:
    """Threads for the networks: several processes need only one each."""
    return 1 if processes > 1 else None


def _ignore_interrupts() -> None:
    """Leave the interrupt key to the parent process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # gets no interrupts anyway
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def _submit(
    pool: ProcessPoolExecutor,
    function: Callable[[Task], Result | PrimisError],
    task: Task | PrimisError,
) -> Future[Result | PrimisError]:
    future: Future[Result | PrimisError] = Future()
    if isinstance(task, PrimisError):
        future.set_result(task)
        return future
    try:
        return pool.submit(function, task)
    except BrokenExecutor as error:
        future.set_exception(error)
        return future


def _outcome(future: Future[Result | PrimisError]) -> Result | PrimisError:
    try:
        return future.result()
    except BrokenExecutor:
        return PrimisError(
            "a worker process was killed, perhaps for lack of memory", hint="use --jobs 1"
        )
