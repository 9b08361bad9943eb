"""A second runtime for `context.onnx`, slow and exact: int64 for sums, fractions of two between."""

from __future__ import annotations

from pathlib import Path

import numpy as np


class ExactNetwork:
    """Evaluates the graph; ``largest`` is the largest sum of magnitudes met so far."""

    def __init__(self, path: Path) -> None:
        import onnx

        graph = onnx.load(path).graph
        self._nodes = graph.node
        self._output = graph.output[0].name
        self._pads = {
            node.output[0]: list(attribute.ints)
            for node in graph.node
            for attribute in node.attribute
            if attribute.name == "pads"
        }
        self._constants = {
            tensor.name: onnx.numpy_helper.to_array(tensor).astype(np.float64)
            for tensor in graph.initializer
        }
        self.largest = 0

    def __call__(self, cells: np.ndarray, densities: np.ndarray, place: int) -> np.ndarray:
        """Map cells (15, h, w), densities (6,) and place to indices (2, h, w)."""
        values = dict(self._constants)
        values["cells"] = cells[None]
        values["densities"] = densities.reshape(1, -1, 1, 1)
        values["place"] = place
        for node in self._nodes:
            inputs = [values[name] for name in node.input]
            values[node.output[0]] = self._run(node.op_type, inputs, node.output[0])
        return _whole(values[self._output])

    def _run(self, operation: str, inputs: list, output: str) -> np.ndarray:
        first, *rest = inputs
        match operation:
            case "Gather":
                return first[rest[0]]
            case "Conv":
                return self._convolve(_whole(first), _whole(rest[0]), self._pads.get(output))
            case "Add":
                self._note(np.abs(first) + np.abs(rest[0]))
                return _whole(first) + _whole(rest[0])
            case "Mul":  # by a power of two, which float64 does exactly
                assert np.log2(rest[0]) % 1 == 0
                return first * rest[0]
            case "Floor":
                return np.floor(first)
            case "Clip":
                return np.clip(first, *rest)
            case "Squeeze":
                return first[0]
        raise NotImplementedError(operation)

    def _convolve(self, image: np.ndarray, kernel: np.ndarray, pads: list[int] | None):
        top, left, bottom, right = pads or [0, 0, 0, 0]
        padded = np.pad(image[0], ((0, 0), (top, bottom), (left, right)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[2:], (1, 2))
        self._note(np.einsum("oiyx,ihwyx->ohw", np.abs(kernel), np.abs(windows)))
        return np.einsum("oiyx,ihwyx->ohw", kernel, windows)[None]

    def _note(self, magnitudes: np.ndarray) -> None:
        self.largest = max(self.largest, int(magnitudes.max()))


def _whole(values: np.ndarray) -> np.ndarray:
    integers = np.rint(values).astype(np.int64)
    np.testing.assert_array_equal(integers, values)
    return integers
