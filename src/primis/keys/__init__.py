"""Keys: derivation, the owner's keyring, grants to others, and age files that carry them."""

from primis.keys.agefile import Passphrase, keygen, read_identities, read_recipients
from primis.keys.derive import new_id
from primis.keys.grant import Grant
from primis.keys.keyring import Entry, Keyring
from primis.keys.load import load_keys
from primis.keys.source import ImageKey, KeySource
from primis.keys.text import format_key, parse_key

__all__ = [
    "Entry",
    "Grant",
    "ImageKey",
    "KeySource",
    "Keyring",
    "Passphrase",
    "format_key",
    "keygen",
    "load_keys",
    "new_id",
    "parse_key",
    "read_identities",
    "read_recipients",
]
