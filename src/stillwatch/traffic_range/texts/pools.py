"""Pools of real sentences, of which new texts are composed by the column: nobody's text, in everybody's words.

A new text has the build of a real one: as many sentences, of the same kinds and about the same lengths, each of them
taken from another text of the same language and topic, and in each of them words, names and numbers that others have
in such a place. All of it is laid down in arrays once, so that a text costs a few microseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch.traffic_range.strings import Bytes, Ints, bytes_of, texts_of
from stillwatch.traffic_range.texts.sentences import opened

Floats = npt.NDArray[np.float64]

WIDE = 24
"""The topic of a text that may be about anything, behind the 24."""

N_TOPICS = WIDE + 1

KINDS = 5
"""Kinds of sentences."""

ENOUGH = 80
"""Sentences of a kind that a topic needs, to be drawn from by itself."""

ENOUGH_TEXTS = 25

SPREAD = 0.08
"""How far a sentence's length may be from that in whose place it stands, as a share of all lengths in order."""

BITS = 40.0
"""What a text must have drawn, so that no two are one by accident among millions."""

MOST_SENTENCES = 12


class Vocabulary:
    """Pieces of texts, and for every kind of open place the words that were found in such places."""

    def __init__(self) -> None:
        self._pieces: dict[str, int] = {}
        self._kinds: dict[tuple[int, str], int] = {}
        self._found: list[tuple[int, int, int]] = []

    def piece(self, text: str) -> int:
        """The number of a piece of text."""
        return self._pieces.setdefault(text, len(self._pieces))

    def open(self, sentence: str, language: int, topic: int, common: frozenset[str]) -> list[int]:
        """The pieces of a sentence: a number from 0 for what stays, -1 - kind for an open place."""
        out = []
        for kind, text in opened(sentence, common):
            if not kind:
                out.append(self.piece(text))
                continue
            number = self._kinds.setdefault((language, kind), len(self._kinds))
            if kind[0] != "#":
                self._found.append((number, topic, self.piece(text)))
            out.append(-1 - number)
        return out

    def close(self) -> Fillers:
        """All pieces and words, in arrays. Numbers are any of as many digits."""
        dice = np.random.default_rng(20)
        for (_, kind), number in self._kinds.items():
            if kind[0] == "#":
                digits = int(kind[1:])
                drawn = dice.integers(2 if digits == 1 else 10 ** (digits - 1), 10**digits, 8 if digits == 1 else 2000)
                self._found += [(number, WIDE, self.piece(str(one))) for one in drawn.tolist()]
        found = np.array(self._found, np.int64).reshape(-1, 3)
        found = found[np.lexsort((found[:, 2], found[:, 1], found[:, 0]))]
        n = len(self._kinds)
        cell = found[:, 0] * N_TOPICS + found[:, 1]
        bounds = np.searchsorted(cell, np.arange(n * N_TOPICS + 1))
        start, count = bounds[:-1].reshape(n, N_TOPICS), np.diff(bounds).reshape(n, N_TOPICS)
        whole_start, whole = bounds[:-1:N_TOPICS], np.diff(bounds[::N_TOPICS])
        few = count < ENOUGH // 2
        bits = np.zeros((n, N_TOPICS))
        for number in range(n):
            whole_bits = _collision_bits(np.sort(found[whole_start[number] : whole_start[number] + whole[number], 2]))
            for topic in range(N_TOPICS):
                first = start[number, topic]
                bits[number, topic] = (
                    whole_bits
                    if few[number, topic]
                    else _collision_bits(found[first : first + count[number, topic], 2])
                )
        data, offsets = bytes_of(pa.array(list(self._pieces), pa.string()))
        return Fillers(
            data,
            offsets,
            found[:, 2].copy(),
            np.where(few, whole_start[:, None], start),
            np.where(few, whole[:, None], count),
            bits,
        )


def _collision_bits(words: Ints) -> float:
    """How many bits a draw is worth against another draw's being the same."""
    if len(words) < 2:
        return 0.0
    # They are in order.
    runs = np.diff(np.flatnonzero(np.concatenate([[True], words[1:] != words[:-1], [True]])))
    return float(2 * np.log2(len(words)) - np.log2((runs.astype(float) ** 2).sum()))


@dataclass(frozen=True, slots=True)
class Fillers:
    """Pieces of texts as bytes, and the words of open places.

    words: numbers of pieces, those of a kind and topic together: start, count, and bits of a draw.
    """

    data: Bytes
    offsets: Ints
    words: Ints
    start: Ints
    count: Ints
    bits: Floats


@numba.njit(cache=True, nogil=True)
def _choose(
    row_of: Ints, gap: Ints, sentence: Ints, topic: Ints, begin: Ints, sizes: Ints, entries: Ints, dice: Floats,
    words: Ints, start: Ints, count: Ints, offsets: Ints, out: Ints, length: Ints,
) -> None:  # fmt: skip
    """The piece in each place of all texts, and how many bytes each text has."""
    at, hole = 0, 0
    for i in range(len(sentence)):
        row = row_of[i]
        out[at] = gap[i]
        length[row] += offsets[gap[i] + 1] - offsets[gap[i]]
        at += 1
        for place in range(begin[sentence[i]], begin[sentence[i]] + sizes[sentence[i]]):
            piece = entries[place]
            if piece < 0:
                kind, about = -1 - piece, topic[row]
                piece = words[start[kind, about] + int(dice[hole] * count[kind, about])]
                hole += 1
            out[at] = piece
            length[row] += offsets[piece + 1] - offsets[piece]
            at += 1


@numba.njit(cache=True, nogil=True)
def _copy(pieces: Ints, data: Bytes, offsets: Ints, out: Bytes) -> None:
    """All pieces, one behind the other."""
    at = 0
    for i in range(len(pieces)):
        for k in range(offsets[pieces[i]], offsets[pieces[i] + 1]):
            out[at] = data[k]
            at += 1


@dataclass(frozen=True, slots=True)
class Text:
    """A real text, cut: its language and topic, and each sentence's gap before it, pieces, kind and length."""

    language: int
    topic: int
    sentences: list[tuple[str, list[int], int, int]]


class Pool:
    """Sentences and builds of texts of one use."""

    def __init__(self, texts: Sequence[Text], vocabulary: Vocabulary, n_languages: int = 10):
        entries: list[int] = []
        sizes, kinds, lengths, cells, gaps, owners = [], [], [], [], [], []
        places: dict[tuple[int, tuple[int, ...]], int] = {}
        drawn_from: list[bool] = []
        for number, text in enumerate(texts):
            for gap, pieces, kind, length in text.sentences[:MOST_SENTENCES]:
                # What many texts have word for word is drawn as often as any other sentence.
                key = (text.language * N_TOPICS + text.topic, tuple(pieces))
                drawn_from.append(places.setdefault(key, len(drawn_from)) == len(drawn_from))
                entries += pieces
                sizes.append(len(pieces))
                kinds.append(kind)
                lengths.append(length)
                cells.append(text.language * N_TOPICS + text.topic)
                gaps.append(vocabulary.piece(gap))
                owners.append(number)
        self._entries, self._sizes = np.array(entries, np.int64), np.array(sizes, np.int64)
        self._begin = np.cumsum(self._sizes) - self._sizes
        opened = np.concatenate([[0], np.cumsum(self._entries < 0)])
        self._holes = opened[self._begin + self._sizes] - opened[self._begin]
        self._kind, self._gap = np.array(kinds, np.int64), np.array(gaps, np.int64)
        long, cell = np.array(lengths, np.int64), np.array(cells, np.int64)
        n_cells = n_languages * N_TOPICS
        self._member, self._start, self._count = _groups(
            cell * KINDS + self._kind, n_cells, KINDS, long, ENOUGH, np.flatnonzero(drawn_from)
        )
        # A sentence's place among all of its language and kind, by length.
        wide = (cell // N_TOPICS) * KINDS + self._kind
        order = np.lexsort((long, wide))
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        bounds = np.searchsorted(wide[order], np.arange(n_languages * KINDS + 1))
        self._rank = (place - bounds[wide] + 0.5) / np.maximum(np.diff(bounds)[wide], 1)
        self._first = np.searchsorted(np.array(owners, np.int64), np.arange(len(texts)))
        self._n_sentences = np.bincount(np.array(owners, np.int64), minlength=len(texts))
        build = np.array([text.language * N_TOPICS + text.topic for text in texts], np.int64)
        self._builds, self._build_start, self._build_count = _groups(
            build, n_cells, 1, self._n_sentences, ENOUGH_TEXTS, np.arange(len(texts))
        )
        self._bits: npt.NDArray[np.float32] | None = None
        self._apart = [vocabulary.piece(" "), vocabulary.piece("")]

    def sentences_of(self, language: int) -> int:
        """How many sentences there are of a language."""
        cell = (language * N_TOPICS + WIDE) * KINDS
        return int(self._count[cell : cell + KINDS].sum())

    def count(self, cell: Ints, kind: int) -> Ints:
        """How many sentences of a kind there are to draw from, for language and topic."""
        return self._count[cell * KINDS + kind]

    def compose(
        self,
        rng: np.random.Generator,
        fillers: Fillers,
        language: Ints,
        topic: Ints,
        *,
        most: int = MOST_SENTENCES,
        bits: float = BITS,
    ) -> pa.StringArray:
        """A text a row. most: sentences.  bits: that each has at least, more sentences where the build has too few."""
        n = len(language)
        if n == 0:
            return pa.array([], pa.string())
        cell = language * N_TOPICS + topic
        build = self._builds[self._build_start[cell] + _draw(rng, self._build_count[cell])]
        many = np.minimum(self._n_sentences[build], most)
        row, place = _ragged(many)
        old = self._first[build][row] + place
        gap = np.where(place == 0, self._apart[1], self._gap[old])
        new, drawn_bits = self.pick(rng, fillers, cell[row], self._kind[old], self._rank[old], topic[row])
        rows, gaps, chosen = [row], [gap], [new]
        have: Floats = np.bincount(row, drawn_bits, n).astype(float)
        dense = np.isin(language, (1, 7))
        for _ in range(6):
            short = np.flatnonzero(have < bits)
            if not len(short):
                break
            # No longer than sentences of the text itself.
            more, more_bits = self.pick(
                rng,
                fillers,
                cell[short],
                np.zeros(len(short), np.int64),
                self._rank[self._first[build[short]]],
                topic[short],
            )
            rows.append(short)
            gaps.append(np.where(dense[short], self._apart[1], self._apart[0]))
            chosen.append(more)
            have[short] += more_bits
        row, gap, new = np.concatenate(rows), np.concatenate(gaps), np.concatenate(chosen)
        order = np.argsort(row, kind="stable")
        row, gap, new = row[order], gap[order], new[order]
        return self._write(rng, fillers, row, gap, new, topic, n)

    def sentences(
        self, rng: np.random.Generator, fillers: Fillers, cell: Ints, kind: Ints, topic: Ints
    ) -> pa.StringArray:
        """One sentence a row, of any length. cell: where it is from; topic: of the words in its open places."""
        new, _ = self.pick(rng, fillers, cell, kind, None, topic)
        n = len(cell)
        return self._write(rng, fillers, np.arange(n), np.full(n, self._apart[1]), new, topic, n)

    def pick(
        self, rng: np.random.Generator, fillers: Fillers, cell: Ints, kind: Ints, rank: Floats | None, topic: Ints
    ) -> tuple[Ints, Floats]:
        """(sentence, bits drawn with it) a row, of a kind, and of about a length."""
        group = cell * KINDS + kind
        # Where a language has no sentence of a kind, a statement or any other stands in.
        for other in range(KINDS):
            none = self._count[group] == 0
            if not none.any():
                break
            group = np.where(none, cell * KINDS + other, group)
        count = self._count[group]
        drawn = rng.random(len(group))
        if rank is not None:
            drawn = np.clip(rank - SPREAD, 0, 1 - 2 * SPREAD) + 2 * SPREAD * drawn
        width = count if rank is None else count * 2 * SPREAD
        new = self._member[self._start[group] + (drawn * count).astype(np.int64)]
        return new, np.log2(np.maximum(width, 1)) + self._worth(fillers)[new, topic]

    def _worth(self, fillers: Fillers) -> npt.NDArray[np.float32]:
        """Bits of a sentence's open places, by topic."""
        if self._bits is None:
            out = np.zeros((len(self._sizes), N_TOPICS), np.float32)
            hole = np.flatnonzero(self._entries < 0)
            owner = np.repeat(np.arange(len(self._sizes)), self._sizes)[hole]
            for topic in range(N_TOPICS):
                out[:, topic] = np.bincount(owner, fillers.bits[-1 - self._entries[hole], topic], len(self._sizes))
            self._bits = out
        return self._bits

    def _write(
        self, rng: np.random.Generator, fillers: Fillers, row: Ints, gap: Ints, sentence: Ints, topic: Ints, n: int
    ) -> pa.StringArray:
        length = np.zeros(n, np.int64)
        pieces = np.empty(int(self._sizes[sentence].sum()) + len(sentence), np.int64)
        dice = rng.random(int(self._holes[sentence].sum()))
        _choose(
            row, gap, sentence, topic, self._begin, self._sizes, self._entries, dice, fillers.words, fillers.start,
            fillers.count, fillers.offsets, pieces, length,
        )  # fmt: skip
        offsets = np.concatenate([[0], np.cumsum(length)])
        out = np.empty(max(int(offsets[-1]), 1), np.uint8)
        _copy(pieces, fillers.data, fillers.offsets, out)
        return texts_of(out, offsets)


def _groups(cell: Ints, n_cells: int, kinds: int, size: Ints, enough: int, some: Ints) -> tuple[Ints, Ints, Ints]:
    """(members, start, count) of cells (language, topic, kind), by size.

    some: rows that are members.  A topic with too few has all of its language's.
    """
    n = n_cells * kinds
    topic, language, kind = cell // kinds % N_TOPICS, cell // kinds // N_TOPICS, cell % kinds
    anywhere = (language * N_TOPICS + WIDE) * kinds + kind
    inside = some[topic[some] != WIDE]
    row = np.concatenate([inside, some])
    of = np.concatenate([cell[inside], anywhere[some]])
    order = np.lexsort((size[row], of))
    member = row[order]
    bounds = np.searchsorted(of[order], np.arange(n + 1))
    start, count = bounds[:-1], np.diff(bounds)
    number = np.arange(n)
    wide = (number // kinds // N_TOPICS * N_TOPICS + WIDE) * kinds + number % kinds
    few = count < enough
    return member, np.where(few, start[wide], start), np.where(few, count[wide], count)


def _ragged(sizes: Ints) -> tuple[Ints, Ints]:
    """(row, place in the row) of all entries of rows of some sizes."""
    row = np.repeat(np.arange(len(sizes)), sizes)
    return row, np.arange(len(row)) - np.repeat(np.cumsum(sizes) - sizes, sizes)


def _draw(rng: np.random.Generator, count: Ints) -> Ints:
    return (rng.random(len(count)) * count).astype(np.int64)
