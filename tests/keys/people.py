from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from primis.keys import agefile


@dataclass(frozen=True)
class Person:
    recipient: str
    identities: list[agefile.Identity]
    file: Path

    @classmethod
    def new(cls, file: Path) -> Person:
        recipient = agefile.keygen(file)
        return cls(recipient, agefile.read_identities(file), file)
