"""Bits against what accounts are, on counts that are known."""

from __future__ import annotations

import math

import pytest

from stillwatch.evaluate.calibration import BitCount, bits_table, corpus_held_out, held_out


def counted(axis: str, true: dict[int, int], honest: dict[str, dict[int, int]]) -> list[BitCount]:
    """Counts by whole bits."""
    sides = [("A", True, true), *((name, False, of) for name, of in honest.items())]
    return [
        BitCount(axis=axis, population=name, true=is_, bits=bits, accounts=n)
        for name, is_, of in sides
        for bits, n in of.items()
    ]


def test_bits_that_mean_what_they_say_lie_on_the_line() -> None:
    """Of honest accounts one in 2^b more than of the others has b bits: the odds seen are b bits."""
    rows = bits_table(counted("extraction", {3: 8 * 100, 0: 100}, {"people": {3: 100, 0: 800}}))
    seen = {(one.low, one.high): one.observed for one in rows if one.true + one.honest}
    assert seen[2, 4] == pytest.approx(math.log2(8), abs=0.02)
    assert seen[0, 2] == pytest.approx(-3, abs=0.02)


def test_one_side_alone_bears_no_witness() -> None:
    """Without a campaign there are no odds to see; beyond the last bits everything counts as one row."""
    rows = bits_table(counted("coordination", {}, {"people": {1: 10, 40: 1}}))
    assert all(one.observed is None for one in rows)
    assert [one.honest for one in rows if one.low == 40 and one.axis == "coordination"] == [1]


def test_a_population_unlike_the_others_is_told_apart() -> None:
    """People have few bits; a lookalike that has many is on the wrong side of the line that was fitted without it."""
    honest = {"people": {0: 300, 1: 100}, "others": {0: 500, 2: 100}, "lookalike": {9: 2, 10: 2}}
    rows = held_out(counted("extraction", {8: 100, 10: 100}, honest))
    by_name = {one.population: one for one in rows}
    assert by_name["lookalike"].observed == 4
    assert by_name["lookalike"].expected > 2
    assert by_name["people"].observed == 0
    assert by_name["lookalike"].slope > 0


def test_one_corpus_is_left_out_in_turn() -> None:
    """The line of the other corpora's worlds is tried on the honest accounts of this one's; one alone has no others."""
    plain = counted("extraction", {8: 50}, {"people": {0: 100}})
    other = counted("extraction", {9: 50}, {"people": {1: 90, 10: 10}})
    told = {one.population: one for one in corpus_held_out({"": plain, "chats": other})}
    assert list(told) == ["corpus grammar", "corpus chats"]
    assert (told["corpus chats"].accounts, told["corpus chats"].observed) == (100, 10)
    assert corpus_held_out({"": plain}) == []
