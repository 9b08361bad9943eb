"""What an attack is to those who list, choose and run attacks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from primis.attacks.record import AttackResult, Kind
    from primis.study.dataset import Dataset
    from primis.study.workspace import Workspace

Report: TypeAlias = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """How hard to attack; the defaults are the full suite.

    Parameters
    ----------
    side
        Images are cut to a square and averaged down to so many pixels a side before they are
        protected; a multiple of 32, at least 64.
    rate
        Bits per pixel of the public files made of them.
    pairs
        Numbers of known pairs to learn from, for curves; all there are come on top.
    epochs
        Passes over the known pairs.
    width
        Channels of the networks' first layers.
    images
        At most so many images of each split; None for all.
    inside_images
        The same for the inside view, whose images are protected at full size.
    targets
        Names out of `primis.attacks.targets.standard_targets` and ``planted_targets``; None for
        all. The inside view has levels instead, and only the public one of them if the default
        scheme is the only target.
    planted
        Which of the attacks that learn also run against the planted targets, where ``targets``
        does not say; None for all.
    column, negative, positive
        Label column and values of the two classes to tell apart.
    full_rate
        Bits per pixel of the full-size public files of the inside view.
    seed
        Of networks, samples and bootstraps.
    processes
        To publish images with; training has the threads that torch has.
    """

    side: int = 128
    rate: float = 0.6
    pairs: tuple[int, ...] = (50, 150, 400)
    epochs: int = 5
    width: int = 16
    images: int | None = None
    inside_images: int | None = 120
    targets: tuple[str, ...] | None = None
    planted: tuple[str, ...] | None = (
        "inversion",
        "attribute",
        "linkage",
        "re-identification",
        "verification",
    )
    column: str = "label"
    negative: tuple[str, ...] = ("no_finding", "normal")
    positive: tuple[str, ...] = ("pneumonia", "pneumonia_bacterial", "pneumonia_viral")
    full_rate: float = 0.25
    seed: int = 0
    processes: int = 1

    def quick(self) -> Settings:
        """Return settings that finish within minutes on two cores."""
        return replace(
            self,
            side=64,
            rate=1.5,
            pairs=(),
            epochs=10,
            images=80,
            inside_images=40,
            planted=("inversion", "verification"),
        )


@dataclass(frozen=True)
class Attack:
    """An entry of the list of attacks.

    Parameters
    ----------
    name, kind
        As in its results.
    summary
        What it tries, in a few words.
    module
        Where its function ``run`` is; imported when it runs, since it may need torch.
    version
        Counted up when it changes what it finds, so that no older result is taken for it.
    """

    name: str
    kind: Kind
    summary: str
    module: str
    version: int = 1

    def run(
        self, dataset: Dataset, workspace: Workspace, settings: Settings, report: Report
    ) -> list[AttackResult]:
        """Run it against every target; what the workspace already has is not computed again."""
        results: list[AttackResult] = import_module(self.module).run(
            dataset, workspace, settings, report
        )
        return results
