"""Hidden location: accounts that act as one and conceal, or contradict, where they are.

Many honest people use a VPN, whole regions do, and all servers stand in hosting ranges. So hosting is not counted, nor
the group's commonest network prefix (an office's own VPN is a place), and the share that is counted is compared with
that of honest groups of this same traffic: where those hide as well, it weighs nothing. It never says that accounts act
as one, which is asked of what they share and do; it speaks against an explanation that needs an open place (a class, an
agency), with four bits at the most, and against no other. It is no second fact beside the want of a common place: of
the two the better counts.
"""

from __future__ import annotations

from stillwatch.campaigns.measures import Floats, Measures
from stillwatch.campaigns.registry import evidence


@evidence(
    "hidden-location",
    family="identity",
    axis="coordination",
    needs=("ip",),
    atlas="AML.T0008.005",
    sentence="{observed:.0%} of its exchanges come through VPN, proxy or Tor services, every account counted alike; in "
    "honest groups {expected:.0%}",
)
def hidden_location(measures: Measures, null: Measures) -> Floats:
    """Share of exchanges through services that hide where their users are, every account counted alike.

    Needs an address database that tells such services (`--addresses`).
    Null: groups of unrelated accounts that use one mould or one set of parameters.
    """
    return measures.hiding


@evidence(
    "contradicted-location",
    family="identity",
    axis="coordination",
    needs=("country",),
    atlas="AML.T0008.005",
    sentence="{observed:.0%} of its exchanges, those from hosting left out, come from another country than the one of "
    "sign-up, every account counted alike; in honest groups {expected:.0%}",
)
def contradicted_location(measures: Measures, null: Measures) -> Floats:
    """Share of exchanges from another country than the registry's, hosting left out, every account counted alike.

    Which countries these are is not asked. Needs an address database and `signup_country` in the registry.
    Null: as above; people who travel and people who use VPNs are in it.
    """
    return measures.elsewhere
