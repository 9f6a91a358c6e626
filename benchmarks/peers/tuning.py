"""Thresholds of equal budget, and what an account detector finds at them: the same for every peer and for ours.

A detector gives each account a number. Its threshold is the lowest at which, on the worlds it is tuned on, no more
honest accounts are accused than the budget allows. Customers inside a campaign's network who carry none of it, and
accounts of networks that hide but extract nothing, count neither as found nor as falsely accused, in favour of those
that flag whole networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.world import Bools, World

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What flags say about worlds, summed over them. campaigns_found: at least half of its drivers flagged."""

    drivers: int
    drivers_flagged: int
    honest: int
    honest_flagged: int
    neutral_flagged: int
    campaigns: int
    campaigns_found: int
    exchanges: int
    exchanges_flagged: int
    exchanges_claimed: int

    @property
    def recall(self) -> float | None:
        """Share of driver accounts that are flagged; None where there are none."""
        return self.drivers_flagged / self.drivers if self.drivers else None

    @property
    def precision(self) -> float | None:
        """Share of flagged accounts, neutral ones left out, that are drivers; None where none is flagged."""
        flagged = self.drivers_flagged + self.honest_flagged
        return self.drivers_flagged / flagged if flagged else None

    @property
    def exchange_recall(self) -> float | None:
        """Share of campaigns' exchanges that flagged accounts sent; None where there are none."""
        return self.exchanges_flagged / self.exchanges if self.exchanges else None

    @property
    def exchange_precision(self) -> float | None:
        """Share of claimed exchanges that are a campaign's; None where none is claimed."""
        return self.exchanges_flagged / self.exchanges_claimed if self.exchanges_claimed else None


def threshold(worlds: Sequence[World], scores: Sequence[Floats], allowed_share: float) -> float:
    """The lowest threshold above which at most this share of the worlds' honest accounts lies."""
    honest = np.concatenate([score[world.honest] for world, score in zip(worlds, scores, strict=True)])
    allowed = int(allowed_share * len(honest))
    ordered = np.sort(honest)[::-1]
    return float(ordered[allowed]) if allowed < len(ordered) else -np.inf


def best_in_hindsight(worlds: Sequence[World], scores: Sequence[Floats]) -> float:
    """The threshold of the largest F1 over drivers on these very worlds: what no operator could have known."""
    pairs = list(zip(worlds, scores, strict=True))
    score = np.concatenate([s[w.driver | w.honest] for w, s in pairs])
    driver = np.concatenate([w.driver[w.driver | w.honest] for w, s in pairs])
    order = np.argsort(-score, kind="stable")
    found = np.cumsum(driver[order])
    f1 = 2.0 * found / (np.arange(1, len(order) + 1) + driver.sum())
    ends = np.append(score[order][1:] < score[order][:-1], True)
    best = int(np.argmax(np.where(ends, f1, -1.0)))
    return float(score[order][best + 1]) if best + 1 < len(order) else -np.inf


def outcome(worlds: Sequence[World], flags: Sequence[Bools], claims: Sequence[Bools] | None = None) -> Outcome:
    """What these flags find, and whom they accuse.

    claims: exchanges that are claimed, world by world; all those of flagged accounts where not given.
    """
    total = np.zeros(10, np.int64)
    for number, (world, flag) in enumerate(zip(worlds, flags, strict=True)):
        claim = flag[world.account] if claims is None else claims[number]
        halves = [
            2 * int(flag[world.campaign == c].sum()) >= int((world.campaign == c).sum())
            for c in range(len(world.campaigns))
        ]
        total += [
            world.driver.sum(),
            (flag & world.driver).sum(),
            world.honest.sum(),
            (flag & world.honest).sum(),
            (flag & world.neutral).sum(),
            len(halves),
            sum(halves),
            world.own.sum(),
            (world.own & claim).sum(),
            claim.sum(),
        ]
    return Outcome(*(int(x) for x in total))
