"""The command line: a thin skin over the library.

Importing it loads nothing heavy; each verb imports what it needs when it runs.
"""

from primis.cli.program import main

__all__ = ["main"]
