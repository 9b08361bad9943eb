"""The program as a whole: its verbs, its version, and how errors leave it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from primis import __version__
from primis.cli import output
from primis.cli.attack import attack
from primis.cli.audit import audit
from primis.cli.evaluate import evaluate
from primis.cli.grant import grant
from primis.cli.images import images
from primis.cli.inspect import inspect
from primis.cli.keygen import keygen
from primis.cli.protect import protect
from primis.cli.reconstruct import reconstruct
from primis.cli.rekey import rekey
from primis.cli.train import train
from primis.cli.verify import verify
from primis.errors import PrimisError, UnknownModelError, UsageError

EXIT_CODES = {
    0: "all done",
    1: "unexpected error",
    2: "usage",
    3: "input unreadable or unsupported",
    4: "no key fits",
    5: "public file damaged, or its model unknown",
    6: "refused by the privacy policy",
    7: "some inputs of several failed",
    8: "storage failed",
    130: "interrupted",
}


class _Program(click.Group):
    """A group of verbs that reports every error in one style, and exits with its code."""

    def list_commands(self, _: click.Context) -> list[str]:
        return list(self.commands)

    def main(self, args: Sequence[str] | None = None, *_: Any, **__: Any) -> NoReturn:
        arguments = list(sys.argv[1:] if args is None else args)
        try:
            code = super().main(arguments or ["--help"], "primis", standalone_mode=False)
        except PrimisError as error:
            code = _fail(error)
        except click.Abort:
            output.say("interrupted")
            code = 130
        except click.ClickException as error:
            code = _fail(_usage(error))
        except Exception as error:
            from primis.batch import unexpected

            code = _fail(unexpected(error))
        sys.exit(code or 0)


def _usage(error: click.ClickException) -> UsageError:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "primis"
    message = error.format_message().rstrip(".")
    return UsageError(message[:1].lower() + message[1:], hint=f"see {command} --help")


def _fail(error: PrimisError) -> int:
    output.say_error(error)
    return error.exit_code


def _print_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted:
        return
    from primis.codec import bundle

    try:
        model = bundle.find()
        text = f"model {model.name}, {model.digest.hex()}"
    except UnknownModelError:
        text = f"model {bundle.DEFAULT}, not installed"
    click.echo(f"primis {__version__} ({text})")
    context.exit()


_EXIT_LINES = "\n".join(f"  {code:>3}  {meaning}" for code, meaning in EXIT_CODES.items())


@click.group(
    cls=_Program,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f"\b\nExit codes:\n{_EXIT_LINES}",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version of primis and its default model, and exit.",
)
def main() -> None:
    """Share medical images through places nobody trusts.

    `protect` turns images into public files that anyone may store, and a keyring. `grant` takes
    from the keyring what one partner may see. `reconstruct` turns public files back into images.
    """


for _verb in (
    keygen,
    protect,
    images,
    grant,
    reconstruct,
    inspect,
    verify,
    rekey,
    train,
    evaluate,
    attack,
    audit,
):
    main.add_command(_verb)
