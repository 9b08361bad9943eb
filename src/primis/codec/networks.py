"""The networks of a model bundle, run by onnxruntime on images of any size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime

from primis.codec.codes import Mask
from primis.codec.layout import Layout
from primis.codec.tiling import Maps, run_tiled

DISTINCT_SCALES = 4
"""Coarser scales share the networks of the last of these."""

FIRST_SELECTED = 1
"""The finest scale has no selector: it would gain 0.1 % of the Lagrangian for 4 % of the time."""

_LIKELY = 0.75
"""Of the step of a lower level: no smaller coefficient is moved for it."""
_REACH = 2.0
"""A coefficient is moved for it if not farther, in steps, than twice how far beyond the end of its
cell it is wanted, in steps of the lower level."""
_MARGIN = 0.01

CELL = 8
"""The restorer works on images whose sides are multiples of this."""


def session_options(threads: int | None = None) -> onnxruntime.SessionOptions:
    """Return options for quiet sessions that give memory back; ``threads`` None: all cores.

    Idle threads sleep: each network has its own, and those of the last one would otherwise spin
    on while the next one computes.
    """
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = False
    if threads is not None:
        options.intra_op_num_threads = threads
    return options


class Networks:
    """Analysis, sparsification, synthesis and restoration.

    All work in whatever unit the pixels have: analysis and synthesis commute with a change of
    contrast, the others see values in quantiser steps.

    Parameters
    ----------
    folder
        Holds the ONNX files.
    threads
        Threads per session; None for all cores.
    """

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        self._folder = folder
        self._options = session_options(threads)
        self._session = cache(self._open)
        self._selects = (folder / f"select_{FIRST_SELECTED}.onnx").exists()

    def _open(self, name: str) -> onnxruntime.InferenceSession:
        path = self._folder / f"{name}.onnx"
        return onnxruntime.InferenceSession(
            str(path), self._options, providers=["CPUExecutionProvider"]
        )

    def _network(self, name: str) -> Callable[[list[Maps]], list[Maps]]:
        session = self._session(name)
        names = [node.name for node in session.get_inputs()]

        def run(arrays: list[Maps]) -> list[Maps]:
            feed = {name: array[None] for name, array in zip(names, arrays, strict=True)}
            return [output[0] for output in session.run(None, feed)]

        return run

    def analyse(
        self, image: Maps, layout: Layout, *, plain: bool = False
    ) -> tuple[list[Maps], Maps]:
        """Split an image into detail bands and a smooth band.

        Parameters
        ----------
        image
            (rows, columns).
        layout
            Its layout.
        plain
            Use the CDF 9/7 wavelet instead of the learned transform.

        Returns
        -------
        list of arrays
            Detail bands of each scale, finest first, in the shapes of the layout.
        array
            The smooth band (1, rows, columns).
        """
        smooth = image[None]
        details = []
        for scale in range(layout.scales):
            network = self._network(f"analysis_{_transform(scale, plain)}")
            smooth, bands = run_tiled(
                network,
                [(pad_to(smooth, 2), 2)],
                (1, 1),
                tile=512,
                halo=16,
            )
            details.append(bands)
        return details, smooth

    def sparsify(self, details: Sequence[Maps], coarser: Sequence[float] = ()) -> list[Maps]:
        """Move coefficients, in steps, to what is cheap to code and worth it near them.

        Parameters
        ----------
        details
            Bands of each scale, finest first.
        coarser
            Larger steps, those of lower levels: coefficients near multiples of one are also moved
            to what suits its level; for the last one most of all.
        """
        scales = range(len(details))
        moved = [self._shifted(details, scale) for scale in scales]
        if self._selects:
            moved[FIRST_SELECTED:] = [
                self._selected(details, moved, scale) for scale in scales[FIRST_SELECTED:]
            ]
        for step in coarser:
            coarse = [bands / np.float32(step) for bands in details]
            for scale in scales:
                self._suit(moved[scale], coarse, scale, step)
        return moved

    def _shifted(self, exact: Sequence[Maps], scale: int, where: Mask | None = None) -> Maps:
        """Move coefficients by less than a step towards what is cheap to code."""
        inputs = [(exact[scale], 1), (_parents(exact, scale), 1)]
        network = self._network(f"sparsify_{min(scale, DISTINCT_SCALES - 1)}")
        tile = 512 if where is None else 16
        (shifted,) = run_tiled(network, inputs, (1,), tile=tile, halo=4, where=where)
        return shifted

    def _suit(self, moved: Maps, coarse: Sequence[Maps], scale: int, step: float) -> None:
        """Move what a lower level wants in another of its cells, and is near enough, there.

        ``moved`` is in steps, ``coarse`` in those of that level, before they were moved.
        """
        likely = np.abs(coarse[scale]) >= _LIKELY
        if not likely.any():
            return
        wanted = self._shifted(coarse, scale, np.any(likely, axis=0))[likely]
        cell = np.trunc(wanted)
        begin, end = cell - (wanted <= -1) - (cell == 0), cell + (wanted >= 1) + (cell == 0)
        now = moved[likely]
        there = now.clip(begin * step + _MARGIN, end * step - _MARGIN)
        beyond = np.abs(wanted - np.where(there > now, begin, end))
        moved[likely] = np.where(np.abs(there - now) <= _REACH * beyond, there, now)

    def _selected(self, exact: Sequence[Maps], shifted: Sequence[Maps], scale: int) -> Maps:
        """Decide which coefficients close to one step become non-zero."""
        inputs = [(bands[scale], 1) for bands in (exact, shifted)]
        inputs += [(_parents(bands, scale), 1) for bands in (exact, shifted)]
        rows, columns = exact[scale].shape[1:]
        inputs += [
            (pad_like(bands[scale - 1], 2 * rows, 2 * columns), 2) for bands in (exact, shifted)
        ]
        network = self._network(f"select_{min(scale, DISTINCT_SCALES - 1)}")
        (selected,) = run_tiled(network, inputs, (1,), tile=512, halo=4)
        return selected

    def synthesise(
        self, details: Sequence[Maps], smooth: Maps, layout: Layout, *, plain: bool = False
    ) -> Maps:
        """Undo `analyse`: return the image (rows, columns)."""
        for scale in reversed(range(layout.scales)):
            rows, columns = layout.band_shape(scale - 1) if scale else (layout.rows, layout.columns)
            network = self._network(f"synthesis_{_transform(scale, plain)}")
            (smooth,) = run_tiled(
                network,
                [(smooth, 1), (details[scale], 1)],
                (2,),
                tile=512,
                halo=16,
            )
            smooth = np.ascontiguousarray(smooth[:, :rows, :columns])
        image: Maps = smooth[0]
        return image

    def restore(self, image: Maps, details: Sequence[Maps], half_known: Sequence[Maps]) -> Maps:
        """Add what the linear synthesis of quantised codes is missing, at most two steps.

        Parameters
        ----------
        image
            (rows, columns), in steps.
        details
            Bands of the two finest scales, in steps.
        half_known
            Same shapes: 1 where a code is known to twice the step only, else 0.
        """
        rows, columns = image.shape
        image = pad_to(image[None], CELL)
        fine, coarse, fine_half, coarse_half = (
            pad_like(array, image.shape[1] // ratio, image.shape[2] // ratio)
            for array, ratio in zip((*details, *half_known), (2, 4, 2, 4), strict=True)
        )
        (restored,) = run_tiled(
            self._network("restore"),
            [
                (image, CELL),
                (fine, CELL // 2),
                (coarse, CELL // 4),
                (fine_half, CELL // 2),
                (coarse_half, CELL // 4),
            ],
            (CELL,),
            tile=128,
            halo=14,
        )
        return restored[0, :rows, :columns]


def _parents(scales: Sequence[Maps], scale: int) -> Maps:
    """Repeat coefficients of the next coarser scale in 2x2 blocks; zeros if there is none."""
    if scale + 1 == len(scales):
        return np.zeros_like(scales[scale])
    rows, columns = scales[scale].shape[1:]
    parents = scales[scale + 1].repeat(2, axis=1).repeat(2, axis=2)
    return np.ascontiguousarray(parents[:, :rows, :columns])


def _transform(scale: int, plain: bool) -> str:
    return "plain" if plain else str(min(scale, DISTINCT_SCALES - 1))


def pad_to(array: Maps, multiple: int) -> Maps:
    """Repeat the last row and column until both counts are multiples of ``multiple``."""
    _, rows, columns = array.shape
    return pad_like(array, -(-rows // multiple) * multiple, -(-columns // multiple) * multiple)


def pad_like(array: Maps, rows: int, columns: int) -> Maps:
    """Repeat the last row and column until the array has ``rows`` and ``columns``."""
    missing = ((0, 0), (0, rows - array.shape[1]), (0, columns - array.shape[2]))
    if not any(after for _, after in missing):
        return array
    return np.pad(array, missing, mode="edge")
