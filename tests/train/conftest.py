from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs the extra primis[train]")


@pytest.fixture(scope="session")
def picture_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four small pictures and an index that splits them."""
    from PIL import Image

    from tests.pictures import textured

    folder = tmp_path_factory.mktemp("pictures")
    rows = ["file,split"]
    for number, split in enumerate(["train", "train", "train", "val"]):
        name = f"{number}.png"
        Image.fromarray(textured((96, 112), seed=number)).save(folder / name)
        rows.append(f"{name},{split}")
    (folder / "index.csv").write_text("\n".join(rows) + "\n")
    return folder
