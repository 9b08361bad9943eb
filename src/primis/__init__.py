"""primis: share medical images through places nobody trusts.

An image becomes a public file that anyone may store, and compact keys that open it at graded
levels. ``protect`` and ``reconstruct`` are the way there and back.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from primis.api import protect as protect
    from primis.api import reconstruct as reconstruct
    from primis.codec.codec import Codec as Codec
    from primis.errors import PrimisError as PrimisError
    from primis.images.image import Image as Image
    from primis.keys import Grant as Grant
    from primis.keys import Keyring as Keyring

__version__ = "0.1.0"

_HOMES = {
    "protect": "primis.api",
    "reconstruct": "primis.api",
    "Codec": "primis.codec.codec",
    "Image": "primis.images.image",
    "Keyring": "primis.keys",
    "Grant": "primis.keys",
    "PrimisError": "primis.errors",
}
__all__ = ["Codec", "Grant", "Image", "Keyring", "PrimisError", "protect", "reconstruct"]


def __getattr__(name: str) -> Any:
    """Import public names when they are first used, so that ``import primis`` is instant."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'primis' has no attribute {name!r}")
