"""Results that are computed once: a run that was interrupted goes on where it stopped."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import platform
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from primis import __version__
from primis.errors import DamagedFileError, StoreError
from primis.files import write_atomically

JSON: TypeAlias = Any
"""What JSON can hold; dataclasses and NumPy values count as what they become."""

_PACKAGES = (
    *("numpy", "scipy", "torch", "onnxruntime", "mirp", "constriction"),
    *("Pillow", "imagecodecs", "pydicom"),
)


class Workspace:
    """A folder of results and of what is costly to make.

    Parameters
    ----------
    folder
        Made if missing.

    Raises
    ------
    StoreError
        If it cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        make_folder(folder / "results")
        make_folder(self.cache)

    @property
    def cache(self) -> Path:
        """Folder of renditions and trained networks, which can be deleted at any time."""
        return self.folder / "cache"

    def result(self, name: str, settings: Mapping[str, JSON], compute: Callable[[], JSON]) -> JSON:
        """Return a result, computing it unless it is there already.

        Parameters
        ----------
        name
            Letters, digits and hyphens: the start of the file name.
        settings
            All that decides the result.
        compute
            Called if no result of this name and settings is stored.

        Returns
        -------
        JSON
            As it is stored, hence the same the first time and later. NaN and infinities are null.

        Raises
        ------
        DamagedFileError
            If the stored result cannot be read.
        """
        path = self.folder / "results" / f"{name}-{settings_hash(settings)}.json"
        if not path.exists():
            record = {"name": name, "settings": settings, "result": compute()}
            text = json.dumps(to_json(record), indent=1, allow_nan=False) + "\n"
            write_atomically(path, text.encode(), overwrite=True)
        try:
            return json.loads(path.read_bytes())["result"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DamagedFileError(
                f"{path} is not a result", hint="delete it; it will be computed again"
            ) from error


def settings_hash(settings: Mapping[str, JSON]) -> str:
    """Return 12 hexadecimal digits that stand for the settings."""
    text = json.dumps(to_json(settings), sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def make_folder(path: Path) -> None:
    """Make a folder unless it exists.

    Raises
    ------
    StoreError
        If the file system refuses.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{path} cannot be made a folder: {error.strerror}") from error


def to_json(value: Any) -> JSON:
    """Turn dataclasses, tuples, paths and NumPy values into what JSON holds; NaN into null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return to_json({f.name: getattr(value, f.name) for f in dataclasses.fields(value)})
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return to_json(value.tolist())
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def environment() -> dict[str, JSON]:
    """Describe what a result was made with: versions, processor and model."""
    from primis.codec import bundle

    model = bundle.find()
    return {
        "primis": __version__,
        "model": {"name": model.name, "digest": model.digest.hex()},
        "python": platform.python_version(),
        "packages": {name: version for name in _PACKAGES if (version := _version(name))},
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"
