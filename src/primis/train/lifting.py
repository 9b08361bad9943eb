"""A learned wavelet: lifting steps that start as the CDF 9/7 wavelet and stay exactly invertible.

One scale splits an image into four half-size feature maps: a smooth one (``LL``) that the next
scale splits again, and three detail bands (``LH``, ``HL``, ``HH``). Linear lifting steps
(Daubechies and Sweldens, J. Fourier Anal. Appl. 1998) are followed by a non-linear one, in which
a small convolutional network predicts the details from ``LL`` (the idea of iWave, Ma et al.,
IEEE TPAMI 2022). Whatever the weights, running the steps backwards undoes them, so the transform
never limits the quality that a high rate can buy.

The prediction networks have no biases, and their first layer ignores a constant. So the transform
commutes with a change of contrast, and one model serves every modality and bit depth. Brightness
is another matter: the learned taps need not keep a constant out of the detail bands, as those of
the CDF 9/7 wavelet do. Therefore the codec subtracts the mean of an image before analysis.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Cohen, Daubechies and Feauveau's 9/7 wavelet in lifting form; the steps alternate between
# predicting the odd samples from the even ones and updating the even ones from the odd.
CDF97_STEPS = (-1.586134342059924, -0.052980118572961, 0.882911075530934, 0.443506852043971)
CDF97_GAIN = 1.149604398860241


class LiftingStep1d(nn.Module):
    """Linear lifting along the last axis: even and odd samples to smooth and detail halves."""

    def __init__(self) -> None:
        super().__init__()
        taps = torch.zeros(4, 4)
        for step, weight in enumerate(CDF97_STEPS):
            taps[step, 1:3] = weight
        self.taps = nn.Parameter(taps)
        self.log_gain = nn.Parameter(torch.tensor(CDF97_GAIN).log())

    def _step(self, source: Tensor, index: int) -> Tensor:
        """Filter ``source`` with the four taps of one step; both borders repeat their sample."""
        even_to_odd = index % 2 == 0
        pad = (1, 2, 0, 0) if even_to_odd else (2, 1, 0, 0)
        channels = source.shape[1]
        kernel = self.taps[index].view(1, 1, 1, 4).expand(channels, 1, 1, 4)
        return F.conv2d(F.pad(source, pad, mode="replicate"), kernel, groups=channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Split ``x`` (n, c, h, w), w even, into two tensors (n, c, h, w/2)."""
        even, odd = x[..., 0::2], x[..., 1::2]
        odd = odd + self._step(even, 0)
        even = even + self._step(odd, 1)
        odd = odd + self._step(even, 2)
        even = even + self._step(odd, 3)
        gain = self.log_gain.exp()
        return even * gain, odd / gain

    def inverse(self, smooth: Tensor, detail: Tensor) -> Tensor:
        """Undo :meth:`forward`."""
        gain = self.log_gain.exp()
        even, odd = smooth / gain, detail * gain
        even = even - self._step(odd, 3)
        odd = odd - self._step(even, 2)
        even = even - self._step(odd, 1)
        odd = odd - self._step(even, 0)
        return torch.stack((even, odd), dim=-1).flatten(-2)


class DetailPredictor(nn.Module):
    """Predicts the three detail bands from ``LL``; bias-free, blind to constants, zero at start."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, width, 5, padding=2, padding_mode="replicate", bias=False)
        self.middle = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.last = nn.Conv2d(width, 3, 3, padding=1, bias=False)
        nn.init.zeros_(self.last.weight)

    def forward(self, smooth: Tensor) -> Tensor:
        """Map (n, 1, h, w) to (n, 3, h, w)."""
        weight = self.first.weight - self.first.weight.mean((2, 3), keepdim=True)
        x = F.relu(F.conv2d(F.pad(smooth, (2, 2, 2, 2), mode="replicate"), weight))
        x = F.relu(self.middle(x))
        return self.last(x)


class Scale(nn.Module):
    """One scale of the transform, analysis and synthesis.

    ``width`` is that of the network that predicts the details; 0: there is none.
    """

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.along_rows = LiftingStep1d()
        self.along_columns = LiftingStep1d()
        self.predict = DetailPredictor(width) if width else None

    def analyse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Split ``x`` (n, 1, h, w), h and w even, into ``LL`` (n, 1, h/2, w/2) and (n, 3, ...)."""
        smooth, detail = self.along_rows(x)
        halves = torch.cat((smooth, detail), dim=1).transpose(-1, -2)
        top, bottom = self.along_columns(halves)
        top, bottom = top.transpose(-1, -2), bottom.transpose(-1, -2)
        ll = top[:, :1]
        bands = torch.cat((bottom[:, :1], top[:, 1:], bottom[:, 1:]), dim=1)
        return ll, bands - self.predict(ll) if self.predict else bands

    def synthesise(self, ll: Tensor, bands: Tensor) -> Tensor:
        """Undo :meth:`analyse`."""
        if self.predict:
            bands = bands + self.predict(ll)
        top = torch.cat((ll, bands[:, 1:2]), dim=1).transpose(-1, -2)
        bottom = torch.cat((bands[:, :1], bands[:, 2:]), dim=1).transpose(-1, -2)
        halves = self.along_columns.inverse(top, bottom).transpose(-1, -2)
        return self.along_rows.inverse(halves[:, :1], halves[:, 1:])
