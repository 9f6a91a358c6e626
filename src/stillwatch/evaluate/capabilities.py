"""What campaigns are after, and who runs several: what the findings name against the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import msgspec

NAMES = {
    "reasoning": "reasoning elicitation",
    "grading": "grading and reward modelling",
    "rewriting": "censorship-safe rewriting",
}
"""Words of the range for what a scan calls otherwise; others differ by the space alone."""


class OperatorScore(msgspec.Struct, frozen=True, kw_only=True):
    """Pairs of campaigns that were found: of one operator, and joined by the findings' hypotheses.

    same: pairs of one operator.  joined: of these, as many as some hypothesis puts together.  wrongly: pairs of
    different operators that one puts together.
    """

    same: int
    joined: int
    wrongly: int


def in_our_words(targets: Sequence[str]) -> list[str]:
    """A truth's targets as findings name them, sorted."""
    return sorted({NAMES.get(one, one.replace("_", " ")) for one in targets})


def named_targets(finding: Mapping[str, Any]) -> list[str]:
    """What a finding says that it is after, sorted."""
    return sorted(finding.get("targets") or {})


def operator_score(
    found: Mapping[str, str], operators: Mapping[str, str], findings: Sequence[Mapping[str, Any]]
) -> OperatorScore:
    """How well the hypotheses join what one operator runs.

    found: campaign -> the finding that found it.  operators: campaign -> operator of the truth.
    """
    joined = set()
    for finding in findings:
        for hypothesis in finding.get("operators") or ():
            together = {finding["finding_id"], *hypothesis["findings"]}
            joined |= {frozenset(pair) for pair in combinations(together, 2)}
    same = right = wrongly = 0
    for one, other in combinations(sorted(found), 2):
        is_same = bool(operators.get(one)) and operators.get(one) == operators.get(other)
        is_joined = frozenset((found[one], found[other])) in joined
        same += is_same
        right += is_same and is_joined
        wrongly += is_joined and not is_same
    return OperatorScore(same=same, joined=right, wrongly=wrongly)
