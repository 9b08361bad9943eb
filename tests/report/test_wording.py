import pytest

from primis.report.wording import compared


@pytest.mark.parametrize(
    ("value", "low", "tone", "words"),
    [
        (-0.001, -0.004, "good", "as well"),
        (-0.001, -0.050, "fair", "about as well"),
        (-0.010, -0.050, "fair", "not as well"),
    ],
)
def test_a_small_loss_counts_as_none_only_if_the_whole_interval_is_small(value, low, tone, words):
    found = compared({"value": value, "low": low}, 0.005)
    assert found[0] == tone
    assert found[1].startswith(words)
