"""A second decoder of code bytes, written from docs/format.md and nothing else.

It takes its probability indices from three functions with the inputs that the page gives to the
context network, the parent network and the sign network; everything else is plain Python over
integers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

REFINABLE = [32, 41, 48, 53, 57, 61, 64, 67, 69, 71, 73, 75, 77, 79, 80]
SHARES = [
    *(1, 1, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 10, 12, 14, 17, 20, 24, 29, 34, 41, 49, 58, 69, 82),
    *(98, 117, 139, 165, 197, 234, 279, 331, 394, 469, 558, 663, 789, 939, 1116, 1327, 1579),
    *(1878, 2233, 2655, 3158, 3756),
]
PHASES = [(0, 0), (1, 1), (0, 1), (1, 0)]
SIGN = 32768
MOVES = {1: -16, 2: -11, 3: -8, 4: -5, 6: -2, 8: 0}

Network = Callable[[np.ndarray, np.ndarray, int], np.ndarray]
"""Maps cells (15, h, w), densities (6,) and place to indices (2, h, w), all integers."""
ParentNetwork = Callable[[np.ndarray, np.ndarray, int], np.ndarray]
"""Maps parents (3, h, w), densities (6,) and min(scale, 3) to indices (12, h, w)."""
SignNetwork = Callable[[np.ndarray, int], np.ndarray]
"""Maps cells (15, h, w) and place to indices (1, h, w)."""


class Words:
    """How words stand for magnitudes."""

    def __init__(self, span_code: int) -> None:
        self.span_code = span_code
        self.steps = 16 + 4 * span_code
        self.bits = math.ceil(math.log2(self.steps))

    def begin(self, words: np.ndarray) -> np.ndarray:
        places = np.minimum(words % 2**self.bits, self.steps)
        return (words >> self.bits) * self.steps + places

    def move(self, word: int, plane: int) -> int | None:
        """By how much the index of a bit is moved; None where the word has no such bit."""
        if plane >= self.bits:
            return 0
        above = word % 2**self.bits >> plane + 1 << plane + 1
        ones = min(max(self.steps - above - 2**plane, 0), 2**plane)
        return MOVES[8 * ones // 2**plane] if ones else None


@dataclass
class Decoded:
    step: float
    offset: int
    plain: bool
    dark_sides: int
    spans: Words
    plane: int
    coded: list[np.ndarray]
    minus: list[np.ndarray]
    known: list[np.ndarray]

    @property
    def values(self) -> list[np.ndarray]:
        """Where the words begin, with signs."""
        pairs = zip(self.coded, self.minus, strict=True)
        return [np.where(minus, -1, 1) * self.spans.begin(coded) for coded, minus in pairs]

    def in_steps(self) -> list[np.ndarray]:
        """Coefficients in the middle of what is possible."""
        result = []
        for coded, minus, known in zip(self.coded, self.minus, self.known, strict=True):
            end = coded + np.where(known, 2**self.plane, 2 ** (self.plane + 1))
            middle = (self.spans.begin(coded) + self.spans.begin(end)) / 2
            result.append(np.where(coded == 0, 0, np.where(minus, -middle, middle)))
        return result


class Stack:
    """The entropy coder's reading side."""

    def __init__(self, data: bytes) -> None:
        self.words = [int.from_bytes(data[at : at + 4], "big") for at in range(0, len(data), 4)]
        while self.words and self.words[-1] == 0:
            self.words.pop()
        self.state = 0
        for _ in range(2):
            self._refill()

    def _refill(self) -> None:
        if self.state < 2**32 and self.words:
            self.state = self.state * 2**32 + self.words.pop()

    def read(self, k: int) -> int:
        zero = (65536 - k) * (2**24 - 2) // 65536 + 1
        v = self.state % 2**24
        symbol = int(v >= zero)
        share, first = (2**24 - zero, zero) if symbol else (zero, 0)
        self.state = (self.state >> 24) * share + v - first
        self._refill()
        return symbol


class Kind:
    """What is known of the refinement, or of the significance, of one array."""

    def __init__(self, table: Sequence[int]) -> None:
        self.table = table
        self.seen, self.expected = [0] * 8, [0] * 8

    def learn(self, coded: Sequence[tuple[int, int]]) -> None:
        for sums in (self.seen, self.expected):
            sums[:] = [total - total // 16 for total in sums]
        for index, bit in coded:
            self.seen[index // 16] += 65536 * bit
            self.expected[index // 16] += self.table[index]

    def probabilities(self) -> list[int]:
        result = []
        for index, k in enumerate(self.table):
            seen, expected = self.seen[index // 16], self.expected[index // 16]
            ratio = 4096 * (seen + 262144) // (expected + 262144)
            ratio = min(max(ratio, 256), 65536)
            result.append(max(1, 65536 * k * ratio // (k * ratio + (65536 - k) * 4096)))
        return result


class Decoder:
    def __init__(
        self,
        shape: tuple[int, int],
        levels: Sequence[bytes],
        network: Network,
        parent_network: ParentNetwork,
        sign_network: SignNetwork,
        probabilities: Sequence[int],
        sign_probabilities: Sequence[int],
        unsigned_scales: int,
    ) -> None:
        rows, columns = shape
        self.scales = max(1, min(7, int(math.log2(min(shape) // 4))))
        sizes = [
            (3, math.ceil(rows / 2 ** (s + 1)), math.ceil(columns / 2 ** (s + 1)))
            for s in range(self.scales)
        ]
        self.sizes = [*sizes, (1, *sizes[-1][1:])]
        even = [(bands, r + r % 2, c + c % 2) for bands, r, c in self.sizes]
        self.words = [np.zeros(size, dtype=np.int64) for size in even]
        self.minus = [np.zeros(size, dtype=bool) for size in even]
        self.known = [np.ones(size, dtype=bool) for size in even]
        first, *rest = levels
        self.step = 2.0 ** (int.from_bytes(first[:2], "big") / 1024 - 32)
        self.offset = int.from_bytes(first[2:4], "big")
        self.plain = first[4] % 2 == 1
        self.dark_sides = first[4] // 2 % 16
        self.spans = Words(first[4] // 32)
        tops = f"{int.from_bytes(first[5:10], 'big'):040b}"
        self.tops = [min(int(tops[5 * n : 5 * n + 5], 2), 24) for n in range(self.scales + 1)]
        streams = [first[10:], *rest]
        self.counts = [int.from_bytes(stream[:4], "big") for stream in streams]
        self.stacks = [Stack(stream[4:]) for stream in streams]
        self.network, self.parent_network = network, parent_network
        self.sign_network = sign_network
        self.unsigned_scales = unsigned_scales
        self.probabilities = [int(k) for k in probabilities]
        self.kinds = [[Kind(self.probabilities) for _ in even] for _ in range(2)]
        self.sign_probabilities = [int(k) for k in sign_probabilities]

    def decode(self) -> Decoded:
        plane = 0
        for plane in reversed(range(max(self.tops))):
            for known, top in zip(self.known, self.tops, strict=True):
                known[:] = top <= plane
            begun = [n for n in reversed(range(len(self.tops))) if self.tops[n] > plane]
            later = []
            if not all(self.significance(number, plane, later) for number in begun):
                break
            if not all(self.group(number, plane, 0, *refined) for number, *refined in later):
                break
        crops = [np.s_[:, :rows, :columns] for _, rows, columns in self.sizes]
        words, minus, known = (
            [array[crop] for array, crop in zip(arrays, crops, strict=True)]
            for arrays in (self.words, self.minus, self.known)
        )
        header = self.step, self.offset, self.plain, self.dark_sides, self.spans
        return Decoded(*header, plane, words, minus, known)

    def significance(self, number: int, plane: int, later: list) -> bool:
        """Decode what becomes non-zero in an array; False where the last level is full."""
        refined, refinement = [], {}
        for places, indices, signs in self.steps(number, plane):
            raster = [at for place in places for at in self.raster(number, place)]
            significance = dict(zip(raster, indices[:, 0].ravel(), strict=True))
            refinement.update(zip(raster, indices[:, 1].ravel(), strict=True))
            sign_indices = None if signs is None else dict(zip(raster, signs.ravel(), strict=True))
            for at in raster:
                move = self.spans.move(int(self.words[number][at]), plane)
                if move is None:
                    self.known[number][at] = True
                elif self.words[number][at]:
                    refined.append(at)
                    refinement[at] = max(0, int(refinement[at]) + move)
                else:
                    significance[at] = max(0, int(significance[at]) + move)
            new = [at for at in raster if not self.words[number][at]]
            new.sort(key=lambda at, of=significance: -int(of[at]))  # stable
            if not self.group(number, plane, 1, new, significance, sign_indices):
                return False
        later.append((number, refined, refinement))
        return True

    def steps(self, number: int, plane: int):
        """Yield places that are coded together, their indices and those of their signs."""
        if number == self.scales:
            yield [0], np.full((1, 2, *self.words[number].shape[1:]), 96), None
            return
        densities = self.densities(number, plane)
        together = 3 if number < 3 else 6
        for first in range(0, 12, together):
            cells = self.cells(number, plane)
            places = range(first, first + together)
            networks = [12 * min(number, 3) + place for place in places]
            indices = np.stack([self.network(cells, densities, which) for which in networks])
            expected = self.parent_network(cells[12:], densities, min(number, 3))[places]
            indices[:, 0] = np.where(nothing_near(cells[:12]), expected, indices[:, 0])
            signs = np.concatenate([self.sign_network(cells, which) for which in networks])
            yield places, indices, signs

    def raster(self, number: int, place: int) -> list[tuple[int, int, int]]:
        _, rows, columns = self.words[number].shape
        if number == self.scales:
            return [(0, row, column) for row in range(rows) for column in range(columns)]
        first, left = PHASES[place // 3]
        return [
            (place % 3, row, column)
            for row in range(first, rows, 2)
            for column in range(left, columns, 2)
        ]

    def coarser(self, scale: int) -> np.ndarray:
        _, rows, columns = self.words[scale].shape
        if scale == self.scales - 1:
            return np.zeros((3, rows // 2, columns // 2), dtype=np.int64)
        return self.words[scale + 1][:, : rows // 2, : columns // 2]

    def coarser_signs(self, scale: int) -> np.ndarray:
        _, rows, columns = self.words[scale].shape
        if scale == self.scales - 1:
            return np.ones((3, rows // 2, columns // 2), dtype=np.int64)
        return np.where(self.minus[scale + 1][:, : rows // 2, : columns // 2], -1, 1)

    def cells(self, scale: int, plane: int) -> np.ndarray:
        channels = []
        for row, column in PHASES:
            for band in range(3):
                values = self.words[scale][band, row::2, column::2]
                signs = np.where(self.minus[scale][band, row::2, column::2], -1, 1)
                channels.append(signs * feature(values >> plane))
        coarser = feature(self.coarser(scale) >> plane) * self.coarser_signs(scale)
        return np.array([*channels, *coarser])

    def densities(self, scale: int, plane: int) -> np.ndarray:
        bands = [*(self.words[scale] >> plane + 1), *(self.coarser(scale) >> plane)]
        shares = [4096 * int(np.count_nonzero(band)) // band.size for band in bands]
        return np.array([sum(entry <= share for entry in SHARES) for share in shares])

    def group(self, number, plane, kind, positions, indices, sign_indices=None) -> bool:
        """Decode bits, and signs of those that become non-zero (kind 1)."""
        kind_of_array = self.kinds[kind][number]
        with_signs = kind == 1 and number >= self.unsigned_scales
        probabilities, coded = kind_of_array.probabilities(), []
        waiting = list(positions)
        while waiting and self.counts:
            here, waiting = waiting[: self.counts[0]], waiting[self.counts[0] :]
            self.counts[0] -= len(here)
            ones = []
            for at in here:
                self.known[number][at] = True
                bit = self.stacks[0].read(probabilities[indices[at]])
                coded.append((indices[at], bit))
                if bit:
                    self.words[number][at] += 2**plane
                    ones.append(at)
            for at in ones if with_signs else []:
                even = sign_indices is None
                k = SIGN if even else self.sign_probabilities[sign_indices[at]]
                self.minus[number][at] = self.stacks[0].read(k) == 1
            if waiting:
                self.counts.pop(0)
                self.stacks.pop(0)
        if coded and not waiting:
            kind_of_array.learn(coded)
        return not waiting


def nothing_near(channels: np.ndarray) -> np.ndarray:
    """Where channels (n, h, w) are 0 in all of the 3 x 3 cells around."""
    _, rows, columns = channels.shape
    around = np.pad(channels, ((0, 0), (1, 1), (1, 1)))
    return np.array(
        [
            [not around[:, row : row + 3, column : column + 3].any() for column in range(columns)]
            for row in range(rows)
        ]
    )


def feature(words: np.ndarray) -> np.ndarray:
    """Feature of words in units of the plane."""
    refinable = np.take(REFINABLE, np.clip((words >> 1) - 1, 0, 14))
    return np.where(words > 1, refinable, 21 * words)


def decode(
    shape: tuple[int, int],
    levels: Sequence[bytes],
    network: Network,
    parent_network: ParentNetwork,
    sign_network: SignNetwork,
    probabilities: Sequence[int],
    sign_probabilities: Sequence[int],
    *,
    unsigned_scales: int = 0,
) -> Decoded:
    """Decode the code bytes of levels 0, 1, … of an image of ``shape``."""
    return Decoder(
        shape,
        levels,
        network,
        parent_network,
        sign_network,
        probabilities,
        sign_probabilities,
        unsigned_scales,
    ).decode()
