"""How pure the networks of a scan are: each finding of verdict `network` against the networks of the truth."""

from __future__ import annotations

from collections import Counter

import msgspec


class NetworkScore(msgspec.Struct, frozen=True, kw_only=True):
    """One finding of verdict network; its members are its drivers and carriers.

    network: the truth's network that has most of them; null where it has none of any.  purity: share of the members
    that are in it.  completeness: share of its accounts that are members.  outsiders: the other members, by kind.
    """

    finding_id: str
    accounts: int
    network: str | None
    purity: float
    completeness: float
    outsiders: dict[str, int]


def network_scores(
    members: dict[str, set[str]], networks: dict[str, set[str]], kind_of: dict[str, str]
) -> list[NetworkScore]:
    """A score for every network that was found, in the order of their ids.

    members: finding -> its accounts.  networks: network of the truth -> its accounts.  kind_of: account -> kind.
    """
    of_account: dict[str, list[str]] = {}
    for name, accounts in networks.items():
        for account in accounts:
            of_account.setdefault(account, []).append(name)
    out = []
    for finding, accounts in sorted(members.items()):
        counts = Counter(name for account in accounts for name in of_account.get(account, ()))
        best = min(counts, key=lambda name: (-counts[name], name), default=None)
        inside = accounts & networks[best] if best is not None else set()
        outside = Counter(kind_of.get(account, "not in the world") for account in accounts - inside)
        out.append(
            NetworkScore(
                finding_id=finding,
                accounts=len(accounts),
                network=best,
                purity=len(inside) / max(len(accounts), 1),
                completeness=len(inside) / len(networks[best]) if best is not None else 0.0,
                outsiders=dict(sorted(outside.items(), key=lambda one: (-one[1], one[0]))),
            )
        )
    return out
