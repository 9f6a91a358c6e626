"""How pure the networks of a scan are, and which of the truth's were found."""

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


class TrueNetworkScore(msgspec.Struct, frozen=True, kw_only=True):
    """One network of the truth against the findings of verdict network.

    Found: one of them has half of its accounts at least, and is at least half its own.  campaigns: that run on it.
    precision, recall: of accounts, null where nothing of it is in any.
    """

    network: str
    accounts: int
    campaigns: list[str]
    outcome: str
    finding_id: str | None = None
    recall: float | None = None
    precision: float | None = None


def true_network_scores(
    members: dict[str, set[str]], networks: dict[str, set[str]], runs_on: dict[str, set[str]], seen: set[str]
) -> list[TrueNetworkScore]:
    """A score for every network of the truth of which the logs show two accounts, by name.

    members: finding -> its accounts.  runs_on: campaign -> networks.  seen: accounts in the logs; all where empty.
    """
    out = []
    for name, everybody in sorted(networks.items()):
        accounts = everybody & seen if seen else everybody
        if len(accounts) < 2:
            continue
        best = min(members, key=lambda f: (-len(members[f] & accounts), f), default=None)
        both = len(members[best] & accounts) if best is not None else 0
        half = best is not None and 2 * both >= max(len(accounts), len(members[best]))
        out.append(
            TrueNetworkScore(
                network=name,
                accounts=len(accounts),
                campaigns=sorted(campaign for campaign, on in runs_on.items() if name in on),
                outcome="found" if half else "missed",
                finding_id=best if both else None,
                recall=both / len(accounts) if both else None,
                precision=both / len(members[best]) if both and best is not None else None,
            )
        )
    return out


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
