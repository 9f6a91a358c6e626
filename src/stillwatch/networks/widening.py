"""Who belongs to a network by many weak ties: each says little, and all of them together as much as one strong tie.

The search asks each family for its best value alone, since it looks for groups that nobody has seen yet. Where a group
stands, an account that has a little of everything is missed by that: a common host, an hour in which others signed up
and a card that two others used are three purchases, and each was made where the group makes its own. Of what is asked
the best value still counts alone: a tool brings its mould, its tools and its client together.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stillwatch.links.kinds import FAMILIES
from stillwatch.networks.group import FAMILY_OF_GROUP, MEMBER_CAP_BITS, Floats, Scorer, Units

TELLING = 4.0
"""Only who shows something that two members show, and that is so many times as frequent among them, is asked."""

ROUNDS = 6

_TEXT = FAMILIES.index("text")


def all_ties(bits: Floats) -> Floats:
    """Bits by family where those of several groups of kinds add up, but for what is asked; each capped.

    Shapes: bits (n, n_groups); result (n, n_families).
    Assumes: groups of kinds outside the text family are independent among strangers, given that they are strangers.
    """
    out = np.zeros((len(bits), len(FAMILIES)))
    for family in range(len(FAMILIES)):
        mine = bits[:, family == FAMILY_OF_GROUP]
        out[:, family] = mine.max(axis=1) if family == _TEXT else mine.sum(axis=1)
    return np.minimum(out, MEMBER_CAP_BITS)


def widened(scorer: Scorer, members: Units, needed: float, speaks: float, most: int) -> Units:
    """The members and whoever belongs to them by all of his ties together, ascending.

    needed: bits, over the odds against a random unit, that these come to.  speaks: bits of a family that counts; two
    have to.  most: units that a network may have.
    """
    n_units = scorer.links.n_units
    for _ in range(ROUNDS):
        asked = _near(scorer, members)
        if len(asked) == 0:
            break
        bits = all_ties(scorer.by_group(members, asked))
        odds = float(np.log2(max(n_units - len(members), 1) / len(members)))
        fresh = asked[((bits >= speaks).sum(axis=1) >= 2) & (bits.sum(axis=1) >= odds + needed)]
        if len(fresh) == 0 or len(members) + len(fresh) > most:
            break
        members = np.union1d(members, fresh).astype(np.int32)
    return members


def _near(scorer: Scorer, members: Units) -> Units:
    """Units outside that show something telling of the members."""
    links = scorer.links
    shared, inside, degree = scorer.shared(members)
    outside = (degree - inside + 1) / (links.n_units - len(members) + 1)
    near: npt.NDArray[np.bool_] = np.zeros(links.n_units, np.bool_)
    for indicator in shared[(inside >= TELLING * outside * len(members)) & (degree > inside)]:
        near[links.members(int(indicator))] = True
    near[members] = False
    return np.flatnonzero(near).astype(np.int32)
