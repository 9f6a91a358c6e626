"""The score of some evidence on candidates and null: surprise in bits, calibrated within groups, then over all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from stillwatch.campaigns.calibration import rank_bits_in, rank_bits_of_all
from stillwatch.campaigns.finding import Evidence
from stillwatch.campaigns.measures import Floats, Measures
from stillwatch.campaigns.registry import MeasuredEvidence


@dataclass(frozen=True, slots=True)
class Score:
    """Evidence on candidates and null, as surprise in bits: calibrated within its groups, then over all of them.

    Shapes: raw (n_evidence, n_candidates); numbers as raw: what was seen; usual (n_evidence,).
    group: of each evidence; those of one group are one fact seen many times, and together weigh as much as another
    group.  weights: of groups that weigh otherwise.
    sums: surprise of each group in the null, sorted.  totals (n_null,): of all groups together, weighed, sorted.
    strongest (n_null,): of these in bits, or of one direct evidence, whichever is more after what each is charged for
    being one of several, sorted.

    What shows by itself that answers are taken (`MeasuredEvidence.direct`) is lost in a sum over a dozen kinds of
    evidence. So one half of the level is spent on the sum, and the other half on these, each by itself.
    Both are charged as in a weighted Bonferroni test; the null of the larger one is the null's own.
    """

    evidence: list[MeasuredEvidence]
    group: list[str]
    raw: Floats
    numbers: Floats
    usual: Floats
    weights: Mapping[str, float]
    sums: dict[str, Floats]
    totals: Floats
    strongest: Floats

    @classmethod
    def of(
        cls,
        evidence: list[MeasuredEvidence],
        group: list[str],
        candidates: Measures,
        null: Measures,
        weights: Mapping[str, float],
    ) -> Score:
        """The score of some evidence that is to be calibrated together."""
        samples = [one.number(null, null) for one in evidence]
        numbers = [one.number(candidates, null) for one in evidence]
        surprise = np.stack([_surprise(s, s, one.high) for s, one in zip(samples, evidence, strict=True)])
        totals = np.zeros(surprise.shape[1])
        of_group: dict[str, Floats] = {}
        for name in dict.fromkeys(group):
            sums = surprise[[at for at, of in enumerate(group) if of == name]].sum(axis=0)
            totals += weights.get(name, 1.0) * np.where(sums > 0, _surprise(sums, sums, True), 0.0)
            of_group[name] = np.sort(sums)
        strongest = rank_bits_of_all(totals, totals)
        direct = [at for at, one in enumerate(evidence) if one.direct]
        if direct:
            own = np.stack([rank_bits_of_all(samples[at], samples[at], high=evidence[at].high) for at in direct])
            strongest = np.maximum(strongest - 1.0, (own - np.log2(2.0 * len(direct))).max(axis=0))
        return cls(
            evidence,
            group,
            np.stack([_surprise(n, s, one.high) for n, s, one in zip(numbers, samples, evidence, strict=True)]),
            np.stack(numbers),
            np.array([np.nanmedian(s) if np.isfinite(s).any() else np.nan for s in samples]),
            weights,
            of_group,
            np.sort(totals),
            np.sort(strongest),
        )

    def bits(self, row: int) -> float:
        """Bits of a candidate by all of the evidence, or by one that is direct."""
        return self._strongest(row)[0]

    def _strongest(self, row: int) -> tuple[float, int | None]:
        """Bits of a candidate; and, where one direct evidence says more than all together, which."""
        by_all = rank_bits_in(sum(self._of_groups(row).values()), self.totals)
        direct = [at for at, one in enumerate(self.evidence) if one.direct]
        if not direct:
            return by_all, None
        # a surprise is what lies beyond the usual half: one bit less than the rank
        own = {
            at: float(self.raw[at, row]) + 1.0 - np.log2(2.0 * len(direct)) for at in direct if self.raw[at, row] > 0
        }
        best = max(own, key=lambda at: own[at], default=None)
        if best is None or own[best] <= by_all - 1.0:
            return rank_bits_in(by_all - 1.0, self.strongest), None
        return rank_bits_in(own[best], self.strongest), best

    def _of_groups(self, row: int) -> dict[str, float]:
        """Surprise of each group, of a candidate."""
        mine: dict[str, float] = {}
        for group, sums in self.sums.items():
            found = float(self.raw[[at for at, of in enumerate(self.group) if of == group], row].sum())
            beyond = max(rank_bits_in(found, sums) - 1.0, 0.0) if found > 0 else 0.0
            mine[group] = self.weights.get(group, 1.0) * beyond
        return mine

    def pieces(self, row: int) -> list[Evidence]:
        """The bits of a candidate, dealt to groups and to the evidence in them in proportion to its surprise."""
        groups = self._of_groups(row)
        total = sum(groups.values())
        bits, by_itself = self._strongest(row)
        if total <= 0 or bits <= 0:
            return []
        # What one evidence shows by itself is its own; what all together would have shown is dealt out.
        together = bits if by_itself is None else min(bits, rank_bits_in(total, self.totals) / 2.0)
        out = []
        for at in np.flatnonzero(self.raw[:, row] > 0):
            one, group = self.evidence[at], self.group[at]
            among = sum(float(self.raw[k, row]) for k in range(len(self.evidence)) if self.group[k] == group)
            observed, expected = one.shown(float(self.numbers[at, row])), one.shown(float(self.usual[at]))
            share = groups[group] / total * float(self.raw[at, row]) / among
            mine = together * share + (bits - together if at == by_itself else 0.0)
            if mine <= 0:
                continue
            out.append(
                Evidence(
                    family=one.family,
                    axis=one.axis,
                    name=one.name,
                    bits=mine,
                    observed=observed,
                    expected=expected,
                    sentence=one.said(observed, expected),
                )
            )
        return out


def _surprise(values: Floats, null: Floats, high: bool) -> Floats:
    """Bits beyond the usual half: what lies on the honest side of the median says nothing, and is not summed up."""
    return np.maximum(rank_bits_of_all(values, null, high=high) - 1.0, 0.0)
