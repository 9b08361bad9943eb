"""``primis attack``."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from primis.attacks.registry import ATTACKS
from primis.cli import options, output

if TYPE_CHECKING:
    from primis.attacks.attack import Settings
    from primis.study.dataset import Dataset

RESEARCH = "cxr-adult"

images = click.option(
    "--images", type=options.FOLDER, metavar="DIR", help="Folder of your own images."
)
labels = click.option(
    "--labels",
    type=options.FILE,
    metavar="CSV",
    help="What is known of them: the column file, and perhaps patient, split (train, val, test), "
    "mask and labels. Default: index.csv in the folder of the images.",
)
task = click.option(
    "--task",
    metavar="COLUMN:A:B",
    help="What attackers try to learn of a patient: values A against B of a label column, each one "
    "value or several with commas. Default: the first column with exactly two values.",
)
targets = click.option(
    "--targets",
    metavar="NAMES",
    help="Targets to attack, with semicolons, as in 'codes;keystream'. Default: all.",
)


@click.command(
    epilog=options.example(
        "primis attack --images chests/ --labels chests.csv --quick -o attacks",
        "primis attack inversion decoding --data ../shared/data -o attacks",
    )
)
@click.argument("attacks", nargs=-1, type=click.Choice(list(ATTACKS)), metavar="[ATTACK]...")
@options.out_folder("Folder of the results; made if missing. A run there is gone on from.")
@images
@labels
@task
@click.option(
    "--data",
    type=options.FOLDER,
    metavar="DIR",
    help=f"Folder of the research data set {RESEARCH}, in place of --images.",
)
@targets
@click.option("--quick", is_flag=True, help="A first impression within 10 minutes on 2 cores.")
@options.jobs
@options.as_json
@options.quiet
def attack(
    attacks: Sequence[str],
    out: Path,
    images: Path | None,
    labels: Path | None,
    task: str | None,
    data: Path | None,
    targets: str | None,
    quick: bool,
    jobs: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Attack public files: attacks.json and attacks.html.

    Images are published in the default way and in weak ones, and attacked as by somebody without a
    key, who may have pairs of image and public file; and levels as by those who hold their keys.
    All ATTACKs run if none is named; docs/attacks.md describes each. Interrupt a run whenever you
    like: the same command goes on from there. Needs the extra `primis[attacks]`.
    """
    options.check_source(images, data, labels=labels, task=task)
    from primis.attacks.pipeline import DOCUMENT, require_packages
    from primis.attacks.pipeline import attack as run

    require_packages()
    from primis.report.audit import ATTACKS_REPORT, write_report

    dataset, settings = prepare(images or (data or Path()) / RESEARCH, labels, task, targets, jobs)
    with output.following(quiet=quiet) as report:
        document = run(
            dataset,
            out,
            names=attacks,
            settings=settings,
            quick=quick,
            command=shlex.join(["primis", *sys.argv[1:]]),
            report=report,
        )
        report("writing the report")
        files = [out / DOCUMENT, write_report(out, ATTACKS_REPORT)]
    say_left_out(document["left_out"])
    output.show(document, (output.printable(path) for path in files), as_json=as_json)


def prepare(
    images: Path, labels: Path | None, task: str | None, targets: str | None, jobs: int | None
) -> tuple[Dataset, Settings]:
    """Load the images, and turn options into settings.

    Raises
    ------
    InputError
        If there are no images as the options say.
    UsageError
        If the task is none.
    """
    from dataclasses import replace

    from primis.attacks.attack import Settings
    from primis.evaluate.plan import parse_task, plan_own

    plan = plan_own(images, labels, tasks=[parse_task(task)] if task else ())
    dataset, tasks = plan.dataset, plan.tasks
    settings = Settings(processes=options.processes(jobs, len(dataset)))
    if targets:
        names = tuple(name.strip() for name in targets.split(";"))
        settings = replace(settings, targets=names)
    if tasks:
        chosen = tasks[0]
        settings = replace(
            settings, column=chosen.column, negative=chosen.negative, positive=chosen.positive
        )
    return dataset, settings


def say_left_out(left_out: Sequence[dict[str, str]]) -> None:
    """Tell which attacks lacked their data."""
    for missing in left_out:
        output.say(f"{missing['attack']} is left out: {missing['reason']}")
