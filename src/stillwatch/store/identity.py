"""Which finding of today is which of yesterday: by what they have in common, one to one, always the same way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from stillwatch.profiles.index import Ints

SAME_SHARE = 0.5
"""Share of the smaller of two findings that the other must hold too, to be one finding that grew, shrank or split."""


@dataclass(frozen=True, slots=True)
class Body:
    """A finding and what it is made of. Shapes: members (n,) sorted, distinct: hashes of exchanges, or of accounts."""

    finding_id: str
    kind: str
    members: Ints


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a finding comes from.

    kept: the past finding that it is; None for a new one.  merged: others that went into it.  split_from: the finding
    that it was a part of, and that another one goes on as.
    """

    kept: str | None = None
    merged: tuple[str, ...] = ()
    split_from: str | None = None


def trace(now: Sequence[Body], past: Sequence[Body]) -> list[Lineage]:
    """Where each finding of now comes from.

    Two findings of one kind are linked where one holds at least half of the smaller. The one whose id is that of its
    earliest exchanges keeps it; of the others, who has most in common comes first, then whose past is named first.
    past: the oldest first.   Cost: n log n in members.
    """
    shared: dict[tuple[int, int], int] = {}
    for kind in sorted({body.kind for body in now}):
        mine = [at for at, body in enumerate(now) if body.kind == kind]
        theirs = [at for at, body in enumerate(past) if body.kind == kind]
        for (i, j), n in _overlaps([now[at] for at in mine], [past[at] for at in theirs]).items():
            smaller = min(len(now[mine[i]].members), len(past[theirs[j]].members))
            if n >= SAME_SHARE * smaller:
                shared[mine[i], theirs[j]] = n
    kept: dict[int, int] = {}
    goes_on: dict[int, int] = {}
    order = sorted(
        shared, key=lambda pair: (now[pair[0]].finding_id != past[pair[1]].finding_id, -shared[pair], *pair[::-1])
    )
    for i, j in order:
        if i not in kept and j not in goes_on:
            kept[i], goes_on[j] = j, i
    out = []
    for i in range(len(now)):
        linked = sorted((j for one, j in shared if one == i), key=lambda j: (-shared[i, j], j))
        merged = tuple(past[j].finding_id for j in linked if j not in goes_on)
        if i in kept:
            out.append(Lineage(past[kept[i]].finding_id, merged))
        else:
            # Whatever it is linked to goes on as another finding: it would have kept that id otherwise.
            out.append(Lineage(None, (), past[linked[0]].finding_id if linked else None))
    return out


def new_id(finding_id: str, taken: set[str]) -> str:
    """An id for a new finding: its own, or where another finding bears that, one made from it."""
    found, n = finding_id, 1
    while found in taken:
        n += 1
        digest = blake2b(f"{finding_id}\n{n}".encode(), digest_size=6).hexdigest()
        found = f"{finding_id.partition('-')[0]}-{digest}"
    return found


def _overlaps(now: Sequence[Body], past: Sequence[Body]) -> dict[tuple[int, int], int]:
    """(number in now, number in past) -> members in common, where there are any."""
    if not now or not past:
        return {}
    members = np.concatenate([body.members for body in past])
    owner = np.repeat(np.arange(len(past)), [len(body.members) for body in past])
    order = np.argsort(members, kind="stable")
    members, owner = members[order], owner[order]
    out: dict[tuple[int, int], int] = {}
    for i, body in enumerate(now):
        first, end = np.searchsorted(members, body.members), np.searchsorted(members, body.members, side="right")
        n = end - first
        rows = np.repeat(first - np.concatenate([[0], np.cumsum(n)[:-1]]), n) + np.arange(int(n.sum()))
        for j, count in enumerate(np.bincount(owner[rows], minlength=len(past)).tolist()):
            if count:
                out[i, j] = count
    return out
