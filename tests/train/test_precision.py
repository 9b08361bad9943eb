"""Half precision is used where hardware computes in it, and only there."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="training needs the extra primis[train]")

from primis.train import precision  # noqa: E402


@pytest.fixture(autouse=True)
def fresh_answer():
    precision._computes_bfloat16.cache_clear()
    yield
    precision._computes_bfloat16.cache_clear()


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"avx2": True, "avx512_bf16": False}, torch.float32),
        ({"avx512_bf16": True}, torch.bfloat16),
        ({"architecture": "aarch64", "sve_bf16": True}, torch.bfloat16),
    ],
)
def test_a_processor_without_instructions_for_it_computes_in_float32(
    capabilities, expected, monkeypatch
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    layer, x = torch.nn.Conv2d(1, 2, 3), torch.zeros(1, 1, 4, 4)
    with precision.half_precision(torch.device("cpu")):
        assert layer(x).dtype == expected
