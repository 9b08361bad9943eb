"""Where the coefficients of an image live: scales, bands and the 2x2 cells of a scale."""

from __future__ import annotations

from dataclasses import dataclass

MAX_SCALES = 7
BANDS = 3
PHASES = ((0, 0), (1, 1), (0, 1), (1, 0))
"""Order in which the four corners (row, column) of a 2x2 cell are coded."""
PLACES = tuple((band, down, right) for down, right in PHASES for band in range(BANDS))
"""The twelve places (band, row, column) of a cell of three bands."""

_CORNERS, _DIAGONALS = (
    tuple(slice(start, start + size) for start in range(0, len(PLACES), size))
    for size in (BANDS, 2 * BANDS)
)
_COARSE = 3


def steps(scale: int) -> tuple[slice, ...]:
    """Return which places of a cell are coded together, one slice after the other.

    Those of the three bands in one corner and, in the coarse scales, also in the corner opposite:
    there are few coefficients there, and a step has a cost of its own.
    """
    return _DIAGONALS if scale >= _COARSE else _CORNERS


@dataclass(frozen=True)
class Layout:
    """Shapes of everything that an image of ``rows`` x ``columns`` pixels is coded as.

    Scale 0 is the finest. Each scale halves the one before, rounding up, and has three detail
    bands; the smooth band is what the coarsest scale leaves.
    """

    rows: int
    columns: int

    @property
    def scales(self) -> int:
        """Number of scales: the smooth band keeps at least 4 samples a side, 7 scales at most."""
        return max(1, min(MAX_SCALES, (min(self.rows, self.columns) // 4).bit_length() - 1))

    def band_shape(self, scale: int) -> tuple[int, int]:
        """Rows and columns of one band of ``scale``."""
        return -(-self.rows >> scale + 1), -(-self.columns >> scale + 1)

    @property
    def smooth_shape(self) -> tuple[int, int]:
        """Rows and columns of the smooth band."""
        return self.band_shape(self.scales - 1)

    @property
    def shapes(self) -> tuple[tuple[int, int, int], ...]:
        """Array shapes (bands, rows, columns) of the detail bands, finest first, then the smooth.

        This is the order of every per-scale list in the codec.
        """
        details = tuple((BANDS, *self.band_shape(scale)) for scale in range(self.scales))
        return (*details, (1, *self.smooth_shape))

    @property
    def coefficients(self) -> int:
        """Number of coefficients of all bands."""
        return sum(bands * rows * columns for bands, rows, columns in self.shapes)
