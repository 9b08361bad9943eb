"""All attacks by name, in the order in which they run. Importing it is cheap."""

from __future__ import annotations

from types import MappingProxyType

from primis.attacks import side_channels, supervised, unsupervised
from primis.attacks.attack import Attack

ATTACKS: MappingProxyType[str, Attack] = MappingProxyType(
    {
        attack.name.replace(" ", "-"): attack
        for attack in (*side_channels.ATTACKS, *unsupervised.ATTACKS, *supervised.ATTACKS)
    }
)
