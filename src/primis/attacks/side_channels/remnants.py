"""What is left on disk, in messages and in printed objects after work, failed or not."""

from __future__ import annotations

import base64
import logging
import os
import stat
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from primis.attacks.record import AttackResult
from primis.attacks.side_channels.publication import Victims
from primis.attacks.targets import image
from primis.batch import protect_files, reconstruct_files
from primis.errors import PrimisError
from primis.files import write_atomically
from primis.images.raster import encode_png
from primis.keys import Grant, Keyring, keygen, load_keys, read_identities
from primis.obfuscation import Level
from primis.study.statistics import Interval

if TYPE_CHECKING:
    from primis.attacks.attack import Report, Settings
    from primis.study.dataset import Dataset
    from primis.study.workspace import Workspace

_IMAGES = 3


def run(dataset: Dataset, _: Workspace, settings: Settings, report: Report) -> list[AttackResult]:
    """See `primis.attacks.attack.Attack`."""
    report("looking for leftovers")
    return remnants(Victims.of(dataset, settings))


def remnants(victims: Victims) -> list[AttackResult]:
    """Work as owners and partners do, mistakes included, and look for what should not be there.

    Counted are files that no verb promises, secret files that others may read, and secrets (raw,
    hexadecimal, Base64 or Base32) in any file, message, log or printed object. The planted leak
    leaves a debugging log with a key and a readable copy of a keyring behind.
    """
    results = []
    for target, planted in (("keystream", False), ("planted: debugging log", True)):
        with tempfile.TemporaryDirectory() as place:
            found = _findings(victims, Path(place), planted=planted)
        results.append(
            AttackResult(
                attack="leftovers",
                kind="side channel",
                target=target,
                metric="secrets and leftovers found",
                score=Interval(len(found), len(found), len(found)),
                floor=0.0,
                ceiling=None,
                knowledge="the disk, the messages and the logs of the owner's machine, no memory",
                pairs=None,
                notes="; ".join(found) or "none, after 4 operations that work and 5 that fail",
            )
        )
    return results


def _findings(victims: Victims, place: Path, *, planted: bool) -> list[str]:
    expected = {"me.txt", "owner.keyring", "partner.age", "broken.png"}
    said = StringIO()
    with _recording(place, said):
        secrets = _work(victims, place, said)
        if planted:
            (place / "debug.log").write_text(secrets["level secret 0"].hex())
            (place / "copy.keyring").write_bytes(b"")
            (place / "copy.keyring").chmod(0o644)
    found = []
    for path in sorted(place.rglob("*")):
        name = path.relative_to(place).as_posix()
        if path.is_dir():
            continue
        if not (name in expected or name.startswith(("study/", "public/", "out/"))):
            found.append(f"left behind: {name}")
        if path.suffix in (".txt", ".keyring", ".age") and stat.S_IMODE(path.stat().st_mode) & 0o77:
            found.append(f"readable by others: {name}")
        if name != "me.txt":
            found += [f"{what} in {name}" for what in _secrets_in(path.read_bytes(), secrets)]
    return found + [
        f"{what} in a message" for what in _secrets_in(said.getvalue().encode(), secrets)
    ]


def _work(victims: Victims, place: Path, said: StringIO) -> Mapping[str, bytes]:
    """Make keys, protect, grant, reconstruct, and make mistakes; return all secrets."""
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
    return _secrets(keyring, place / "me.txt")


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
