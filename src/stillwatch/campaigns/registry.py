"""The evidence that a scan knows: one decorated function each, found here by name.

An evidence is a function from the measures of groups to one number a group; those of the null are given beside. It is
computed alike for the candidates and for honest reference groups of the same traffic, and its bits are how rare the
candidate's number is among those: what days, outages, releases and tools do to everybody is in the comparison. What
accounts *share* is weighed on the links instead (`campaigns.sharing`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from stillwatch.campaigns import evidence as evidence_modules
from stillwatch.campaigns.measures import Floats, Measures

Number = Callable[[Measures, Measures], Floats]
"""From the measures of groups, and of the null's groups beside them, to one number a group."""

AXES = ("coordination", "extraction")
EVIDENCE_FAMILIES = ("text", "identity", "time", "work", "appetite")


@dataclass(frozen=True, slots=True)
class MeasuredEvidence:
    """One evidence on measures.

    name, family, axis: where it counts.  needs: exchange columns without which it is absent.  high: whether large
    numbers speak for a campaign.  sentence: what a person reads, with {observed} and {expected} in it.
    atlas: MITRE ATLAS technique.  number: (measures, null) -> (n_groups,), NaN where it cannot be computed.
    shown: from that number to the one that a person reads.
    direct: whether it shows by itself that answers are taken, whatever else a stream is like.
    """

    name: str
    family: str
    axis: str
    needs: tuple[str, ...]
    high: bool
    sentence: str
    atlas: str | None
    number: Number
    shown: Callable[[float], float]
    direct: bool = False

    def said(self, observed: float, expected: float) -> str:
        """The sentence with its figures; what would look alike though it differs gets a digit more, or two."""
        for more in range(MORE_DIGITS + 1):
            sentence = _finer(self.sentence, more)
            figures = [one.format(observed=observed, expected=expected) for one in _FIGURE.findall(sentence)]
            if len(set(figures)) == len(figures):
                return sentence.format(observed=observed, expected=expected)
        return self.sentence.format(observed=observed, expected=expected)


MORE_DIGITS = 2
_FIGURE = re.compile(r"\{(?:observed|expected):[^}]*\}")
_DIGITS = re.compile(r"\.(\d+)([f%])\}")


def _finer(sentence: str, more: int) -> str:
    """The sentence with so many digits more behind the point of each figure."""
    return _DIGITS.sub(lambda found: f".{int(found[1]) + more}{found[2]}}}", sentence)


_EVIDENCE: dict[str, MeasuredEvidence] = {}


def evidence(
    name: str,
    *,
    family: str,
    axis: str,
    needs: tuple[str, ...],
    sentence: str,
    high: bool = True,
    atlas: str | None = None,
    shown: Callable[[float], float] = float,
    direct: bool = False,
) -> Callable[[Number], Number]:
    """Register a function of measures as the evidence of this name."""
    if axis not in AXES or family not in EVIDENCE_FAMILIES:
        raise ValueError(f"evidence {name!r}: no such axis or family")

    def add(number: Number) -> Number:
        if name in _EVIDENCE:
            raise ValueError(f"evidence {name!r} is registered twice")
        _EVIDENCE[name] = MeasuredEvidence(name, family, axis, needs, high, sentence, atlas, number, shown, direct)
        return number

    return add


def measured_evidence() -> dict[str, MeasuredEvidence]:
    """Every evidence on measures by name, in the order of their modules: whatever lies in `campaigns/evidence/`.

    The order is the same whichever module somebody imported first: sums over evidence are taken in it.
    """
    _import_all()
    return dict(sorted(_EVIDENCE.items(), key=lambda item: item[1].number.__module__))


@cache
def _import_all() -> None:
    """Once: looking through the folder for every candidate cost a second and a half on 1.4 million exchanges."""
    for module in sorted(found.name for found in iter_modules(evidence_modules.__path__)):
        import_module(f"{evidence_modules.__name__}.{module}")
