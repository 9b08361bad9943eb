"""What is left on disk, in messages and in printed objects after work, failed or not."""

from __future__ import annotations

import base64
import logging
import os
import stat
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from primis.attacks.record import AttackResult
from primis.attacks.side_channels import crash
from primis.attacks.side_channels.publication import Victims, share_of
from primis.attacks.targets import image
from primis.batch import SUFFIX, protect_files, reconstruct_files
from primis.errors import PrimisError
from primis.files import write_atomically
from primis.images.raster import encode_png
from primis.keys import Grant, Keyring, keygen, load_keys, read_identities
from primis.obfuscation import Level

if TYPE_CHECKING:
    from primis.attacks.attack import Report, Settings
    from primis.study.dataset import Dataset
    from primis.study.workspace import Workspace

_IMAGES = 3
_CRASHES = {1: ".*.tmp", 2: "public/.*.tmp"}
"""Write at which a run of `protect` dies, and what it is known to leave: the first is the keyring,
the second a public file."""
_AGE = b"age-encryption.org/v1\n"


def run(dataset: Dataset, _: Workspace, settings: Settings, report: Report) -> list[AttackResult]:
    """See `primis.attacks.attack.Attack`."""
    report("looking for leftovers")
    return remnants(Victims.of(dataset, settings))


def remnants(victims: Victims) -> list[AttackResult]:
    """Work as owners and partners do, mistakes and crashes included, and look at what is left.

    Counted are places (files, and all messages together) with something that no verb promises:
    files beyond those asked for, secret files that others may read or that are not encrypted, and
    secrets (raw, hexadecimal, Base64 or Base32) in any file, message, log or printed object. The
    planted leak leaves a debugging log with a key, a readable copy of a keyring, a temporary file
    among the public ones, and a key in clear where a crash left a temporary file.
    """
    results = []
    for target, planted in (("keystream", False), ("planted: debugging log", True)):
        with tempfile.TemporaryDirectory() as place:
            found = _findings(victims, Path(place), planted=planted)
        listed = [finding for findings in found for finding in findings]
        results.append(
            AttackResult(
                attack="leftovers",
                kind="side channel",
                target=target,
                metric="share of files and messages that should not be as they are",
                score=share_of(found),
                floor=0.0,
                ceiling=1.0,
                knowledge="the disk, the messages and the logs of the owner's machine, no memory",
                pairs=None,
                notes="; ".join(listed)
                or f"none in {len(found)} places, after 4 operations that work, 5 that fail and "
                f"{len(_CRASHES)} that were killed",
            )
        )
    return results


def _findings(victims: Victims, place: Path, *, planted: bool) -> list[list[str]]:
    """Return what is wrong with each file and with the messages: an empty list for nothing."""
    said = StringIO()
    with _recording(place, said):
        keyring = _work(victims, place, said)
        secrets = _secrets(keyring, place / "me.txt")
        expected = _expected(place, keyring)
        for write, left in _CRASHES.items():
            folder = place / f"crash-{write}"
            said.write(_crash(victims, place, folder, write))
            expected |= {folder / "owner.keyring", folder / "owner.keyring.lock"}
            expected |= set(folder.glob(left))
        if planted:
            _plant(place, secrets)
    wrong = [
        _wrong_with(path, path.relative_to(place).as_posix(), secrets, expected=path in expected)
        for path in sorted(place.rglob("*"))
        if not path.is_dir()
    ]
    said_secrets = _secrets_in(said.getvalue().encode(), secrets)
    return [*wrong, [f"{what} in a message" for what in said_secrets]]


def _expected(place: Path, keyring: Keyring) -> set[Path]:
    """Return the files that the verbs promise, and those that were there before."""
    names = ["me.txt", "owner.keyring", "partner.age", "broken.png"]
    names += [f"study/{index}.png" for index in range(_IMAGES)]
    for image_id in keyring.images:
        names += [f"public/{image_id.hex()}{SUFFIX}", f"out/{image_id.hex()}.png"]
    return {place / name for name in names}


def _wrong_with(
    path: Path, name: str, secrets: Mapping[str, bytes], *, expected: bool
) -> list[str]:
    data = path.read_bytes()
    found = [] if expected else [f"left behind: {name}"]
    temporary = path.suffix == ".tmp" and path.parent.name != "public"
    if temporary or path.suffix in (".txt", ".keyring", ".age"):
        if stat.S_IMODE(path.stat().st_mode) & 0o77:
            found.append(f"readable by others: {name}")
        if path.suffix != ".txt" and not data.startswith(_AGE):
            found.append(f"not encrypted: {name}")
    if name != "me.txt":
        found += [f"{what} in {name}" for what in _secrets_in(data, secrets)]
    return found


def _plant(place: Path, secrets: Mapping[str, bytes]) -> None:
    secret = secrets["level secret 0"]
    (place / "debug.log").write_text(secret.hex())
    (place / "copy.keyring").write_bytes(b"")
    (place / "copy.keyring").chmod(0o644)
    (place / "public" / ".x.tmp").write_bytes(b"")
    (place / "crash-1" / ".x.tmp").write_bytes(secret)


def _crash(victims: Victims, place: Path, folder: Path, write: int) -> str:
    """Protect the study once more in a process that dies at a write; return what that printed.

    It uses a copy of the keyring, so that the secrets to look for are known.
    """
    folder.mkdir()
    path = folder / "owner.keyring"
    write_atomically(path, (place / "owner.keyring").read_bytes(), private=True)
    arguments = [place / "study", place / "me.txt", path, folder / "public"]
    process = subprocess.run(  # noqa: S603
        [sys.executable, "-m", crash.__name__, *arguments, str(victims.rate), str(write)],
        capture_output=True,
        check=False,
        text=True,
    )
    if process.returncode != crash.EXIT_CODE:
        raise AssertionError(f"the process did not die where it should: {process.stderr}")
    return process.stdout + process.stderr


def _work(victims: Victims, place: Path, said: StringIO) -> Keyring:
    """Make keys, protect, grant, reconstruct, and make mistakes; return the keyring."""
    recipient = keygen(place / "me.txt")
    identities = read_identities(place / "me.txt")
    keyring = Keyring.create([recipient])
    study = place / "study"
    study.mkdir()
    for index, pixels in enumerate(victims.pixels[:_IMAGES]):
        (study / f"{index}.png").write_bytes(encode_png(image(pixels).pixels))
    (place / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    inputs = [place / "broken.png", *sorted(study.iterdir())]
    path, public = place / "owner.keyring", place / "public"
    outcomes = list(protect_files(inputs, keyring, path, public, rate=victims.rate))
    files = sorted(public.iterdir())
    grant = keyring.grant(Level.PREVIEW)
    write_atomically(place / "partner.age", grant.seal([recipient]), private=True)
    keys = load_keys(place / "partner.age", identities)
    stranger = Keyring.create([recipient])
    attempts: tuple[Callable[[], object], ...] = (
        lambda: list(reconstruct_files(files, keys, place / "out", as_="png")),
        lambda: list(reconstruct_files(files, keys, place / "out", level=Level.FULL)),
        lambda: list(reconstruct_files(files, stranger, place / "out")),
        lambda: stranger.save(path),
        lambda: write_atomically(path, b"", private=True),
        lambda: Keyring.load(path, read_identities(place / "broken.png")),
    )
    for attempt in attempts:
        try:
            outcomes.append(attempt())  # type: ignore[arg-type]
        except PrimisError as error:
            outcomes.append(error)
    ids = list(keyring.images)
    printed = [keyring, grant, keyring.image_key(ids[0], Level.FULL), identities, stranger]
    for thing in (*outcomes, *printed):
        said.write(f"{thing} {thing!r} {getattr(thing, 'hint', '')}\n")
    return keyring


def _secrets(keyring: Keyring, identity: Path) -> dict[str, bytes]:
    whole: Grant = keyring.grant(Level.ORIGINAL)
    secrets = {f"level secret {level}": secret for level, secret in enumerate(whole.secrets)}
    secrets["signing key"] = keyring.signing_key.private_bytes_raw()
    for image_id in keyring.images:
        for level in Level:
            material = keyring.image_key(image_id, level).material
            assert isinstance(material, bytes)
            secrets[f"image key of level {level.label}"] = material
    lines = identity.read_text().splitlines()
    secrets["identity"] = next(line for line in lines if line.startswith("AGE-SECRET")).encode()
    return secrets


def _secrets_in(data: bytes, secrets: Mapping[str, bytes]) -> Iterator[str]:
    squeezed = data.replace(b"-", b"").lower()
    for what, secret in secrets.items():
        forms = (
            secret,
            secret[:16],
            base64.b64encode(secret)[:40],
            base64.urlsafe_b64encode(secret)[:40],
        )
        lower = (secret.hex()[:32].encode(), base64.b32encode(secret)[:40].lower())
        if any(form in data for form in forms) or any(form in squeezed for form in lower):
            yield what


@contextmanager
def _recording(place: Path, said: StringIO) -> Iterator[None]:
    """Catch what is printed, logged and warned of, and temporary files, while the block runs."""
    handler = logging.StreamHandler(said)
    root, before = logging.getLogger(), tempfile.tempdir
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    tempfile.tempdir = os.fspath(place)
    try:
        with redirect_stdout(said), redirect_stderr(said), warnings.catch_warnings():
            warnings.simplefilter("always")
            yield
    finally:
        tempfile.tempdir = before
        root.setLevel(level)
        root.removeHandler(handler)
