"""Sparse codes to bytes of an exact length, and back.

The codes are visited most significant plane first. In a plane, those that were zero so far come
first, from the coarsest scale to the finest, then the next bits of the others, likewise. Bits
(significance or refinement) and, once a magnitude is non-zero, its sign are coded by an asymmetric
numeral system (Duda, arXiv 1311.2540; `constriction`) with probabilities of the context model,
which follow the image (`primis.codec.adaptation`). Likely bits come first, so whatever length the
stream is cut to, the bits that it keeps are those that buy most. Each access level is one such
stream: it goes on where the level below stopped, and stops where its bytes are full. Hence files of
one shape and rate are all equally long, and any bytes of that length are the codes of some image.

docs/format.md, "Code bytes", specifies the streams byte by byte.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar

import constriction
import numpy as np
from numpy.typing import NDArray

from primis.codec.adaptation import AdaptiveTable
from primis.codec.codes import Integers, Mask, SparseCodes
from primis.codec.context import (
    CHANNELS,
    ContextModel,
    Features,
    Indices,
    Positions,
    bordered,
    density,
    feature,
)
from primis.codec.integers import EVEN_ODDS, LARGEST_INDEX, on_one_thread
from primis.codec.layout import BANDS, MAX_SCALES, PLACES, Layout, steps
from primis.codec.spans import Span
from primis.errors import DamagedFileError

MAX_PLANES = 24
WORD = 4
MIN_STREAM_LENGTH = 2 * WORD
_COUNT = struct.Struct(">I")
_HEADER = struct.Struct(">HHB5s")
HEADER_LENGTH = _HEADER.size
COUNT_LENGTH = _COUNT.size
_PLAIN = 1  # flag: coded without the sparsifier
_SIDES_SHIFT = 1  # the next four flags are the sides with a dark rim
_SIDES = 0b1111
_SPAN_SHIFT = 5  # the three highest tell the span
_TOP_BITS = 5
_STEP_UNITS = 1024  # the step is a power of two with this many values per octave
_STEP_BIAS = 32
_CODER_OVERHEAD = 40  # bits that the coder may need beyond the information it carries,
_CODER_LOSS = 2**-12  # and the share of its bytes that its rounding may cost (1.4e-4 measured)

Bits: TypeAlias = NDArray[np.int32]
Costs: TypeAlias = NDArray[np.float64]
Counts: TypeAlias = NDArray[np.int64]
Odds: TypeAlias = NDArray[np.float64] | float  # of a 1, for each symbol or for all
Scalar = TypeVar("Scalar", bound=np.generic)
_LONG = 256  # symbols of one index in a row that are coded as such
_BERNOULLI = constriction.stream.model.Bernoulli(perfect=False)


def encode_step(step: float) -> int:
    """Return the number that stands for the largest representable step not above ``step``."""
    code = int(np.floor((np.log2(step) + _STEP_BIAS) * _STEP_UNITS))
    return max(0, min(2**16 - 1, code))


def decode_step(code: int) -> float:
    """Return the quantiser step that a number from `encode_step` stands for."""
    return float(2.0 ** (code / _STEP_UNITS - _STEP_BIAS))


class _Visit(NamedTuple):
    """A group of coefficients whose next bits come together.

    ``array`` numbers the arrays of the layout; ``positions`` are flat in there, ``indices`` their
    probability indices, ``occurrences`` (128,) how often each is among them, and ``table`` tells
    what they stand for. ``fresh`` ones were zero so far;
    ``sign_indices`` tells how likely they are negative (None: even odds).
    """

    array: int
    plane: int
    positions: Positions
    indices: Indices
    occurrences: Counts
    table: AdaptiveTable
    fresh: bool
    sign_indices: Callable[[Positions], Indices] | None

    def costs(self) -> Costs:
        """Return the bits that a 0 and a 1 takes at each index (2, 128)."""
        return _information(self.table.probabilities)

    def counts(self, ones: Positions | Mask) -> Counts:
        """Count 0s and 1s at each index (2, 128), given which symbols are 1."""
        of_ones = _occurrences(self.indices[ones])
        return np.stack((self.occurrences - of_ones, of_ones))


class _Expectation(NamedTuple):
    """What is likely in some places: the first flat position in there, and indices (places, h, w).

    ``signs`` gives indices of signs from positions; None: even odds.
    """

    start: int
    significance: Indices
    refinement: Indices
    signs: Callable[[Positions], Indices] | None


class _Source(Protocol):
    """Where the symbols of a walk come from: the truth (encoder) or the streams (decoder)."""

    def take(self, visit: _Visit) -> tuple[Bits, Mask]:
        """Give a bit of the magnitudes, and signs (True for minus) of fresh ones.

        Fewer bits than positions mean that the last stream has ended.
        """


class _Walk:
    """The order of coding, shared by encoder and decoder, and what is known so far.

    Arrays are split by place, (places, rows, columns); see `_split`.
    """

    def __init__(
        self, layout: Layout, tops: Sequence[int], span: Span, context: ContextModel
    ) -> None:
        shapes = [_split(np.empty(shape, np.bool_)).shape for shape in layout.shapes]
        self.layout, self.tops, self.span, self.context = layout, tops, span, context
        self.words: list[Integers] = [np.zeros(shape, dtype=np.int32) for shape in shapes]
        self.negative: list[Mask] = [np.zeros(shape, dtype=np.bool_) for shape in shapes]
        self.known: list[Mask] = [np.ones(shape, dtype=np.bool_) for shape in shapes]
        self.plane = 0
        fresh = AdaptiveTable(context.probabilities)
        self._refinement, self._significance = ([copy(fresh) for _ in shapes] for _ in range(2))

    def run(self, source: _Source, lowest: int = 0) -> None:
        """Visit all codes down to plane ``lowest``, or until the source has no more."""
        coarse_first = range(len(self.tops) - 1, -1, -1)
        with on_one_thread():
            for plane in reversed(range(lowest, max(self.tops))):
                self.plane = plane
                for known, top in zip(self.known, self.tops, strict=True):
                    known.fill(top <= plane)
                begun = [array for array in coarse_first if self.tops[array] > plane]
                refinement: list[_Visit] = []
                if not all(self._find(array, source, refinement) for array in begun):
                    return
                if not all(self._code(visit, source) for visit in refinement):
                    return

    def _find(self, array: int, source: _Source, refinement: list[_Visit]) -> bool:
        """Code which coefficients of an array become non-zero; False where the streams end.

        The refinement of those that are already is due later, and added to a list.
        """
        words, known = (arrays[array].reshape(-1) for arrays in (self.words, self.known))
        halves = self.span.halves(self.plane)
        found = []
        for start, significance, refinable, signs in self._expectations(array):
            zero = words[start : start + significance.size] == 0
            old, new = np.flatnonzero(~zero), np.flatnonzero(zero)
            indices, refined = significance.reshape(-1)[new], refinable.reshape(-1)[old]
            old += start
            if halves:
                above = words[old] >> self.plane + 1 & len(halves.coded) - 1
                coded = halves.coded[above]
                known[old[~coded]] = True
                old, refined = old[coded], _moved(refined[coded], halves.shifts[above[coded]])
                indices = _moved(indices, halves.shifts[0])
            found.append((old, refined))
            likely_first = np.argsort(~indices, kind="stable")
            new, indices = new[likely_first] + start, indices[likely_first]
            table = self._significance[array]
            occurrences = _occurrences(indices)
            visit = _Visit(array, self.plane, new, indices, occurrences, table, True, signs)
            if not self._code(visit, source):
                return False
        positions, given = (np.concatenate(parts) for parts in zip(*found, strict=True))
        table = self._refinement[array]
        refinement.append(
            _Visit(array, self.plane, positions, given, _occurrences(given), table, False, None)
        )
        return True

    def _expectations(self, array: int) -> Iterator[_Expectation]:
        """Tell what the context model expects of an array, step by step."""
        if array == self.layout.scales:
            even = np.full(self.words[array].shape, EVEN_ODDS, dtype=np.uint8)
            yield _Expectation(0, even, even, None)
            return
        cells, densities = self._features(array)
        expected = self.context.expected(cells, densities, array)
        words, negative = self.words[array], self.negative[array]
        for step, places in enumerate(steps(array)):
            indices = self.context.indices(cells, densities, array, step, expected)
            signs = partial(self.context.sign_indices, cells, scale=array, step=step)
            yield _Expectation(places.start * words[0].size, *indices, signs)
            now_known = feature(words[places] >> self.plane, negative[places])
            cells[1:-1, 1:-1, places] = now_known.transpose(1, 2, 0)

    def _features(self, scale: int) -> tuple[Features, NDArray[np.float32]]:
        """Return the inputs of the context network before the first step of a plane."""
        words = self.words[scale] >> self.plane
        _, rows, columns = words.shape
        cells = np.zeros((CHANNELS, rows, columns), dtype=np.int8)
        cells[: len(PLACES)] = feature(words, self.negative[scale])
        densities = np.zeros(2 * BANDS, dtype=np.float32)
        densities[:BANDS] = density(_join(words))
        if scale + 1 < self.layout.scales:
            coarser = _join(self.words[scale + 1])[:, :rows, :columns] >> self.plane
            negative = _join(self.negative[scale + 1])[:, :rows, :columns]
            cells[len(PLACES) :] = feature(coarser, negative)
            densities[BANDS:] = density(coarser)
        return bordered(cells), densities

    def _code(self, visit: _Visit, source: _Source) -> bool:
        """Code a group; False where the streams end."""
        if not len(visit.positions):
            return True
        words, negative, known = (
            arrays[visit.array].reshape(-1) for arrays in (self.words, self.negative, self.known)
        )
        bits, minus = source.take(visit)
        done = visit.positions[: len(bits)]
        known[done] = True
        are_ones = np.flatnonzero(bits)
        ones = done[are_ones]
        words[ones] |= 1 << visit.plane
        if visit.fresh:
            negative[ones] = minus
        if len(bits) < len(visit.positions):
            return False
        visit.table.learn(visit.counts(are_ones))
        return True


def _moved(indices: Indices, shifts: NDArray[np.int16]) -> Indices:
    moved: Indices = np.maximum(indices + shifts, 0).astype(np.uint8)
    return moved


def _occurrences(indices: Indices) -> Counts:
    return np.bincount(indices, minlength=LARGEST_INDEX + 1)


def _split(bands: NDArray[Scalar]) -> NDArray[Scalar]:
    """Split three bands by `PLACES`: (12, ceil(rows / 2), ceil(columns / 2)).

    Odd bands are extended by a row or a column of zeros. The one smooth band, extended likewise,
    is one place.
    """
    _, rows, columns = bands.shape
    even = np.pad(bands, ((0, 0), (0, rows % 2), (0, columns % 2)))
    if len(even) != BANDS:
        return even
    return np.stack([even[band, down::2, right::2] for band, down, right in PLACES])


def _join(places: NDArray[Scalar]) -> NDArray[Scalar]:
    """Undo `_split`, leaving the extension."""
    if len(places) != len(PLACES):
        return places
    _, rows, columns = places.shape
    bands = np.empty((BANDS, 2 * rows, 2 * columns), places.dtype)
    for place, (band, down, right) in zip(places, PLACES, strict=True):
        bands[band, down::2, right::2] = place
    return bands


class _Truth:
    """Complete codes, and what each of their bits costs."""

    def __init__(self, codes: SparseCodes, context: ContextModel) -> None:
        self._signed = [_split(bands).reshape(-1) for bands in codes.words()]
        self._words = [np.abs(words) for words in self._signed]
        self.tops = [int(words.max(initial=0)).bit_length() for words in self._words]
        self._context = context

    def _look(self, visit: _Visit) -> tuple[Bits, Positions, Mask]:
        """Return the bits of a group, where they are 1, and which of those are negative."""
        bits = self._words[visit.array][visit.positions] >> visit.plane & 1
        ones = np.flatnonzero(bits)
        return bits, ones, self._signed[visit.array][visit.positions[ones]] < 0


def _information(odds: NDArray[np.float64]) -> Costs:
    """Bits that each 0 and then each 1 tells, (2, n), from the odds (n,) of a 1."""
    return -np.log2(np.stack((1 - odds, odds)))


def _fitting(costs: Costs, room: float) -> tuple[int, float]:
    """Return how many of the first ``costs`` find room, and what they take."""
    total = np.cumsum(costs)
    fits = int(np.searchsorted(total, room, side="right"))
    return fits, float(total[fits - 1]) if fits else 0.0


def _sign_odds(visit: _Visit, positions: Positions, context: ContextModel) -> NDArray[np.float64]:
    if visit.sign_indices is None or not len(positions):
        return np.full(len(positions), 0.5)
    odds: NDArray[np.float64] = context.sign_probabilities[visit.sign_indices(positions)]
    return odds


class _Run(NamedTuple):
    """Symbols that are coded one after the other."""

    symbols: Bits | Mask
    odds: Odds


def _model(odds: Odds) -> tuple[Any, ...]:
    """Return the arguments by which `constriction` knows the odds of symbols, or of each."""
    if isinstance(odds, float):
        return (constriction.stream.model.Bernoulli(odds, perfect=False),)
    return _BERNOULLI, odds


def _stretches(visit: _Visit, part: slice) -> Iterator[tuple[slice, Odds]]:
    """Split a part of a group where many symbols in a row have one index; give the odds of a 1.

    Nine symbols in ten are in quiet places, and each kind of these has one index. With one
    probability for all of them, the coder is several times as fast.
    """
    odds, done = visit.table.probabilities, part.start
    if visit.fresh:  # in the order of their indices
        counts = visit.occurrences[::-1]
        ends = np.cumsum(counts)
        for kind in np.flatnonzero(counts >= _LONG):
            start, stop = max(done, ends[kind] - counts[kind]), min(ends[kind], part.stop)
            if start < stop:
                if done < start:
                    yield slice(done, start), odds[visit.indices[done:start]]
                yield slice(start, stop), float(odds[len(odds) - 1 - kind])
                done = stop
    if done < part.stop:
        yield slice(done, part.stop), odds[visit.indices[done : part.stop]]


class _Writer(_Truth):
    """The encoder's source: true symbols, dealt out to streams of a given size each."""

    def __init__(
        self,
        codes: SparseCodes,
        lengths: Sequence[int],
        context: ContextModel,
        unsigned_scales: int,
    ) -> None:
        super().__init__(codes, context)
        self._unsigned_scales = unsigned_scales
        self._rooms = [8.0 * length * (1 - _CODER_LOSS) - _CODER_OVERHEAD for length in lengths]
        self._level = 0
        self.bits = np.zeros(MAX_PLANES)
        self.counts = [0] * len(lengths)
        self._runs: list[list[_Run]] = [[] for _ in lengths]

    def take(self, visit: _Visit) -> tuple[Bits, Mask]:
        """Deal the symbols out; see `_Source`."""
        bits, ones, minus = self._look(visit)
        costs = visit.costs()
        sign_odds, sign_costs = np.zeros(0), np.zeros(0)
        if with_signs := visit.fresh and visit.array >= self._unsigned_scales:
            sign_odds = _sign_odds(visit, visit.positions[ones], self._context)
            sign_costs = -np.log2(np.where(minus, sign_odds, 1 - sign_odds))
        total = float((visit.counts(ones) * costs).sum() + sign_costs.sum())
        self.bits[visit.plane] += total
        done = 0
        while done < len(bits) and self._level < len(self._rooms):
            if total <= self._rooms[self._level]:
                fits, spent = len(bits) - done, total
            else:
                each = costs[bits[done:], visit.indices[done:]]
                if with_signs:
                    left = ones >= done
                    each[ones[left] - done] += sign_costs[left]
                fits, spent = _fitting(each, self._rooms[self._level])
            if fits:
                stretches = _stretches(visit, slice(done, done + fits))
                runs = self._runs[self._level]
                runs += [_Run(bits[stretch], odds) for stretch, odds in stretches]
                if with_signs:
                    part = slice(*np.searchsorted(ones, (done, done + fits)))
                    runs.append(_Run(minus[part], sign_odds[part]))
                self.counts[self._level] += fits
                self._rooms[self._level] -= spent
                total -= spent
                done += fits
            if done < len(bits):
                self._level += 1
        return bits[:done], minus[ones < done]

    def stream(self, level: int, length: int) -> bytes:
        """Return the coded symbols of ``level``, zero words behind, ``length`` bytes in all."""
        coder = constriction.stream.stack.AnsCoder()
        for run in reversed(self._runs[level]):
            if len(run.symbols):
                coder.encode_reverse(run.symbols.astype(np.int32, copy=False), *_model(run.odds))
        words: bytes = coder.get_compressed().astype(">u4").tobytes()
        assert len(words) <= length, "the coder's overhead exceeds what was set aside for it"
        return words.ljust(length, b"\0")


class _Meter(_Truth):
    """A source that counts what coding all of the truth takes."""

    def __init__(self, codes: SparseCodes, context: ContextModel) -> None:
        super().__init__(codes, context)
        self._sign_costs = _information(context.sign_probabilities)
        self.bits = np.zeros((max(self.tops), len(self._words)))
        self.symbols = np.zeros((len(context.probabilities), 2), dtype=np.int64)
        self.signs = np.zeros((len(context.sign_probabilities), 2), dtype=np.int64)

    def take(self, visit: _Visit) -> tuple[Bits, Mask]:
        """Give the truth; see `_Source`."""
        bits, ones, minus = self._look(visit)
        counts = visit.counts(ones)
        total = (counts * visit.costs()).sum()
        if visit.array < len(self._words) - 1:
            self.symbols += counts.T
        if visit.fresh and visit.sign_indices is None:
            total += len(ones)
        elif visit.sign_indices is not None and len(ones):
            signs, given = minus.astype(np.intp), visit.sign_indices(visit.positions[ones])
            total += self._sign_costs[signs, given].sum()
            np.add.at(self.signs, (given, signs), 1)
        self.bits[visit.plane, visit.array] += total
        return bits, minus


class _Streams:
    """The decoder's source: one stream after the other."""

    def __init__(
        self, streams: Sequence[bytes], context: ContextModel, unsigned_scales: int
    ) -> None:
        self._context = context
        self._unsigned_scales = unsigned_scales
        self._counts = [_COUNT.unpack_from(stream)[0] for stream in streams]
        self._coders = [_coder(stream[COUNT_LENGTH:]) for stream in streams]
        self._level = 0

    def take(self, visit: _Visit) -> tuple[Bits, Mask]:
        """Decode the next symbols; see `_Source`."""
        with_signs = visit.fresh and visit.array >= self._unsigned_scales
        bits = np.empty(len(visit.positions), dtype=np.int32)
        signs = []
        done = 0
        while done < len(bits) and self._level < len(self._counts):
            part = slice(done, min(len(bits), done + self._counts[self._level]))
            coder = self._coders[self._level]
            for stretch, odds in _stretches(visit, part):
                count = () if isinstance(odds, np.ndarray) else (stretch.stop - stretch.start,)
                bits[stretch] = coder.decode(*_model(odds), *count)
            ones = visit.positions[part][bits[part] == 1]
            if with_signs and len(ones):
                sign_odds = _sign_odds(visit, ones, self._context)
                signs.append(coder.decode(_BERNOULLI, sign_odds))
            self._counts[self._level] -= part.stop - part.start
            done = part.stop
            if done < len(bits):
                self._level += 1
        bits = bits[:done]
        if with_signs:
            minus = np.concatenate(signs) == 1 if signs else np.zeros(0, dtype=np.bool_)
        else:
            minus = np.zeros(int(bits.sum()), dtype=np.bool_)
        return bits, minus


def _coder(stream: bytes) -> constriction.stream.stack.AnsCoder:
    words = np.frombuffer(stream, dtype=">u4").astype(np.uint32)
    # The last word is the top of the coder's state, never zero; zeros behind it fill the stream up.
    return constriction.stream.stack.AnsCoder(np.trim_zeros(words, "b"))


def minimum_length(level: int) -> int:
    """Smallest number of bytes that `encode` can fill at ``level``."""
    return (HEADER_LENGTH if level == 0 else 0) + COUNT_LENGTH + MIN_STREAM_LENGTH


def usable_length(level: int, length: int) -> int:
    """Return the largest length not above ``length`` that `encode` accepts at ``level``."""
    fixed = minimum_length(level) - MIN_STREAM_LENGTH
    return fixed + (length - fixed) // WORD * WORD


class Written(NamedTuple):
    """Coded levels, and the bits of all that was begun: ``bits`` (24,), of plane 0 first."""

    bodies: list[bytes]
    bits: Costs


def encode(
    codes: SparseCodes,
    lengths: Sequence[int],
    context: ContextModel,
    *,
    unsigned_scales: int = 0,
) -> Written:
    """Code as much of ``codes`` as fits into levels of exactly the given lengths.

    Parameters
    ----------
    codes
        Complete codes (plane 0 known everywhere).
    lengths
        Bytes of each level, lowest first, as `usable_length` returns them.
    context
        The model bundle's context model.
    unsigned_scales
        Leave out the signs of so many of the finest scales (ambiguation publishes them).

    Returns
    -------
    Written
        One body per level, of the lengths asked for, and what planes take.

    Raises
    ------
    ValueError
        If a length is not usable or a word has more than 24 bits.
    """
    for level, length in enumerate(lengths):
        if length < minimum_length(level) or length != usable_length(level, length):
            raise ValueError(f"level {level} cannot have a length of {length} bytes")
    rooms = [
        length - minimum_length(level) + MIN_STREAM_LENGTH for level, length in enumerate(lengths)
    ]
    writer = _Writer(codes, rooms, context, unsigned_scales)
    if max(writer.tops) > MAX_PLANES:
        raise ValueError(f"a word has more than {MAX_PLANES} bits")
    _Walk(codes.layout, writer.tops, codes.span, context).run(writer)
    bodies = [
        _COUNT.pack(writer.counts[level]) + writer.stream(level, room)
        for level, room in enumerate(rooms)
    ]
    flags = codes.dark_sides << _SIDES_SHIFT | (0 if codes.sparsified else _PLAIN)
    flags |= codes.span.code << _SPAN_SHIFT
    header = _HEADER.pack(encode_step(codes.step), codes.offset, flags, _pack_tops(writer.tops))
    return Written([header + bodies[0], *bodies[1:]], writer.bits)


def _pack_tops(tops: Sequence[int]) -> bytes:
    """Five bits each, the first in the highest; zeros for scales that the image has not."""
    packed = 0
    for top in [*tops, *[0] * (MAX_SCALES + 1 - len(tops))]:
        packed = packed << _TOP_BITS | top
    return packed.to_bytes(_TOP_BITS * (MAX_SCALES + 1) // 8, "big")


def _unpack_tops(data: bytes, count: int) -> list[int]:
    packed = int.from_bytes(data, "big")
    shifts = [_TOP_BITS * (MAX_SCALES - number) for number in range(count)]
    return [min(packed >> shift & 2**_TOP_BITS - 1, MAX_PLANES) for shift in shifts]


def decode(
    layout: Layout, bodies: Sequence[bytes], context: ContextModel, *, unsigned_scales: int = 0
) -> SparseCodes:
    """Read the codes that the levels 0 to ``len(bodies) - 1`` hold.

    Coefficients whose signs were left out come back as positive.

    Any bytes are the codes of some image; only a length that `encode` never writes is refused.

    Raises
    ------
    DamagedFileError
        If a body has no usable length.
    """
    for level, body in enumerate(bodies):
        if len(body) < minimum_length(level) or len(body) != usable_length(level, len(body)):
            raise DamagedFileError(
                f"level {level} has {len(body)} bytes of codes, an unusable length"
            )
    step, offset, flags, packed_tops = _HEADER.unpack_from(bodies[0])
    tops = _unpack_tops(packed_tops, len(layout.shapes))
    streams = [bodies[0][HEADER_LENGTH:], *bodies[1:]]
    span = Span(flags >> _SPAN_SHIFT)
    walk = _Walk(layout, tops, span, context)
    walk.run(_Streams(streams, context, unsigned_scales))
    crops = [np.s_[:, :rows, :columns] for _, rows, columns in layout.shapes]
    return SparseCodes(
        layout=layout,
        step=decode_step(step),
        offset=offset,
        values=tuple(
            span.values(_join(np.where(negative, -words, words))[crop])
            for words, negative, crop in zip(walk.words, walk.negative, crops, strict=True)
        ),
        plane=walk.plane,
        known=tuple(_join(known)[crop] for known, crop in zip(walk.known, crops, strict=True)),
        sparsified=not flags & _PLAIN,
        dark_sides=flags >> _SIDES_SHIFT & _SIDES,
        span=span,
    )


@dataclass(frozen=True, eq=False)
class Statistics:
    """What coding all of some codes takes.

    Parameters
    ----------
    bits
        (planes, scales + 1): information of each plane (0 the lowest) in each scale, finest
        first, then in the smooth band; signs included. 0 where planes were not measured.
    symbols
        (128, 2): how often a symbol coded at each probability index was 0 and 1.
    signs
        (128, 2): how often a sign coded at each index was plus and minus.
    """

    bits: NDArray[np.float64]
    symbols: NDArray[np.int64]
    signs: NDArray[np.int64]


def measure(codes: SparseCodes, context: ContextModel, *, lowest: int = 0) -> Statistics:
    """Count bits and symbols of complete codes, from plane ``lowest`` on, without writing them."""
    meter = _Meter(codes, context)
    _Walk(codes.layout, meter.tops, codes.span, context).run(meter, lowest)
    return Statistics(meter.bits, meter.symbols, meter.signs)
