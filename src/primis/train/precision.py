"""Half precision where it helps."""

from __future__ import annotations

from functools import cache

import torch


@cache
def _computes_bfloat16(device: str) -> bool:
    """Whether processors of this type have instructions for bfloat16."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = torch.cpu.get_capabilities() if device == "cpu" else {}
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "sve_bf16"))


def half_precision(device: torch.device) -> torch.autocast:
    """Return a context in which networks compute in bfloat16, if ``device`` has it in hardware.

    Emulated, a convolution takes up to thirty times as long as in float32.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=_computes_bfloat16(device.type))
