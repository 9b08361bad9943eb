"""A second runtime for the networks of the context model, slow and exact.

Sums are int64; between them are fractions of powers of two.
"""

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
        self._constants = {
            tensor.name: onnx.numpy_helper.to_array(tensor).astype(np.float64)
            for tensor in graph.initializer
        }
        self.largest = 0

    def __call__(self, cells: np.ndarray, place: int, **inputs: np.ndarray) -> np.ndarray:
        """Map cells (15, h, w), place and other inputs to indices (outputs, h, w)."""
        values = {**self._constants, **inputs}
        values["cells"] = _neighbourhoods(cells)
        values["place"] = place
        for node in self._nodes:
            inputs = [values[name] for name in node.input]
            values[node.output[0]] = self._run(node.op_type, inputs)
        return _whole(values[self._output]).reshape(-1, *cells.shape[1:])

    def _run(self, operation: str, inputs: list) -> np.ndarray:
        first, *rest = inputs
        match operation:
            case "Gather":
                return first[rest[0]]
            case "Cast":
                return _whole(first)
            case "MatMul":
                left, right = _whole(first), _whole(rest[0])
                self._note(np.abs(left) @ np.abs(right))
                return left @ right
            case "Add":
                self._note(np.abs(first) + np.abs(rest[0]))
                return _whole(first) + _whole(rest[0])
            case "Mul":  # by a power of two, which float64 does exactly
                assert np.log2(rest[0]) % 1 == 0
                return first * rest[0]
            case "Sub":
                self._note(np.abs(first) + np.abs(rest[0]))
                return _whole(first) - _whole(rest[0])
            case "Neg":
                return -first
            case "Abs":
                return np.abs(first)
            case "Floor":
                return np.floor(first)
            case "Clip":
                return np.clip(first, *rest)
            case "Transpose":
                return first.T
        raise NotImplementedError(operation)

    def _note(self, magnitudes: np.ndarray) -> None:
        self.largest = max(self.largest, int(magnitudes.max()))


def _neighbourhoods(cells: np.ndarray) -> np.ndarray:
    """Rows of nine cells, from top left to bottom right, each of 15 channels and a 0."""
    channels, rows, columns = cells.shape
    around = np.zeros((rows + 2, columns + 2, channels + 1), dtype=np.int64)
    around[1:-1, 1:-1, :-1] = np.moveaxis(cells, 0, -1)
    return np.array(
        [around[r : r + 3, c : c + 3].ravel() for r in range(rows) for c in range(columns)]
    )


def _whole(values: np.ndarray) -> np.ndarray:
    integers = np.rint(values).astype(np.int64)
    np.testing.assert_array_equal(integers, values)
    return integers
