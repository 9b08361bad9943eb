from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training needs the extra primis[train]")

from primis.codec.bundle import ModelBundle  # noqa: E402
from primis.train.bundle import write_bundle  # noqa: E402
from primis.train.data import load_split  # noqa: E402
from primis.train.networks import AutoEncoder, untrained_selectors  # noqa: E402
from primis.train.objective import TrainedAutoEncoder  # noqa: E402


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


@pytest.fixture(scope="session")
def model() -> TrainedAutoEncoder:
    """An auto-encoder near the CDF 9/7 wavelet, no two of whose weights are alike."""
    torch.manual_seed(5)
    model = TrainedAutoEncoder()
    image = 255 * torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        with torch.random.fork_rng():
            model(image, torch.full((1, 1, 1, 1), 9.0), torch.tensor([30]))  # sets limits
        for parameter in model.parameters():
            parameter += 0.02 * torch.randn_like(parameter)
    return model.eval()


@pytest.fixture(scope="session")
def selective(model: TrainedAutoEncoder) -> AutoEncoder:
    """The auto-encoder of `model` with selectors, no two of whose weights are alike."""
    codec = deepcopy(model.codec)
    codec.selectors = untrained_selectors()
    generator = torch.Generator().manual_seed(6)
    with torch.no_grad():
        for parameter in codec.selectors.parameters():
            parameter += 0.02 * torch.randn(parameter.shape, generator=generator)
    return codec.eval()


@pytest.fixture(scope="session")
def bundle(
    model: TrainedAutoEncoder,
    selective: AutoEncoder,
    picture_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> ModelBundle:
    """The bundle of `model`, with selectors. To export one takes minutes: one for all tests."""
    return write_bundle(
        selective,
        model.entropy,
        tmp_path_factory.mktemp("bundles") / "tiny-1",
        name="tiny-1",
        rim=(1, 1, 1),
        pictures=load_split(picture_folder, "train"),
        facts={"licence": "none"},
    )
