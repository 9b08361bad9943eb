"""Structural similarity at several scales, differentiable."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales, finest first
_TAPS, _SIGMA = 11, 1.5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def ms_ssim(x: Tensor, y: Tensor) -> Tensor:
    """Return MS-SSIM (n,) of images (n, 1, h, w) with values 0 to 255.

    Wang, Simoncelli and Bovik (Asilomar 2003). Images too small for five scales, less than 176
    pixels a side, are compared at those that they have; 11 pixels are the least.
    """
    scales = 0
    while scales < len(_WEIGHTS) and min(x.shape[2:]) >> scales >= _TAPS:
        scales += 1
    weights = torch.tensor(_WEIGHTS[:scales], device=x.device)
    weights = weights / weights.sum()
    result = torch.ones(len(x), device=x.device)
    for scale in range(scales):
        luminance, contrast = _similarity(x, y)
        part = contrast * luminance if scale == scales - 1 else contrast
        result = result * part.mean((1, 2, 3)).clamp_min(1e-3) ** weights[scale]
        x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    return result


def _similarity(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the maps of luminance and of contrast and structure."""
    mean_x, mean_y = _smooth(x), _smooth(y)
    # Variances of differences from a mean lose less to rounding than differences of squares.
    centre = mean_x.mean((2, 3), keepdim=True)
    x, y = x - centre, y - centre
    off_x, off_y = mean_x - centre, mean_y - centre
    var_x = _smooth(x * x) - off_x.square()
    var_y = _smooth(y * y) - off_y.square()
    cov = _smooth(x * y) - off_x * off_y
    luminance = (2 * mean_x * mean_y + _C1) / (mean_x.square() + mean_y.square() + _C1)
    return luminance, (2 * cov + _C2) / (var_x + var_y + _C2)


def _smooth(x: Tensor) -> Tensor:
    axis = torch.arange(_TAPS, device=x.device) - _TAPS // 2
    taps = torch.exp(-(axis**2) / (2 * _SIGMA**2))
    taps = taps / taps.sum()
    return F.conv2d(F.conv2d(x, taps.view(1, 1, 1, -1)), taps.view(1, 1, -1, 1))
