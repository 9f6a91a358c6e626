"""Templates do not depend on how the exchanges came in, and the kernels agree with plain oracles."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from template_worlds import pour, write_fingerprints

from stillwatch.templates import kernels, mould_kernels
from stillwatch.templates.anchors import Index, gather_pours
from stillwatch.templates.examples import Sample, masked_example
from stillwatch.templates.find import find_templates


def _tables(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in ("template.parquet", "exchange_template.parquet")]


def test_order_parts_threads_and_memory(tmp_path: Path) -> None:
    """The same exchanges in another order, other parts, threads and memory give the same bytes."""
    rng = random.Random(1)
    sent = pour(rng, 1500, 20)
    mixed = list(range(len(sent)))
    rng.shuffle(mixed)
    write_fingerprints(sent, tmp_path / "1")
    write_fingerprints(sent, tmp_path / "2", order=mixed, part=137)
    find_templates(tmp_path / "1", tmp_path / "out1", memory_mb=512, threads=1)
    find_templates(tmp_path / "2", tmp_path / "out2", memory_mb=64, threads=3)
    assert _tables(tmp_path / "out1") == _tables(tmp_path / "out2")


def test_anchors_are_counted_exactly(tmp_path: Path) -> None:
    """An anchor's count is the number of its pours, even where keys are sorted in many pieces."""
    sent = pour(random.Random(2), 600, 8)
    write_fingerprints(sent + sent[:200], tmp_path / "prints", part=100)
    pours = gather_pours(tmp_path / "prints", tmp_path, 3, memory_mb=0)
    assert pours.n == len({(s.system, s.prompt) for s in sent})
    shown = np.zeros(pours.n_anchors, np.int64)
    for i in range(pours.n):
        mine = pours.anchors[pours.start[i] : pours.start[i] + pours.count[i]]
        assert len(set(mine.tolist())) == len(mine)
        shown[mine] += 1
    assert shown.tolist() == pours.shown.tolist()
    assert (shown >= 3).all() and (np.diff(pours.key.astype(object)) > 0).all()


@given(st.sets(st.integers(1, 2**64 - 1), max_size=60), st.lists(st.integers(1, 2**64 - 1), max_size=20))
def test_locate(keys: set[int], others: list[int]) -> None:
    """Every key is found at its place, and nothing else is."""
    ascending = np.array(sorted(keys), np.uint64)
    index = Index.of(ascending)
    for key in [*keys, *others]:
        found = kernels.locate(index.keys, index.starts, index.shift, np.uint64(key))
        assert found == (sorted(keys).index(key) if key in keys else -1)


@given(st.lists(st.sets(st.integers(0, 11), max_size=6), min_size=1, max_size=12), st.sampled_from([0.3, 0.6, 1.0]))
def test_join_mutual(chosen: list[set[int]], alike: float) -> None:
    """Sets are those that plain search finds over mutual choices with alike neighbours."""
    n = 12
    neighbours = [sorted({i} | (chosen[i] if i < len(chosen) else set())) for i in range(n)]
    starts = np.cumsum([0] + [len(x) for x in neighbours]).astype(np.int64)
    parent = np.arange(n, dtype=np.int32)
    mould_kernels.join_mutual(starts, np.array([b for x in neighbours for b in x], np.int32), alike, parent)

    def joined(a: int, b: int) -> bool:
        both, either = set(neighbours[a]) & set(neighbours[b]), set(neighbours[a]) | set(neighbours[b])
        return b in neighbours[a] and a in neighbours[b] and len(both) / len(either) >= alike

    for a in range(n):
        reached, todo = {a}, [a]
        while todo:
            x = todo.pop()
            new = {b for b in range(n) if joined(x, b)} - reached
            reached |= new
            todo += new
        assert parent[a] == min(reached)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text("ab c.", max_size=25), min_size=1, max_size=8), st.integers(1, 5))
def test_examples_show_only_what_enough_sent(texts: list[str], least: int) -> None:
    """Every shown span stands, word for word, in the texts of at least so many accounts."""
    shown = masked_example([Sample(i, None, text) for i, text in enumerate(texts)], min_accounts=least)
    for span in (shown or "").split("⟦…⟧"):
        squeezed = "".join(span.split())
        assert not squeezed or sum(squeezed in "".join(text.split()) for text in texts) >= least


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 9)), st.integers(1, 7))
def test_keys_are_dealt_out_by_their_range(keys: list[int], n_pieces: int) -> None:
    """Each key lands in the piece of its range, so that pieces sorted one by one are all keys sorted."""
    given_keys, out, ends = np.array(keys, np.uint64), np.empty(len(keys), np.uint64), np.zeros(n_pieces, np.int64)
    kernels.deal_out(given_keys, n_pieces, ends, out)
    pieces = np.split(out, ends[:-1])
    assert np.concatenate([np.sort(piece) for piece in pieces]).tolist() == sorted(keys)
    assert ends.tolist() == np.cumsum([len(piece) for piece in pieces]).tolist()
