"""``primis evaluate``."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from primis.cli import options, output

_PARTS = ("fidelity", "codes", "classification", "segmentation", "texture")


@click.command(
    epilog=options.example(
        "primis evaluate --images chests/ --labels chests.csv --masks lungs/ -o evaluation",
        "primis evaluate --images chests/ --quick -o first-impression",
        "primis evaluate fidelity codes --data ../shared/data -o evaluation",
    )
)
@click.argument("parts", nargs=-1, type=click.Choice(_PARTS), metavar="[PART]...")
@options.out_folder("Folder of the evaluation; made if missing. A run there is gone on from.")
@click.option("--images", type=options.FOLDER, metavar="DIR", help="Folder of your own images.")
@click.option(
    "--labels",
    type=options.FILE,
    metavar="CSV",
    help="What is known of them: the column file, and perhaps patient, split (train, val, test), "
    "mask and labels. Default: index.csv in the folder of the images.",
)
@click.option(
    "--masks",
    type=options.FOLDER,
    metavar="DIR",
    help="Folder of 8-bit masks, named as the images or in the column mask, one value per "
    "structure.",
)
@click.option(
    "--task",
    "tasks",
    multiple=True,
    metavar="COLUMN:A:B",
    help="Classify values A against B of a label column, each one value or several with commas; "
    "may be repeated. Default: the only column with exactly two values.",
)
@click.option(
    "--structures",
    metavar="NAMES",
    help="Mask values by structure, as in 'lungs=1,2,4;heart=3'; texture is measured in the first. "
    "Default: every value is a structure, and texture is measured in all.",
)
@click.option(
    "--data",
    type=options.FOLDER,
    metavar="DIR",
    help="Folder of the research data sets (cxr-adult, cxr-pediatric, cxr-seg), in place of "
    "--images.",
)
@click.option(
    "--rate",
    default="medium",
    metavar="RATE",
    help="Size of a public file: low, medium or high, or bits per pixel. Default: medium.",
)
@click.option(
    "--quick",
    is_flag=True,
    help="A first impression within 5 minutes: few images, at most 512 pixels long.",
)
@options.jobs
@options.as_json
@options.quiet
def evaluate(
    parts: Sequence[str],
    out: Path,
    images: Path | None,
    labels: Path | None,
    masks: Path | None,
    tasks: Sequence[str],
    structures: str | None,
    data: Path | None,
    rate: str,
    quick: bool,
    jobs: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Measure what each level keeps of images: evaluation.json and report.html.

    PARTs: fidelity (against other codecs), codes (what each sparse code adds), classification,
    segmentation, texture; all that the data allow if none is named. Interrupt a run whenever you
    like: the same command goes on from there. docs/evaluation.md explains the measures. Needs the
    extra `primis[evaluate]`.
    """
    options.check_source(
        images, data, labels=labels, masks=masks, task=tasks, structures=structures
    )
    from primis.api import parse_rate
    from primis.evaluate import plan

    bits_per_pixel = parse_rate(rate)
    plan.require_packages()
    from primis.evaluate.pipeline import DOCUMENT
    from primis.evaluate.pipeline import evaluate as run
    from primis.evaluate.structures import parse_structures
    from primis.report.evaluation import write_report

    plans = (
        plan.plan_research(data)
        if images is None and data is not None
        else [
            plan.plan_own(
                images or Path(),
                labels,
                masks,
                tasks=[plan.parse_task(task) for task in tasks],
                structures=parse_structures(structures) if structures else None,
            )
        ]
    )
    with output.following(quiet=quiet) as report:
        document = run(
            plans,
            out,
            parts=parts,
            rate=bits_per_pixel,
            quick=quick,
            processes=options.processes(jobs, os.cpu_count() or 1),
            command=shlex.join(["primis", *sys.argv[1:]]),
            report=report,
        )
        report("writing the report")
        files = [out / DOCUMENT, write_report(out)]
    for missing in document["left_out"]:
        output.say(f"{missing['part']} is left out for {missing['dataset']}: {missing['reason']}")
    output.show(document, (output.printable(path) for path in files), as_json=as_json)
