"""What escapes around the codes: sizes, names, times, errors, keys, leftovers.

Each attack publishes images as their owner would, and looks at what a stranger or the holder of a
lower key sees beside the payloads. Each comes with a planted leak that it must find.
"""

from __future__ import annotations

from primis.attacks.attack import Attack

_HERE = __name__

ATTACKS = (
    Attack("sizes", "side channel", "tell content by the length of a file", f"{_HERE}.sizes"),
    Attack("header", "side channel", "tell content by the clear header", f"{_HERE}.header"),
    Attack("folder", "side channel", "names, order and dates of files", f"{_HERE}.folder"),
    Attack("timing", "side channel", "tell content or keys by time taken", f"{_HERE}.timing"),
    Attack("wrong keys", "side channel", "tell something by a wrong key", f"{_HERE}.wrong_keys"),
    Attack("reuse", "side channel", "find keystream or keys used twice", f"{_HERE}.reuse"),
    Attack("copies", "side channel", "strip noise by comparing copies", f"{_HERE}.copies"),
    Attack("upward", "side channel", "open more than was granted", f"{_HERE}.upward"),
    Attack("grants", "side channel", "tell content by sealed grants", f"{_HERE}.grant_files"),
    Attack("leftovers", "side channel", "secrets on disk and in messages", f"{_HERE}.remnants"),
)
