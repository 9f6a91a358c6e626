"""Synchrony: accounts that are active in the same minutes, beyond what everybody's rhythm explains."""

from __future__ import annotations

from stillwatch.campaigns.measures import Floats, Measures
from stillwatch.campaigns.registry import evidence


@evidence(
    "synchrony",
    family="time",
    axis="coordination",
    needs=("requested_at",),
    atlas="AML.T0021",
    sentence="any two of its accounts are active in the same ten minutes {observed:,.1f} times as often as everybody's "
    "rhythm explains; any two unrelated users of one template {expected:,.1f} times",
    shown=lambda bits: 2.0**bits,
)
def synchrony(measures: Measures, null: Measures) -> Floats:
    """log2 of coincidences of different accounts in bins of ten minutes, over the chance of them.

    Expected: every account follows the traffic's own rhythm, so hours, weekends, outages and releases are removed.
    Null: groups of unrelated accounts that use one mould.   Source: SynchroTrap (Cao et al., CCS 2014).
    """
    return measures.sync
