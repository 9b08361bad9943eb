"""``primis audit``."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import click

from primis.cli import options, output
from primis.cli.attack import RESEARCH, images, labels, prepare, say_left_out, targets, task


@click.command(
    epilog=options.example(
        "primis audit --images chests/ --labels chests.csv --quick -o audit",
        "primis audit --data ../shared/data -o audit",
    )
)
@options.out_folder("Folder of the audit; made if missing. A run there is gone on from.")
@images
@labels
@click.option(
    "--masks",
    type=options.FOLDER,
    metavar="DIR",
    help="Folder of 8-bit masks, named as the images or in the column mask, one value per "
    "structure.",
)
@task
@click.option(
    "--data",
    type=options.FOLDER,
    metavar="DIR",
    help="Folder of the research data sets, in place of --images: all are evaluated, "
    f"{RESEARCH} is attacked.",
)
@targets
@click.option("--quick", is_flag=True, help="A first impression within 15 minutes on 2 cores.")
@options.jobs
@options.as_json
@options.quiet
def audit(
    out: Path,
    images: Path | None,
    labels: Path | None,
    masks: Path | None,
    task: str | None,
    data: Path | None,
    targets: str | None,
    quick: bool,
    jobs: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Evaluate and attack, and write one report that can be signed: audit.html.

    It says what the holders of each level keep, what attackers got, and on what their attacks were
    shown to work. That is `primis evaluate` and `primis attack` in one folder; where one of them
    has run there before, only the rest is computed. Needs the extra `primis[attacks]`.
    """
    options.check_source(images, data, labels=labels, masks=masks, task=task)
    from primis.attacks.pipeline import attack, require_packages
    from primis.evaluate import plan

    plan.require_packages()
    require_packages()
    from primis.evaluate.pipeline import evaluate
    from primis.report.audit import AUDIT_REPORT, write_report

    dataset, settings = prepare(images or (data or Path()) / RESEARCH, labels, task, targets, jobs)
    if data is not None:
        plans = plan.plan_research(data)
    else:
        tasks = [plan.parse_task(task)] if task else []
        plans = [plan.plan_own(images or Path(), labels, masks, tasks=tasks)]
    command = shlex.join(["primis", *sys.argv[1:]])
    with output.following(quiet=quiet) as report:
        evaluation = evaluate(
            plans,
            out,
            quick=quick,
            processes=options.processes(jobs, os.cpu_count() or 1),
            command=command,
            report=report,
        )
        attacks = attack(
            dataset, out, settings=settings, quick=quick, command=command, report=report
        )
        report("writing the report")
        path = write_report(out, AUDIT_REPORT)
    for missing in evaluation["left_out"]:
        output.say(f"{missing['part']} is left out for {missing['dataset']}: {missing['reason']}")
    say_left_out(attacks["left_out"])
    shown = output.printable(path)
    record: dict[str, object] = {"evaluation": evaluation, "attacks": attacks, "report": shown}
    output.show(record, [shown], as_json=as_json)
