"""Values that canonical records can hold."""

from __future__ import annotations

from hypothesis import strategies as st

PLAIN = st.recursive(
    st.integers(0, 2**64 - 1) | st.binary(max_size=40) | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.binary(min_size=16, max_size=16) | st.text(max_size=5), inner, max_size=4
        )
    ),
    max_leaves=8,
)
