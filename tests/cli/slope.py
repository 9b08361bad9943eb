from __future__ import annotations

import numpy as np


def slope(rows: int, columns: int, top: int) -> np.ndarray:
    """A slope with some structure, from 0 to `top`."""
    r, c = np.mgrid[:rows, :columns]
    values = r / rows + c / columns + 0.2 * np.sin(r / 5) * np.cos(c / 7)
    values = (values - values.min()) / np.ptp(values) * top
    return values.astype(np.uint8 if top < 256 else np.uint16)
