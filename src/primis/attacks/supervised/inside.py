"""The inside view: what the holder of a level's key learns beyond it.

Levels take the place of targets, and images are protected at full size: the disease, the patient,
and more detail than the level has, by super-resolution. `ORIGINAL` is the ceiling, `PUBLIC` what
those without a key have. Super-resolution must succeed on `AVERAGED`, which lacks detail that any
network can fill in.

Crops sharpened of the first test images are kept for the report, and the same crops as given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Raster
from torch import nn
from torch.nn.functional import mse_loss

from primis.attacks import pictures
from primis.attacks.attack import Report, Settings
from primis.attacks.record import AttackResult, with_ceilings
from primis.attacks.supervised import attribute
from primis.attacks.supervised.corpus import Corpus, blocks, shown, unblocked
from primis.attacks.supervised.learner import learn, silent_unet
from primis.attacks.supervised.pairing import link
from primis.attacks.supervised.scene import Attempt, Scene, run_scenes, selected
from primis.attacks.supervised.scoring import above_floor, psnr
from primis.attacks.targets import Grey
from primis.attacks.verdicts import DEFAULT, PLANTED
from primis.study.dataset import Case, Dataset, read_pixels
from primis.study.learning import predict
from primis.study.renditions import DIAGNOSTIC, FULL, ORIGINAL, PREVIEW, PUBLIC, Renditions, fill
from primis.study.workspace import Workspace

_KNOWLEDGE = "The key of this level, and images of that level with the answer, of other patients."
AVERAGED = f"{PLANTED}averaged 4x4"
"""A level in whose place every 4x4 pixels are their mean."""

_LARGEST_CROP = 128
_MOST_CROPS = 600  # to learn from
_SHARPENING_EPOCHS = 12  # passes over them
_SHOWN = 2
CORNERS = ((0.2, 0.2), (0.2, 0.8), (0.8, 0.2), (0.8, 0.8))
"""Where crops lie in an image, down and right, as parts of the room there is."""


def run(
    dataset: Dataset, workspace: Workspace, settings: Settings, report: Report
) -> list[AttackResult]:
    """Attack every level; see `primis.attacks.attack.Attack.run`.

    All pairs are known; no curves.
    """
    settings = replace(settings, images=settings.inside_images, pairs=())
    cases = selected(dataset, settings)
    renditions = Renditions(settings.full_rate, workspace.cache)

    def corpora(levels: Sequence[str]) -> dict[str, partial[Corpus]]:
        make = partial(_shown, cases=cases, renditions=renditions, settings=settings, report=report)
        return {level: partial(make, level) for level in levels}

    def attack(name: str, attempt: Attempt, levels: Sequence[str]) -> list[AttackResult]:
        results = run_scenes(
            f"inside {name}", attempt, corpora(levels), cases, workspace, settings, report
        )
        return with_ceilings(results, ORIGINAL)

    only_public = settings.targets == (DEFAULT,)
    seen = (PUBLIC,) if only_public else (ORIGINAL, FULL, DIAGNOSTIC, PREVIEW, PUBLIC)
    sharpened = () if only_public else (AVERAGED, PREVIEW, DIAGNOSTIC)
    return [
        *attack("attribute", _attribute, seen),
        *attack("re-identification", _reidentification, seen),
        *attack("super-resolution", partial(_super_resolution, renditions), sharpened),
    ]


def _shown(
    level: str,
    *,
    cases: Sequence[Case],
    renditions: Renditions,
    settings: Settings,
    report: Report,
) -> Corpus:
    if level != AVERAGED:
        fill(renditions, cases, [level], processes=settings.processes, report=report)
    seen = [_seen(renditions, case, level) for case in cases]
    return shown(level, cases, seen, [read_pixels(case) for case in cases], settings.side)


def _seen(renditions: Renditions, case: Case, level: str) -> Grey:
    if level != AVERAGED:
        return renditions.pixels(case, level)
    whole = Raster.fromarray(read_pixels(case))
    return np.asarray(whole.reduce(4).resize(whole.size, Raster.Resampling.NEAREST))


def _attribute(scene: Scene) -> list[AttackResult]:
    return [
        replace(result, kind="inside view", knowledge=_KNOWLEDGE)
        for result in attribute.attempt(scene)
    ]


def _reidentification(scene: Scene) -> list[AttackResult]:
    return link(scene, "re-identification", "inside view", scene.corpus, _KNOWLEDGE)


def _super_resolution(renditions: Renditions, scene: Scene) -> list[AttackResult]:
    """Sharpen crops of the level's full-size pictures towards the original."""
    corpus, settings = scene.corpus, scene.settings
    fill(renditions, corpus.cases, [FULL], processes=settings.processes, report=scene.report)
    edge = _edge(corpus.cases, renditions)
    given, full, originals = (
        np.concatenate([_crops(_seen(renditions, case, name), edge) for case in corpus.cases])
        for name in (corpus.target, FULL, ORIGINAL)
    )
    inputs = blocks((given.astype(np.float16) - 128) / 64)
    missing = blocks((originals.astype(np.float32) - given) / 16)
    train, check, test = (_all_crops(part) for part in (scene.train, scene.check, scene.test))

    def build() -> nn.Module:
        return silent_unet(4, 4, settings.width, depth=2)

    model = learn(
        scene,
        build,
        inputs,
        missing,
        mse_loss,
        train=np.random.default_rng(settings.seed).permutation(train)[:_MOST_CROPS],
        check=check,
        batch=8,
        epochs=_SHARPENING_EPOCHS,
        start_counts=True,
    )
    sharpened = (given[test] + 16 * unblocked(predict(model, inputs[test]))).clip(0, 255)
    views = (sharpened, given[test], full[test])
    own, without, best = (_mean_of_crops(psnr(originals[test], some)) for some in views)
    for name, crops in (
        (pictures.ORIGINAL, originals[test]),
        (f"{corpus.target} {pictures.GIVEN}", given[test]),
        (corpus.target, np.rint(sharpened).astype(np.uint8)),
    ):
        of_each_image = crops[:: len(CORNERS)]
        pictures.keep(scene.workspace, "super-resolution", name, of_each_image[:_SHOWN])
    patients = [corpus.patients[i] for i in scene.test]
    score, floor = above_floor(patients, own, without, settings.seed)
    return [
        AttackResult(
            attack="super-resolution",
            kind="inside view",
            target=corpus.target,
            metric="PSNR (dB)",
            score=score,
            floor=floor,
            ceiling=float(best.mean()),
            knowledge=_KNOWLEDGE,
            pairs=scene.pairs,
            notes="floor: the level itself; ceiling: the level full; "
            f"mean over images of {len(CORNERS)} crops of {edge} pixels a side",
        )
    ]


def _edge(cases: Sequence[Case], renditions: Renditions) -> int:
    """Return the side of crops that fit into every image, a multiple of 16."""
    smallest = min(min(renditions.pixels(case, ORIGINAL).shape) for case in cases)
    return int(min(_LARGEST_CROP, smallest // 16 * 16))


def _crops(pixels: Grey, edge: int) -> Grey:
    """Cut one square out of each quarter: (crops, edge, edge)."""
    room = [side - edge for side in pixels.shape]
    return np.stack(
        [
            pixels[top : top + edge, left : left + edge]
            for down, right in CORNERS
            for top, left in [(round(down * room[0]), round(right * room[1]))]
        ]
    )


def _all_crops(images: NDArray[np.intp]) -> NDArray[np.intp]:
    return (images[:, None] * len(CORNERS) + np.arange(len(CORNERS))).ravel()


def _mean_of_crops(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(scores.reshape(-1, len(CORNERS)).mean(axis=1))
