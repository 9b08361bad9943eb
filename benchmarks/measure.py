"""Run a codec on an image, and remember what the peers did."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from numpy.typing import NDArray

from benchmarks.images import Sample
from primis.evaluate import ms_ssim, psnr
from primis.evaluate.peers import Peer

Pixels = NDArray[Any]
Encoded = tuple[int, Callable[[], Pixels]]


@dataclass(frozen=True)
class Measurement:
    """One image through one codec: bytes in all, quality, wall-clock seconds."""

    size: int
    bits_per_pixel: float
    psnr: float
    ms_ssim: float
    encode_seconds: float
    decode_seconds: float


def measure(pixels: Pixels, encode: Callable[[], Encoded], bits: int = 8) -> Measurement:
    """Encode and decode once.

    Parameters
    ----------
    pixels
        Array (rows, columns).
    encode
        Returns the bytes needed in all, and a function that decodes them.
    bits
        Stored bits per sample, from which the data range of the metrics follows.
    """
    start = perf_counter()
    size, decode = encode()
    encoded = perf_counter()
    decoded = decode()
    end = perf_counter()
    peak = 2**bits - 1
    return Measurement(
        size=size,
        bits_per_pixel=8 * size / pixels.size,
        psnr=psnr(pixels, decoded, peak),
        ms_ssim=ms_ssim(pixels, decoded, peak),
        encode_seconds=encoded - start,
        decode_seconds=end - encoded,
    )


Key = tuple[str, str, str]


class PeerCache:
    """Measurements of the peers, kept between runs in one JSON Lines file per peer.

    A record is found again by the digest of the image file, the recipe (libraries, versions,
    options) and the setting, so a change of any of them measures anew.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[Key, Measurement] = {}
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(folder.glob("*.jsonl")):
            for line in path.read_text().splitlines():
                self._load(line)

    def at_setting(self, sample: Sample, peer: Peer, setting: float) -> Measurement:
        """Measure the peer at one position of its dial."""
        key = (sample.digest, peer.recipe, f"{setting:g}")
        if key not in self._known:
            pixels = sample.pixels
            result = measure(pixels, lambda: _encoded(peer, peer.encode(pixels, setting, 8)))
            self._store(peer, key, result)
        return self._known[key]

    def at_size(self, sample: Sample, peer: Peer, size: int) -> Measurement | None:
        """Measure the peer's best file of at most `size` bytes; None if it has none so small.

        The search is not part of the seconds.
        """
        key = (sample.digest, peer.recipe, f"{size} bytes")
        if key not in self._known:
            data = peer.at_size(sample.pixels, size)
            if data is None:
                return None
            self._store(peer, key, measure(sample.pixels, lambda: _encoded(peer, data)))
        return self._known[key]

    def _load(self, line: str) -> None:
        try:
            record = json.loads(line)
            key = (record["image"], record["recipe"], record["setting"])
            self._known[key] = Measurement(**record["result"])
        except (ValueError, KeyError, TypeError):
            return

    def _store(self, peer: Peer, key: Key, result: Measurement) -> None:
        self._known[key] = result
        record = dict(zip(("image", "recipe", "setting"), key, strict=True))
        path = self._folder / f"{peer.name.lower().replace(' ', '')}.jsonl"
        with path.open("a") as file:
            # Newline first: a record cut short by an interruption spoils only itself.
            file.write("\n" + json.dumps({**record, "result": asdict(result)}))


def _encoded(peer: Peer, data: bytes) -> Encoded:
    return len(data), lambda: peer.decode(data)
