"""The words that all obfuscation schemes share: which schemes there are, and access levels."""

from __future__ import annotations

from enum import IntEnum


class Scheme(IntEnum):
    """How the code bytes are hidden; the value is the scheme byte of a public file."""

    KEYSTREAM = 1
    AMBIGUATION = 2


class Level(IntEnum):
    """What a key shows of an image; each level includes those below it."""

    PREVIEW = 0
    DIAGNOSTIC = 1
    FULL = 2
    ORIGINAL = 3

    @property
    def label(self) -> str:
        """The name in lower case, as commands and messages write it."""
        return self.name.lower()


AMBIGUATION_LEVELS = 3
"""Levels of an ambiguated image: it has no `original`."""
