"""Classification in a report; see `primis.evaluate.classification` for the result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from primis.report.figures import Bar, intervals, lines
from primis.report.page import (
    Block,
    Cell,
    Details,
    Gallery,
    Picture,
    Prose,
    Section,
    Statement,
    Table,
    Tone,
    interval,
    number,
)
from primis.report.wording import compared

Result = Mapping[str, Any]

TARGET = 0.005
ENOUGH_PATIENTS = 50
"""In the test split, for an alarm to be taken seriously."""
_SEEN = ("original", "full", "diagnostic", "preview", "public")


def findings(result: Result) -> list[Statement]:
    """Say what level full keeps of a diagnosis, what a preview does, and the public file."""
    scores = {seen: _score(result, "original", seen) for seen in ("original", "full", "preview")}
    original, full = scores["original"], scores["full"]
    if original is None or full is None:
        return [_public(result)]
    task = _title(result)
    if original["auc"]["low"] <= 0.5:
        level = Statement(
            "fair",
            f"A network has not learnt {task} on the originals, so that nothing follows for the "
            "levels.",
            f"AUC on originals {interval(original['auc'])}; a coin reaches 0.5.",
        )
    else:
        difference = full["difference"]["auc"]
        tone, verdict = compared(difference, TARGET)
        level = Statement(
            tone,
            f"A network for {task} does {verdict} on level full as on the originals.",
            f"AUC {interval(full['auc'])} against {interval(original['auc'])}; difference "
            f"{interval(difference, 4, sign=True)}, to be at least {number(-TARGET)}. "
            + (
                f"On previews {interval(preview['auc'])}. "
                if (preview := scores["preview"])
                else ""
            )
            + f"{result['dataset']}, {result['images']['test']['patients']} test patients.",
        )
    return [level, _public(result)]


def _title(result: Result) -> str:
    return str(result["title"]).replace("_", " ")


def _public(result: Result) -> Statement:
    """Say what the public file tells; few patients make a false alarm likely.

    An AUC below a half tells as much as one above.
    """
    scores = {
        f"trained on {name}": score["auc"]
        for name, score in (
            ("originals", _score(result, "original", "public")),
            ("public files", _score(result, "public", "public")),
        )
        if score
    }
    detail = f"AUC {', '.join(f'{interval(auc)} {name}' for name, auc in scores.items())}."
    if all(auc["low"] <= 0.5 <= auc["high"] for auc in scores.values()):
        return Statement(
            "good",
            f"The public file tells nothing for {_title(result)}: no network does better than a "
            "coin.",
            f"{detail} Of such intervals one in twenty misses 0.5 by chance.",
        )
    patients = result["images"]["test"]["patients"]
    if patients < ENOUGH_PATIENTS:
        return Statement(
            "fair",
            f"The public file seems to tell something for {_title(result)}, but {patients} "
            "patients are too few to know.",
            f"{detail} Repeat with more patients, and without --quick.",
        )
    return Statement(
        "bad",
        f"The public file seems to tell something for {_title(result)}.",
        f"{detail} One in twenty such intervals misses 0.5 by chance: repeat under other keys.",
    )


def section(result: Result, _: Path) -> Section:
    """Lay out ROC curves, AUC by training and test, accuracy, and what codes save."""
    counts = result["images"]
    blocks: list[Block] = [
        Gallery(
            [
                Picture("Trained on originals", _bars(result, "original")),
                Picture("Trained on what is tested", _bars(result, None)),
                Picture("ROC curves, trained on originals", _roc(result)),
            ],
            caption="Points are means over networks of several seeds, lines 95 % intervals over "
            "patients.",
            width=360,
        ),
        Table(
            [
                "input",
                "trained on",
                "tested on",
                "seeds",
                "AUC",
                "minus originals",
                "p",
                "accuracy",
            ],
            [_row(score) for score in result["scores"]],
            caption="Minus originals: AUC less that of networks of the same seeds trained and "
            "tested on originals, on the same resamples of patients; p: of the two-sided test that "
            "there is no difference. Guessing reaches an AUC of "
            f"{number(result['floor']['auc'], 1)} and an accuracy of "
            f"{number(result['floor']['accuracy'])}.",
        ),
        *_speed(result),
        Details(
            "Images",
            [
                Table(
                    ["split", *next(iter(counts.values()))],
                    [[split, *map(str, count.values())] for split, count in counts.items()],
                )
            ],
        ),
    ]
    return Section(
        f"Classification: {_title(result)} ({result['dataset']})",
        blocks,
        lead="A network learns to tell two kinds of images apart. How well does it on each level, "
        "when it has learnt from originals, and when it has learnt from that level? (Inputs of "
        f"{result['training']['side']} pixels a side, {result['training']['epochs']} epochs.)",
    )


def _score(
    result: Result, trained_on: str, tested_on: str, input_: str = "pixels"
) -> Result | None:
    wanted = (input_, trained_on, tested_on)
    for record in result["scores"]:
        if tuple(record[name] for name in ("input", "trained_on", "tested_on")) == wanted:
            return dict(record)
    return None


def _bars(result: Result, trained_on: str | None) -> str:
    """Draw AUC by what is tested; None: trained on the same, codes among them."""

    def bars() -> Iterator[Bar]:
        for seen in _SEEN:
            for input_ in ("pixels", "codes") if trained_on is None else ("pixels",):
                if score := _score(result, trained_on or seen, seen, input_):
                    label = seen if input_ == "pixels" else f"codes of {seen}"
                    auc = score["auc"]
                    yield Bar(label, auc["value"], auc["low"], auc["high"], seen)

    return intervals(list(bars()), x="AUC", references={"chance": 0.5})


def _roc(result: Result) -> str:
    curves = {}
    for seen in _SEEN:
        if score := _score(result, "original", seen):
            curves[seen] = (score["roc"]["false_positives"], score["roc"]["true_positives"])
    return lines(
        curves,
        x="false positives (1 - specificity)",
        y="true positives (sensitivity)",
        diagonal=True,
        marker=None,
    )


def _row(score: Result) -> list[str | Cell]:
    difference = score["difference"]
    return [
        score["input"],
        score["trained_on"],
        score["tested_on"],
        str(len(score["seeds"])),
        interval(score["auc"]),
        _difference(difference["auc"]) if difference else number(None),
        number(difference["auc"]["p"] if difference else None, 3),
        interval(score["accuracy"]),
    ]


def _difference(record: Result) -> Cell:
    tone: Tone = "plain"
    if record["high"] < 0:
        tone = "bad"
    elif record["low"] > -TARGET:
        tone = "good"
    return Cell(interval(record, 4, sign=True), tone)


def _speed(result: Result) -> list[Block]:
    speed = result["speed"]
    if not speed:
        return []
    pixels, codes = speed["pixels"], speed["codes"]
    steps = ("entropy_decoding", "synthesis", "scaling", "network", "total")
    rows = [
        ["input", *(" x ".join(map(str, one["shape"])) for one in (pixels, codes))],
        ["values", *(number(one["bytes"], 0) for one in (pixels, codes))],
        ["not zero", *(number(one["bytes"] * one["nonzero"], 0) for one in (pixels, codes))],
        ["weights of the network", *(number(one["parameters"], 0) for one in (pixels, codes))],
        [
            "million multiply-adds",
            *(number(one["multiply_adds"] / 1e6, 1) for one in (pixels, codes)),
        ],
        *(
            [
                f"{step.replace('_', ' ')} (ms)",
                *(number(1000 * (one["seconds"].get(step) or 0), 1) for one in (pixels, codes)),
            ]
            for step in steps
        ),
    ]
    return [
        Prose(["A network can also read the decrypted codes, without making a picture of them:"]),
        Table(
            [f"level {speed['level']}", "pixels", "codes"],
            rows,
            caption=f"Medians for one image on one core, over {speed['images']} images. Codes "
            "spare the synthesis of the picture; as their maps are half as wide, the network has "
            "a stage less.",
        ),
    ]
