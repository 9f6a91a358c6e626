"""What an audit's answers say: exact intervals, and totals that stand for all of the traffic."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import hypergeom

from stillwatch.audit.answers import judgement
from stillwatch.audit.draw import Item, Key, Stratum, allocate
from stillwatch.audit.estimate import at_most, could_show, estimate, interval

pytestmark = pytest.mark.slow

CAMPAIGN, HONEST, OPEN = judgement("yes", "yes"), judgement("no", "no"), judgement("yes", "unsure")


@pytest.mark.parametrize(("n", "of"), [(1, 1), (3, 3), (5, 40), (12, 40), (39, 40), (20, 200)])
def test_intervals_hold_as_often_as_they_say(n: int, of: int) -> None:
    """Whatever the truth is, the interval of a random sample holds it with 95 % at least: counted, not simulated."""
    for truth in range(of + 1):
        p = hypergeom.pmf(np.arange(n + 1), of, truth, n)
        bounds = [interval(k, n, of) if p[k] > 0 else (0, of) for k in range(n + 1)]
        covered = sum(p[k] for k, (low, high) in enumerate(bounds) if low <= truth <= high)
        assert covered >= 0.95 - 1e-9, truth
        above = sum(p[k] for k in range(n + 1) if p[k] > 0 and truth <= at_most(k, n, of))
        assert above >= 0.95 - 1e-9, truth


@pytest.mark.parametrize("n", [30, 60, 100, 300])
def test_of_many_none_is_the_rule_of_three(n: int) -> None:
    """No error in n leaves about 3/n, in a population that is far larger."""
    of = 10_000_000
    assert at_most(0, n, of) / of == pytest.approx(1 - 0.05 ** (1 / n), rel=1e-3)
    assert at_most(0, n, of) / of == pytest.approx(3 / n, rel=0.05)


def test_who_looked_at_all_knows() -> None:
    """A sample of everything leaves no interval."""
    assert interval(3, 20, 20) == (3, 3)
    assert at_most(0, 20, 20) == 0


def key(*, campaigns: int = 4, near: int = 10, nobody: int = 1000) -> Key:
    """All findings drawn, half of the near misses, fifty of those in no group."""
    strata = [
        Stratum(name="campaigns", of=campaigns, drawn=campaigns, sizes=[60] * campaigns),
        Stratum(name="near misses", of=near, drawn=near // 2, sizes=[100, *[10] * (near - 1)]),
        Stratum(name="nobody's", of=nobody, drawn=50, sizes=[]),
    ]
    items = [
        Item(item=f"{s.name}-{at}", entry=f"e{at}", stratum=s.name, verdict="", accounts=size, exchanges=100)
        for s, size in zip(strata, (60, 10, 1), strict=True)
        for at in range(s.drawn)
    ]
    return Key(scan="", seed=0, strata=strata, items=items)


def answers(k: Key, **wrong: int) -> dict[str, frozenset[str]]:
    """Everything as the scan has it, but for so many of a stratum, by its first word."""
    out = {}
    for one in k.items:
        name, at = one.item.rsplit("-", 1)
        other = int(at) < wrong.get(name.split()[0].split("'")[0], 0)
        out[one.item] = (HONEST if other else CAMPAIGN) if name == "campaigns" else (CAMPAIGN if other else HONEST)
    return out


def test_precision_is_what_was_judged() -> None:
    """One of four findings does not hold, and all were looked at."""
    k = key()
    line = estimate(k, answers(k, campaigns=1)).lines[0]
    assert (line.share, line.low, line.high) == (0.75, 0.75, 0.75)


def test_what_was_missed_counts_for_as_many_as_it_stands_for() -> None:
    """One of five near misses drawn stands for two, one of fifty parties for twenty."""
    k = key()
    found = estimate(k, answers(k, near=1, nobody=1)).missed
    assert found.groups == pytest.approx(2)
    assert found.accounts == pytest.approx(2 * 10 + 20)
    assert found.at_most > found.accounts


def test_the_bound_of_what_was_missed_holds_the_largest_group_that_was_not_looked_at() -> None:
    """A hundred accounts in a group that was not drawn may be a campaign's."""
    k = key()
    assert estimate(k, answers(k)).missed.at_most >= 100


def test_an_open_answer_is_counted_both_ways() -> None:
    """It makes the interval wider, and moves no share."""
    k = key()
    judged = answers(k) | {"campaigns-0": OPEN}
    line = estimate(k, judged).lines[0]
    assert (line.unsure, line.share, line.low, line.high) == (1, 1.0, 0.75, 1.0)


def test_what_cannot_be_a_campaign_is_none_whatever_else_is_open() -> None:
    """`no` to one question is enough."""
    assert "campaign" not in judgement("no", "unsure")
    assert "campaign" not in judgement("unsure", "no")
    assert judgement("unsure", "yes") == {"campaign", "harvest"}


def test_a_stratum_without_answers_says_nothing() -> None:
    """And is in the bound as a whole."""
    k = key()
    found = estimate(k, {one: judged for one, judged in answers(k).items() if not one.startswith("nobody")})
    assert found.unanswered == 50
    assert (found.lines[2].low, found.lines[2].high) == (0.0, 1.0)
    assert found.missed.at_most >= 1000
    assert "nobody's" in found.missed.sentence


def test_totals_are_right_on_average() -> None:
    """Horvitz and Thompson: over many draws, the mean of the totals is the truth."""
    rng = np.random.default_rng(5)
    bad = rng.random(10) < 0.4
    sizes = rng.integers(5, 50, 10)
    totals = []
    for _ in range(4000):
        drawn = rng.permutation(10)[:5]
        stratum = Stratum(name="near misses", of=10, drawn=5, sizes=sorted(sizes.tolist(), reverse=True))
        items = [
            Item(item=str(at), entry="", stratum="near misses", verdict="", accounts=int(sizes[at]), exchanges=1)
            for at in drawn
        ]
        judged = {str(at): CAMPAIGN if bad[at] else HONEST for at in drawn}
        totals.append(estimate(Key(scan="", seed=0, strata=[stratum], items=items), judged).missed.accounts)
    assert np.mean(totals) == pytest.approx(sizes[bad].sum(), rel=0.03)


@pytest.mark.parametrize(
    ("able", "size"),
    [
        ({"campaigns": 3, "networks": 12, "near misses": 200, "clear groups": 200, "nobody's": 400}, 60),
        ({"nobody's": 400}, 60),
        ({"campaigns": 3}, 60),
        ({"campaigns": 500, "harvests": 2, "nobody's": 400}, 20),
        ({"campaigns": 50, "networks": 50, "near misses": 50, "clear groups": 50, "nobody's": 50}, 3),
    ],
)
def test_the_size_is_kept_and_every_stratum_looked_at(able: dict[str, int], size: int) -> None:
    """As many as asked for, or all; no stratum is left out where the size allows it."""
    dealt = allocate(able, size)
    assert sum(dealt.values()) == min(size, sum(able.values()))
    assert all(dealt[name] <= able.get(name, 0) for name in dealt)
    if size >= 6:
        assert all(dealt[name] for name in able)


def test_it_is_said_beforehand_what_a_sample_can_show() -> None:
    """Fifty of ten thousand show no less than six in a hundred."""
    (said,) = could_show([Stratum(name="nobody's", of=10_000, drawn=50, sizes=[])])
    assert "50 of 10,000 drawn" in said
    assert "(5.8%) were missed (95%)" in said
