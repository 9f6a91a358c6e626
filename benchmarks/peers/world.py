"""A world as the peers see it: exchanges with their accounts, what accounts share, and the truth to score against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from stillwatch.evaluate.scores import OWN

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

INDICATORS = ("ip", "client_fingerprint", "payment", "head")
"""What accounts can share, as graph peers see it: addresses, clients, cards, and how prompts begin."""

DECEIVING = ("undeclared_reseller", "trial_abusers")
"""Kinds of honest-in-content accounts that do act as one and hide it: to flag them as coordinated is no mistake."""

HEAD = 48
"""Characters of a prompt's beginning that stand for its template."""


@dataclass(frozen=True, slots=True)
class World:
    """Exchanges of a world, in order of time, and its truth.

    exchanges: (n,) ids; account: (n,) number of the account; at_us: (n,) time in microseconds;
    shared: name -> (n,) numbers, -1 where absent; prompts: (n,) text; unit: (n_accounts,) accounts of one declared
    organisation are one.
    Truth, by account: driver; neutral (in a campaign's network but no driver, or of a kind of `DECEIVING`); campaign,
    -1 for none; by exchange: own (it belongs to a campaign).
    """

    name: str
    seed: int
    accounts: list[str]
    exchanges: pa.Array
    account: Ints
    at_us: Ints
    shared: dict[str, Ints]
    prompts: list[str]
    tokens_out: Ints
    status: Ints
    created_us: Ints
    unit: Ints
    driver: Bools
    neutral: Bools
    campaign: Ints
    campaigns: list[str]
    own: Bools

    @property
    def n(self) -> int:
        """Accounts."""
        return len(self.accounts)

    @property
    def n_units(self) -> int:
        """Accounts, with each declared organisation counted once."""
        return int(self.unit.max()) + 1

    @property
    def honest(self) -> Bools:
        """Accounts that nobody may accuse. Shapes: (n_accounts,)."""
        return ~(self.driver | self.neutral)

    def links(self, names: Sequence[str] = INDICATORS) -> tuple[Ints, Ints, int]:
        """The plain graph: each unit with each thing that it used, once, and how many things there are.

        Shapes: (links,) unit, (links,) thing, by unit. What one unit alone used is left out: it links nothing.
        """
        accounts, things, n_things = [], [], 0
        for name in names:
            value = self.shared[name]
            has = value >= 0
            base = int(value.max()) + 1
            pairs = np.unique(self.unit[self.account[has]] * base + value[has])
            account, thing = pairs // base, pairs % base
            common = np.bincount(thing, minlength=base) > 1
            place = np.cumsum(common) - 1 + n_things
            n_things += int(common.sum())
            accounts.append(account[common[thing]])
            things.append(place[thing[common[thing]]])
        account, thing = np.concatenate(accounts), np.concatenate(things)
        order = np.lexsort((thing, account))
        return account[order], thing[order], n_things

    def by_account(self) -> tuple[Ints, Ints]:
        """Rows sorted by account, and where each account's begin. Shapes: (rows,), (n_accounts + 1,)."""
        order = np.argsort(self.account, kind="stable")
        return order, np.searchsorted(self.account[order], np.arange(self.n + 1))


def read_world(folder: Path, name: str, seed: int) -> World:
    """A world of the traffic range, read back from its folder."""
    columns = [
        "exchange_id",
        "account_id",
        "requested_at",
        "ip",
        "client_fingerprint",
        "prompt",
        "output_tokens",
        "status",
    ]
    logs = pq.read_table(folder / "logs.parquet", columns=columns)
    truth = pq.read_table(folder / "truth" / "exchanges.parquet", columns=["exchange_id", "label"])
    registry = pq.read_table(folder / "accounts.parquet", columns=["account_id", "payment_id", "created_at", "org_id"])
    roles = pq.read_table(folder / "truth" / "account_campaign.parquet")
    runs = pq.read_table(folder / "truth" / "campaign_network.parquet")
    members = pq.read_table(folder / "truth" / "account_network.parquet")
    known = pq.read_table(folder / "truth" / "accounts.parquet", columns=["account_id", "kind"])
    accounts = known["account_id"].combine_chunks()
    n = len(accounts)
    at = pc.index_in(logs["account_id"].combine_chunks(), accounts).to_numpy(zero_copy_only=False).astype(np.int64)
    row = pc.index_in(registry["account_id"].combine_chunks(), accounts).to_numpy(zero_copy_only=False).astype(np.int64)
    payment = np.full(n, -1, np.int64)
    payment[row] = numbers(registry["payment_id"])
    org = np.full(n, -1, np.int64)
    org[row] = numbers(registry["org_id"])
    _, unit = np.unique(np.where(org >= 0, n + org, np.arange(n)), return_inverse=True)
    created = np.zeros(n, np.int64)
    created[row] = registry["created_at"].cast(pa.int64()).to_numpy()
    drivers = roles.filter(pc.equal(roles["role"], "driver"))
    named = sorted(set(drivers["campaign"].to_pylist()))
    campaign = np.full(n, -1, np.int64)
    where = (
        pc.index_in(drivers["account_id"].combine_chunks(), accounts).to_numpy(zero_copy_only=False).astype(np.int64)
    )
    campaign[where] = [named.index(one) for one in drivers["campaign"].to_pylist()]
    carrying = members.filter(pc.is_in(members["network"], runs["network"].combine_chunks()))["account_id"]
    around = pa.chunked_array([*roles["account_id"].chunks, *carrying.chunks])
    in_network = pc.is_in(accounts, around.combine_chunks()).to_numpy(zero_copy_only=False)
    deceiving = pc.is_in(known["kind"], pa.array(DECEIVING)).to_numpy(zero_copy_only=False)
    driver = campaign >= 0
    label = truth["label"].take(
        pc.index_in(logs["exchange_id"].combine_chunks(), truth["exchange_id"].combine_chunks())
    )
    prompts = [text or "" for text in logs["prompt"].to_pylist()]
    return World(
        name=name,
        seed=seed,
        accounts=accounts.to_pylist(),
        exchanges=logs["exchange_id"].combine_chunks(),
        account=at,
        at_us=logs["requested_at"].cast(pa.int64()).to_numpy(),
        shared={
            "ip": numbers(logs["ip"]),
            "client_fingerprint": numbers(logs["client_fingerprint"]),
            "payment": payment[at],
            "head": numbers(pa.chunked_array([pa.array([text[:HEAD] or None for text in prompts], pa.string())])),
        },
        prompts=prompts,
        tokens_out=pc.fill_null(logs["output_tokens"], 0).to_numpy(),
        status=pc.fill_null(logs["status"], 200).to_numpy(),
        created_us=created,
        unit=unit.astype(np.int64),
        driver=driver,
        neutral=(in_network | deceiving) & ~driver,
        campaign=campaign,
        campaigns=named,
        own=pc.is_in(label, pa.array(OWN)).to_numpy(zero_copy_only=False),
    )


def numbers(column: pa.ChunkedArray) -> Ints:
    """Distinct values numbered in order of their first appearance; -1 for nulls."""
    codes = column.combine_chunks().dictionary_encode().indices
    return np.asarray(pc.fill_null(codes, -1).to_numpy(zero_copy_only=False), np.int64)
