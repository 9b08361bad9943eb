"""Attackers who have only public files, and know the program and what such images look like.

`files` publishes images under every target; one module per attack.
"""

from __future__ import annotations

from primis.attacks.attack import Attack

_HERE = __name__

ATTACKS = (
    Attack("magnitude", "unsupervised", "tell values from noise by size", f"{_HERE}.magnitude", 2),
    Attack("decoding", "unsupervised", "decode public bytes as if clear", f"{_HERE}.decoding", 2),
    Attack("statistics", "unsupervised", "tell bytes from random ones", f"{_HERE}.statistics"),
    Attack("compression", "unsupervised", "compress the public bytes", f"{_HERE}.compression"),
    Attack("neighbours", "unsupervised", "find files that are alike", f"{_HERE}.neighbours", 2),
    Attack("search", "unsupervised", "search for keys and true values", f"{_HERE}.search", 2),
    Attack("exhaustion", "unsupervised", "try all keys or supports", f"{_HERE}.exhaustion", 2),
)
