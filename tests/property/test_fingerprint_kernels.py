"""Every fingerprint kernel against a plain, slow oracle that is written from the description and shares no code."""

from __future__ import annotations

import itertools
import random
import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stillwatch.fingerprint.hashing import first_rows, hash_lists, hash_sets, hash_strings, hash_text, texts_of
from stillwatch.fingerprint.markers import MARKERS, Marker, marker_table
from stillwatch.fingerprint.record import SCRIPTS, _prompt_columns, _system_columns, _word_hashes, likeness, sketch
from stillwatch.fingerprint.words import SEGMENT, WORD_BYTES, word_hashes

M = 2**64 - 1
SEED, PRIME, BASE = 0x9E3779B97F4A7C15, 0x9DDFEA08EB382D69, 0xD6E8FEB86659FD93
MIX_1, MIX_2 = 0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53


def mix(h: int) -> int:
    h ^= h >> 33
    h = h * MIX_1 & M
    h ^= h >> 33
    h = h * MIX_2 & M
    return h ^ h >> 33


def word_hash(word: bytes) -> int:
    h = SEED
    for i in range(0, len(word), 8):
        h = (h ^ int.from_bytes(word[i : i + 8], "little")) * PRIME & M
        h ^= h >> 29
    return h


def sequence_hash(words: list[int]) -> int:
    h = SEED
    for word in words:
        h = (h ^ word) * PRIME & M
        h ^= h >> 32
    return mix(h ^ len(words))


ALONE = (
    (0xE00, 0xEFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3040, 0x30FF), (0x31F0, 0x31FF), (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xF900, 0xFAFF), (0x20000, 0x3FFFF), (0xFF66, 0xFF9F),
)  # fmt: skip
BETWEEN = (
    (0x80, 0xA9), (0xAB, 0xB4), (0xB6, 0xB9), (0xBB, 0xBF), (0xD7, 0xD7), (0xF7, 0xF7), (0x60C, 0x60C), (0x61B, 0x61B),
    (0x61F, 0x61F), (0x2000, 0x206F), (0x3000, 0x3004), (0x3006, 0x303F), (0xFF00, 0xFF0F), (0xFF1A, 0xFF20),
    (0xFF3B, 0xFF40), (0xFF5B, 0xFF65),
)  # fmt: skip


def characters(text: bytes) -> list[tuple[bytes, int]]:
    """Bytes and code point of each character; -1 for a byte that is no UTF-8."""
    out, at = [], 0
    while at < len(text):
        for length in (1, 2, 3, 4):
            try:
                out.append((text[at : at + length], ord(text[at : at + length].decode())))
                at += length
                break
            except (UnicodeDecodeError, TypeError):
                continue
        else:
            out.append((text[at : at + 1], -1))
            at += 1
    return out


def split_words(text: bytes) -> list[bytes]:
    words: list[bytes] = []
    run = b""
    for content, code in characters(text):
        if code == -1 or (code < 128 and re.match(rb"\w", content)):
            run += content.lower()
        elif code >= 128 and any(a <= code <= b for a, b in ALONE):
            words += [run, content]
            run = b""
        elif code < 128 or any(a <= code <= b for a, b in BETWEEN):
            words.append(run)
            run = b""
        else:
            run += content
    words.append(run)
    return [w[i : i + WORD_BYTES] for w in words for i in range(0, len(w), WORD_BYTES)]


def mould_words(words: list[bytes]) -> list[bytes]:
    folded = [re.sub(rb"[0-9]+", b"0", word) for word in words]
    return [w for i, w in enumerate(folded) if w != b"0" or i == 0 or folded[i - 1] != b"0"]


def shingles(mould: list[bytes]) -> set[int]:
    hashes = [word_hash(w) for w in mould]
    groups = [hashes[i : i + 5] for i in range(len(hashes) - 4)] or ([hashes] if hashes else [])
    return {sum(h * pow(BASE, len(group) - 1 - i, 2**64) for i, h in enumerate(group)) & M for group in groups}


def oracle_sketch(text: bytes) -> list[int]:
    smallest: dict[int, int] = {}
    for s in shingles(mould_words(split_words(text))):
        g = (s ^ s >> 32) * MIX_1 & M
        g ^= g >> 29
        smallest[g >> 57] = min(smallest.get(g >> 57, M), g & 0xFFFFFFFF)
    return [1 + ((smallest[i] & 0xFFFF) * 255 >> 16) if i in smallest else 0 for i in range(128)]


def oracle_chunks(text: bytes) -> list[int]:
    hashes = [word_hash(w) for w in mould_words(split_words(text))]
    found, start, chunk, before = [], 0, SEED, 0
    for i, h in enumerate(hashes):
        pair = (before * BASE + h) * MIX_2 & M
        pair = (pair ^ pair >> 32) * MIX_1 & M
        before = h
        chunk = (chunk * BASE + h) & M
        size = i + 1 - start
        if size >= 3 and (pair < 2**64 // 5 or size == 24):
            found.append((start, mix(chunk)))
            start, chunk = i + 1, SEED
    if start < len(hashes):
        found.append((start, mix(chunk)))
    pick = lambda values, n: (sorted(set(values))[:n] + [0] * n)[:n]  # noqa: E731
    return (
        pick([c for s, c in found if s < 64], 4)
        + pick([c for s, c in found if s >= len(hashes) - 64], 4)
        + pick([c for _, c in found], 8)
    )


def oracle_projection(text: bytes) -> list[int]:
    sums = [0] * 64
    mould = mould_words(split_words(text))
    lengths = mould_lengths(text)
    before = 0
    for i, word in enumerate(mould):
        h = word_hash(word)
        features = [(h * MIX_2 & M, 2 if lengths[i] >= 5 else 1)]
        if i:
            pair = (before * BASE + h) * MIX_2 & M
            features.append(((pair ^ pair >> 32) * MIX_1 & M, 1))
        before = h
        for feature, weight in features:
            for quarter in range(4):
                code = feature >> 59 - 5 * quarter & 31
                sums[16 * quarter + code % 16] += weight if code >= 16 else -weight
    total = sum(map(abs, sums))
    scale = 127 / np.sqrt(float(total)) if total else 0.0
    return [int(np.rint(np.sqrt(float(abs(s))) * scale)) * (1 if s >= 0 else -1) for s in sums]


def mould_lengths(text: bytes) -> list[int]:
    """Lengths, before folding, of the words that the mould keeps."""
    words = split_words(text)
    folded = [re.sub(rb"[0-9]+", b"0", word) for word in words]
    return [len(words[i]) for i, w in enumerate(folded) if w != b"0" or i == 0 or folded[i - 1] != b"0"]


def signed(h: int) -> int:
    return h - 2**64 if h >= 2**63 else h


PIECES = st.sampled_from(
    [
        b"the", b"quick ", b"Brown ", b"fox-", b"12", b" 3.5", b"x1y22", b"\n", b"\x00", b"\xff", b"\xc3", b"\xe4\xb8",
        "中".encode(), "文字".encode(), "，".encode(), "étude".encode(), "Привет ".encode(), "😀".encode(), "ไทย".encode(),  # noqa: E501
        "한글".encode(), "カナ".encode(), b"_a", b"step by step", b"```", b"{ \"a\"", b"<b>", b"?", b" ", "\u2019".encode(),  # noqa: E501
        b"abcdefgh", b"abcdefghi", "\u00a0".encode(), b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\x80", "々".encode(),
    ]
)  # fmt: skip
BYTES = st.one_of(
    st.binary(max_size=300),
    st.lists(PIECES, max_size=200).map(b"".join),
    st.text(max_size=200).map(lambda s: s.encode("utf-8", "surrogatepass")),
)
LONG = [
    b"",
    b"a",
    b"\x00",
    b"word " * 5000,
    b"x" * (SEGMENT + 5),
    b"x" * (3 * SEGMENT),
    b" " * (SEGMENT - 2) + "中文字符".encode() * 30,
    b"y" * (WORD_BYTES - 1) + b" a" + b"\x80" * 9000,
    ("é" * (SEGMENT // 2) + "字").encode() * 2,
    b"a " * (SEGMENT // 2 - 1) + b"abc" + b" tail" * 40,
    b"1 2 3 " * 4000,
    random.Random(1).randbytes(70_000),
]


def binary(texts: list[bytes]) -> pa.Array:
    return pa.array(texts, pa.binary())


def _needles() -> list[tuple[str, int, list[list[bytes]], bool]]:
    """Of each phrase and hint: its name, the marker's bit, its spellings as words, and whether it is a hint."""
    out = []
    for bit, marker in enumerate(marker_table()):
        for hint, texts in ((False, marker.phrases), (True, marker.hints)):
            for forms in filter(None, texts.split("|")):
                spelt = [
                    split_words(s.encode())
                    for form in (forms.split("/") if hint else [forms])
                    for s in (form, form[:1].upper() + form[1:], form.upper())
                ]
                out.append((forms, bit, spelt, hint))
    return out


NEEDLES = _needles()


def oracle_markers(words: list[bytes]) -> int:
    """The markers of words: any one phrase of a marker, or two of its hints, that stand in them as a run."""
    runs = {tuple(words[i : i + n]) for n in range(1, 11) for i in range(len(words) - n + 1)}
    found, hinted = 0, [0] * len(MARKERS)
    for _, bit, spellings, hint in NEEDLES:
        if any(tuple(s) in runs for s in spellings):
            hinted[bit] += hint
            if not hint or hinted[bit] >= 2:
                found |= 1 << bit
    return found


def check_text(text: bytes) -> None:
    words = split_words(text)
    mould = mould_words(words)
    exact, folded = word_hashes(np.frombuffer(text, np.uint8))
    assert exact.tolist() == [word_hash(w) for w in words]
    assert folded.tolist() == [word_hash(w) for w in mould]
    columns = {name: column[0].as_py() for name, column in _prompt_columns(binary([text]), 1).items()}
    assert columns["prompt_words"] == len(words)
    assert columns["prompt_lines"] == (text.count(b"\n") + 1 if text else 0)
    assert columns["prompt_hash"] == signed(sequence_hash([word_hash(w) for w in words]))
    assert columns["head_hash"] == signed(sequence_hash([word_hash(w) for w in mould[:8]]))
    assert columns["tail_hash"] == signed(sequence_hash([word_hash(w) for w in mould[-8:]]))
    assert np.frombuffer(columns["chunks"], np.uint64).tolist() == oracle_chunks(text)
    assert list(columns["sketch"]) == oracle_sketch(text)
    assert np.frombuffer(columns["projection"], np.int8).tolist() == oracle_projection(text)
    assert sketch(binary([text]))[0].tolist() == oracle_sketch(text)
    as_is, (as_mould, edges) = _word_hashes(binary([text]), 1), _system_columns(binary([text]), 1)
    assert as_is[0].as_py() == columns["prompt_hash"]
    assert as_mould[0].as_py() == signed(sequence_hash([word_hash(w) for w in mould]))
    assert edges[0].as_py() == oracle_markers(words[:64]) | oracle_markers(words[-64:])


@settings(max_examples=300, deadline=None)
@given(BYTES)
@example(b"12 3,4 x 5")
@example("Ａ１ｱ".encode())
def test_prompt_columns_equal_their_oracles(text: bytes) -> None:
    """Words, hashes, chunks, sketch and projection of any bytes are what the description says."""
    check_text(text)


@pytest.mark.parametrize("text", LONG, ids=range(len(LONG)))
def test_long_texts_equal_their_oracles(text: bytes) -> None:
    """Texts of more than one segment, runs of more than one word's length and random bytes come out the same."""
    check_text(text)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.none(), BYTES), min_size=1, max_size=12), st.integers(0, 5), st.integers(1, 4))
def test_rows_depend_on_themselves_alone(texts: list[bytes | None], skipped: int, threads: int) -> None:
    """Slices, batch splits, nulls beside and threads change no row."""
    array = pa.array(texts, pa.binary())
    whole = pa.table(_all(array, 1))
    assert pa.table(_all(array, threads)).equals(whole)
    skipped = min(skipped, len(texts))
    assert pa.table(_all(array.slice(skipped), 1)).equals(whole.slice(skipped))
    one_by_one = [pa.table(_all(array.slice(i, 1), 1)) for i in range(len(texts))]
    assert pa.concat_tables(one_by_one).combine_chunks().equals(whole)
    assert pa.table(_all(array.cast(pa.large_binary()), 1)).equals(whole)


def _all(array: pa.Array, threads: int) -> dict[str, pa.Array]:
    columns = _prompt_columns(array, threads)
    if not columns:
        columns = {
            name: pa.nulls(len(array), column.type) for name, column in _prompt_columns(binary([b""]), 1).items()
        }
    as_is, (as_mould, edges) = _word_hashes(array, threads), _system_columns(array, threads)
    return {**columns, "as_is": as_is, "as_mould": as_mould, "edges": edges}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.none(), st.sampled_from([b"", b"a", b"a" * 64, b"a" * 200, b"b" * 200]), BYTES)))
def test_the_first_row_of_each_text_is_found(texts: list[bytes | None]) -> None:
    """A text that comes again points at where it came first, and no other text does."""
    expected = [row if text is None else texts.index(text) for row, text in enumerate(texts)]
    assert first_rows(texts_of(pa.array(texts, pa.binary()))).tolist() == expected


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.none(), st.binary(max_size=40)), max_size=12), st.integers(0, 3), st.integers(0, 2**64))
def test_string_hashes_equal_the_python_hash(texts: list[bytes | None], skipped: int, salt: int) -> None:
    """hash_strings is hash_text row by row, for slices, large, dictionary and chunked arrays too."""
    expected = [None if t is None else hash_text(t, salt=salt) for t in texts]
    array = pa.array(texts, pa.binary())
    assert hash_strings(array, salt=salt).to_pylist() == expected
    assert hash_strings(array.slice(skipped), salt=salt).to_pylist() == expected[skipped:]
    assert hash_strings(array.cast(pa.large_binary()), salt=salt).to_pylist() == expected
    assert hash_strings(array.dictionary_encode(), salt=salt).to_pylist() == expected
    assert hash_strings(pa.chunked_array([array, array]), salt=salt).to_pylist() == expected * 2


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.none(), st.lists(st.text(max_size=9), max_size=5)), max_size=8), st.integers(0, 3))
def test_list_hashes_follow_their_strings(lists: list[list[str] | None], skipped: int) -> None:
    """hash_lists keeps order and nulls; hash_sets forgets order and repetition."""
    array = pa.array(lists, pa.list_(pa.string())).slice(skipped)
    lists = lists[skipped:]
    assert hash_lists(array).to_pylist() == [None if x is None else [hash_text(t) for t in x] for x in lists]
    shuffled = pa.array([None if x is None else [*reversed(x), *x] for x in lists], pa.list_(pa.string()))
    assert hash_sets(shuffled).equals(hash_sets(array))
    hashes = {frozenset(x): h for x, h in zip(lists, hash_sets(array).to_pylist(), strict=True) if x is not None}
    assert len(set(hashes.values())) == len(hashes)


@pytest.mark.slow
def test_sketch_error_is_small() -> None:
    """The sketch estimates the Jaccard similarity of 5-word shingles with a root mean square error below 0.03."""
    rng = random.Random(7)
    vocabulary = [f"w{''.join(rng.choices('abcdefghij', k=5))}" for _ in range(3000)]
    texts, pairs = [], []
    for _ in range(1500):
        words = rng.choices(vocabulary, k=rng.randint(30, 400))
        kept = rng.random()
        other = list(itertools.chain.from_iterable(
            words[i : i + 20] if rng.random() < kept else rng.choices(vocabulary, k=20) for i in range(0, len(words), 20)  # noqa: E501
        ))  # fmt: skip
        pairs.append((len(texts), len(texts) + 1))
        texts += [" ".join(words).encode(), " ".join(other).encode()]
    sketches = sketch(binary(texts))
    sets = [shingles(mould_words(split_words(t))) for t in texts]
    errors = []
    for a, b in pairs:
        exact = len(sets[a] & sets[b]) / len(sets[a] | sets[b])
        errors.append(float(likeness(sketches[a], sketches[b])) - exact)
    assert abs(np.mean(errors)) < 0.004
    assert np.sqrt(np.mean(np.square(errors))) < 0.03


def test_short_texts_are_compared_by_what_they_have() -> None:
    """Bins that are empty in both say nothing: a few shingles are told almost exactly, and no text is like nothing."""
    words = [f"word{letter}" for letter in "abcdefghijklmnopqrstuvwx"]
    half = [*words[:14], *(f"other{letter}" for letter in "abcdefghij")]
    one, other, none = sketch(binary([" ".join(words).encode(), " ".join(half).encode(), b""]))
    assert float(likeness(one, one)) == 1.0
    assert float(likeness(one, other)) == pytest.approx(10 / 30, abs=0.08)
    assert np.isnan(likeness(none, none))
    assert float(likeness(one, none)) == 0.0


def test_chunks_find_their_way_back_after_a_slot() -> None:
    """Two prompts of one mould with different slots share most of their head and tail chunks."""
    rng = random.Random(3)
    before = " ".join(rng.choices("abcdefghijklmnop", k=60)) + " here follows the question of the user "
    after = " and now answer it with care " + " ".join(rng.choices("qrstuvwxyz", k=60))
    slots = [" ".join(rng.choices(["red", "green", "blue", "tall", "small"], k=rng.randint(5, 60))) for _ in range(50)]
    chunks = [
        np.frombuffer(row.as_py(), np.uint64) for row in _prompt_columns(binary([(before + s + after).encode() for s in slots]), 1)["chunks"]  # noqa: E501
    ]  # fmt: skip
    shared_head = [len(set(chunks[0][:4]) & set(c[:4])) for c in chunks[1:]]
    shared_tail = [len(set(chunks[0][4:8]) & set(c[4:8])) for c in chunks[1:]]
    assert np.mean(shared_head) > 3
    assert np.mean(shared_tail) > 3


def _marks(text: str) -> set[str]:
    bits = _prompt_columns(binary([text.encode()]), 1)["markers"][0].as_py()
    return {name for name, bit in MARKERS.items() if bits >> bit & 1}


@pytest.mark.parametrize("name", [m.name for m in marker_table() if m.phrases])
def test_every_phrase_sets_its_marker(name: str) -> None:
    """Each phrase of the table sets its marker wherever it stands, with a capital at the beginning too."""
    phrases = next(m.phrases for m in marker_table() if m.name == name).split("|")
    for phrase in phrases:
        for spelling in (phrase, phrase[:1].upper() + phrase[1:]):
            assert name in _marks(f"Lorem ipsum, «{spelling}» dolor."), phrase


@pytest.mark.parametrize("marker", [m for m in marker_table() if m.hints], ids=lambda m: m.name)
def test_two_different_hints_set_a_marker_and_one_does_not(marker: Marker) -> None:
    """A word that stands in talk of anything is not enough, nor are two forms of it; a second, different one is."""
    hints = [forms.split("/") for forms in marker.hints.split("|")]
    for at, forms in enumerate(hints):
        assert marker.name not in _marks(f"Lorem {' ipsum '.join(forms)}, {forms[0]} dolor."), forms
        other = hints[at - 1][0]
        assert marker.name in _marks(f"Lorem {forms[0]} ipsum {other} dolor."), (forms[0], other)


def test_long_system_prompts_speak_by_their_edges() -> None:
    """What stands between the first and the last 64 words of a system prompt says nothing of what is asked."""
    filler = " ".join(["word"] * 64)
    said = [f"rate the {filler} {filler}", f"{filler} rate the {filler}", f"{filler} {filler} rate the"]
    grading = 1 << MARKERS["grading"]
    assert [row.as_py() & grading for row in _system_columns(binary([t.encode() for t in said]), 1)[1]] == [
        grading,
        0,
        grading,
    ]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("look:\n```python\nx\n```", "code"),
        ('answer as {"a": 1}', "json"),
        ('{\n  "a": 1}', "json"),
        ("do:\n1. this\n2) that", "numbered_list"),
        ("so \\(x^2\\)", "math"),
        ("<b>bold</b>", "tags"),
        ("is it? ", "question"),
        ("是吗？", "question"),
        ("| a | b |\n|---|---|\n", "data_analysis"),
        ("Zm9v" * 30 + "1", "base64"),
        ("word " * 1000, "long_line"),
        ("Dear {{name}}", "slots"),
    ],
)
def test_shapes_set_their_markers(text: str, name: str) -> None:
    """A shape that the table names sets its marker."""
    assert name in _marks(text)


@pytest.mark.parametrize("text", ["The train left at 9. It was late.", "a < b and c > d", "one `name` here", ""])
def test_plain_prose_sets_no_marker(text: str) -> None:
    """Prose without a phrase of the table is left without markers."""
    assert _marks(text) == set()


@pytest.mark.parametrize(
    ("text", "script"),
    [("plain words", "latin"), ("Привет мир", "cyrillic"), ("你好世界 ok", "han"), ("これはペンです", "kana"), ("안녕", "hangul"),  # noqa: E501
     ("مرحبا بالعالم", "arabic"), ("שלום", "hebrew"), ("γειά σου", "greek"), ("สวัสดี", "thai"), ("12 34", "none"), ("", "none"),  # noqa: E501
     ("नमस्ते दुनिया", "devanagari"), ("über Größe", "latin")],
)  # fmt: skip
def test_the_most_frequent_script_is_named(text: str, script: str) -> None:
    """A prompt's script is that of most of its words."""
    assert SCRIPTS[_prompt_columns(binary([text.encode()]), 1)["script"][0].as_py()] == script
