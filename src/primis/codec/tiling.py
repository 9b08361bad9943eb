"""Run a convolutional network over an image of any size in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from primis.codec.codes import Mask

Maps: TypeAlias = NDArray[np.float32]


def run_tiled(
    network: Callable[[list[Maps]], list[Maps]],
    inputs: Sequence[tuple[Maps, int]],
    output_ratios: Sequence[int],
    *,
    tile: int,
    halo: int,
    where: Mask | None = None,
) -> list[Maps]:
    """Apply ``network`` tile by tile; the result is that of one call on the whole image.

    All arrays lie on one grid of cells: a cell covers ``ratio`` x ``ratio`` samples of an array.

    Parameters
    ----------
    network
        Maps arrays (channels, rows, columns) to arrays of that form.
    inputs
        Each array with its ratio; all cover the same number of cells.
    output_ratios
        Ratio of each output.
    tile
        Cells along a side that one call contributes.
    halo
        Cells around them that it sees as well, at least the reach of the network.
    where
        (rows, columns) of cells, some of them True: whose results are wanted. Others may be 0.
    """
    first, ratio = inputs[0]
    rows, columns = first.shape[1] // ratio, first.shape[2] // ratio
    if max(rows, columns) <= tile + 2 * halo:
        return network([array for array, _ in inputs])
    outputs: list[Maps] = []
    for top in range(0, rows, tile):
        for left in range(0, columns, tile):
            bottom, right = min(rows, top + tile), min(columns, left + tile)
            if where is not None and not where[top:bottom, left:right].any():
                continue
            seen_top, seen_left = max(0, top - halo), max(0, left - halo)
            seen_bottom, seen_right = min(rows, bottom + halo), min(columns, right + halo)
            parts = network(
                [
                    np.ascontiguousarray(
                        array[
                            :,
                            seen_top * scale : seen_bottom * scale,
                            seen_left * scale : seen_right * scale,
                        ]
                    )
                    for array, scale in inputs
                ]
            )
            if not outputs:
                outputs = [
                    np.zeros((len(part), rows * scale, columns * scale), dtype=np.float32)
                    for part, scale in zip(parts, output_ratios, strict=True)
                ]
            for output, part, scale in zip(outputs, parts, output_ratios, strict=True):
                output[:, top * scale : bottom * scale, left * scale : right * scale] = part[
                    :,
                    (top - seen_top) * scale : (bottom - seen_top) * scale,
                    (left - seen_left) * scale : (right - seen_left) * scale,
                ]
    return outputs
