"""``primis grant``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from primis.cli import options, output, unlock
from primis.cli.inputs import refuse_same
from primis.cli.select import select_images
from primis.errors import UsageError
from primis.files import write_atomically
from primis.obfuscation import Level

if TYPE_CHECKING:
    from primis.keys.agefile import Recipients


@click.command(
    epilog=options.example(
        "primis grant -k owner.keyring -i me.txt --to age1... -o partner.age",
        "primis grant -k owner.keyring -i me.txt --to age1... --level preview -o partner.age",
        "primis grant -k owner.keyring -i me.txt --only 3f2a --as-text -o key.txt",
    )
)
@options.keyring()
@options.identity
@click.option(
    "--to",
    "recipients",
    multiple=True,
    metavar="RECIPIENT",
    help="Public key of who gets the grant: age1... or ssh-...; may be repeated.",
)
@click.option(
    "--to-file",
    "recipient_files",
    type=options.FILE,
    multiple=True,
    metavar="FILE",
    help="File with such public keys, one a line; may be repeated.",
)
@click.option(
    "--passphrase", is_flag=True, help="Seal with a passphrase, asked for, in place of recipients."
)
@click.option(
    "--as-text",
    is_flag=True,
    help="Write the bare key of one image as text instead. Whoever sees it can use it.",
)
@options.level("The highest level granted. Default: full.", Level.FULL)
@click.option(
    "--only",
    multiple=True,
    metavar="ID",
    help="Grant this image, not the whole data set; may be repeated. An id is the name of a public "
    "file without .primis; its beginning suffices where it is unique.",
)
@options.out_file("The grant: an age file, or text with --as-text.")
@options.force
@options.as_json
@options.quiet
def grant(
    keyring_path: Path,
    identities: Sequence[Path],
    recipients: Sequence[str],
    recipient_files: Sequence[Path],
    passphrase: bool,
    as_text: bool,
    level: Level,
    only: Sequence[str],
    out: Path,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Grant somebody access up to a level.

    To the whole data set, or to chosen images only. A grant of the whole data set also opens
    images that are published later (of the ambiguation scheme only those published so far). What
    was granted cannot be taken back; see `primis rekey`.
    """
    ways = [bool(recipients or recipient_files), passphrase, as_text]
    if sum(ways) != 1:
        raise UsageError("a grant needs either recipients (--to), or --passphrase, or --as-text")
    if as_text and len(only) != 1:
        raise UsageError("--as-text takes exactly one image", hint="name it with --only ID")
    refuse_same(out, keyring_path, *identities)
    from primis.keys import format_key, read_recipients

    sealed_to: Recipients = [*recipients, *(r for f in recipient_files for r in read_recipients(f))]
    keyring = unlock.open_keyring(keyring_path, identities)
    chosen = select_images(keyring, only) if only else None
    if as_text and chosen:
        data = (format_key(keyring.image_key(chosen[0], level)) + "\n").encode()
    else:
        if passphrase:
            sealed_to = unlock.new_passphrase(f"New passphrase for {out}")
        data = keyring.grant(level, chosen).seal(sealed_to)
    write_atomically(out, data, private=True, overwrite=force)
    output.show(
        {
            "output": output.printable(out),
            "level": level.label,
            "images": [image_id.hex() for image_id in chosen] if chosen else "all",
        },
        [output.printable(out)],
        as_json=as_json,
    )
    if not quiet:
        scope = f"{len(chosen)} of {len(keyring.images)} images" if chosen else "the data set"
        output.say(f"opens {scope} up to level {level.label}")
