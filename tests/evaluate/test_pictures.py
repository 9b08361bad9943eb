import numpy as np
from PIL import Image as Pillow

from primis.evaluate.peers import PEERS
from primis.evaluate.pictures import make_pictures
from primis.study.dataset import read_pixels
from primis.study.renditions import RENDITIONS, Renditions


def test_pictures_of_different_patients_show_every_rendition_and_peer(dataset, tmp_path):
    renditions = Renditions(2.0, tmp_path / "cache")
    made = make_pictures(dataset, renditions, tmp_path / "pictures", images=2, peers=[PEERS[1]])
    cases = dataset.split("test")
    assert len(made) == 2
    for shown, case in zip(made, (cases[0], cases[1]), strict=True):
        assert set(shown["renditions"]) == set(RENDITIONS)
        assert list(shown["crops"]) == ["original", "primis", "JPEG 2000"]
        with Pillow.open(tmp_path / shown["renditions"]["original"]["file"]) as image:
            assert np.array_equal(np.asarray(image), read_pixels(case))
        top, left, side = shown["region"]
        with Pillow.open(tmp_path / shown["crops"]["original"]["file"]) as image:
            assert np.array_equal(
                np.asarray(image), read_pixels(case)[top : top + side, left : left + side]
            )
        sizes = [shown["renditions"][name]["bytes"] for name in ("preview", "diagnostic", "full")]
        assert sizes == sorted(sizes)
        assert shown["crops"]["JPEG 2000"]["bytes"] <= shown["crops"]["primis"]["bytes"]
