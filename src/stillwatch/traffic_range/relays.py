"""Relays: real customers' conversations passed on over a campaign's accounts, with or without a harvesting tail."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range import rhythm
from stillwatch.traffic_range.accounts import Accounts
from stillwatch.traffic_range.conversations import tastes, together
from stillwatch.traffic_range.evasions import worded
from stillwatch.traffic_range.exchanges import Asked, exchanges
from stillwatch.traffic_range.grammar import Ints, join
from stillwatch.traffic_range.ids import random_ids
from stillwatch.traffic_range.orders import weaker
from stillwatch.traffic_range.stage import Stage
from stillwatch.traffic_range.texts.moulds import Drafts

SPOKEN = [0.42, 0.2, 0.08, 0.06, 0.05, 0.06, 0.05, 0.04, 0.03, 0.01]
"""Shares of languages among a relay's customers."""

TAILS = 10
"""Variations of the harvesting instruction."""


def tails(stage: Stage) -> Drafts:
    """Variations of one instruction: to write the thinking down, and in what form."""
    return stage.texts.drafts(stage.rng("tails"), "reason", TAILS, rules=("m_task", "m_rule", "m_format", "m_end"))


def relayed(
    stage: Stage,
    first: int,
    accounts: Accounts,
    who: Ints,
    start: Ints,
    *,
    tail: Drafts | None,
    going_on: float = 0.5,
    hops: float = 0.3,
) -> pa.Table:
    """Customers' conversations that begin at given times, each turn on the account that is at hand.

    first: of these accounts in the campaign.  tail: what is put behind every prompt.  going_on: chance of one more
    turn.  hops: chance that a later turn goes to another account of the part.
    """
    rng = stage.rng("relayed", first)
    session, turn, at = rhythm.turns(rng, start, rng.geometric(1 - going_on, len(who)), gap=70)
    n = len(session)
    carrier = who[session]
    begin, end = accounts.until(stage.calendar)
    other = rng.integers(0, len(accounts), n)
    hop = (turn > 0) & (rng.random(n) < hops) & (at >= begin[other]) & (at < end[other])
    carrier = np.where(hop, other, carrier)
    language, topic = rng.choice(10, len(who), p=SPOKEN)[session], rng.integers(0, 24, len(who))[session]
    fresh, later = np.flatnonzero(turn == 0), np.flatnonzero(turn > 0)
    prompt = together(
        n,
        (fresh, stage.texts.ask(rng, language[fresh], topic[fresh])),
        (later, stage.texts.follow(rng, language[later], topic[later])),
    )
    longer = 0.0
    if tail is not None:
        which = (first + carrier + rng.integers(0, 2, n)) % TAILS
        wording, row = worded(stage, first, tail, carrier, which)
        prompt = join(prompt, pa.repeat(pa.scalar("\n\n"), n), wording.text().take(pa.array(row)))
        longer = 1.1
    limit, temperature = tastes(rng, len(accounts))
    asked = Asked(
        who=carrier,
        at=at,
        prompt=prompt,
        out=np.exp(rng.normal(5.3 + longer, 0.7, n)),
        answer=stage.texts.answer(rng, language, topic),
        session=session,
        turn=turn,
        limit=limit[carrier],
        temperature=temperature[carrier],
        model=weaker(stage, at),
        label="harvested_relay",
        campaign=stage.name,
    )
    return _sessions_apart(rng, exchanges(stage, rng, accounts, asked))


def _sessions_apart(rng: np.random.Generator, block: pa.Table) -> pa.Table:
    """The block with a session's id its own on each account: who passes a turn on passes no other account's id on."""
    pair = join(block["session_id"].combine_chunks(), block["account_id"].combine_chunks()).dictionary_encode()
    ids = random_ids(rng, len(pair.dictionary), "ses_").take(pair.indices)
    return block.set_column(block.schema.get_field_index("session_id"), block.schema.field("session_id"), ids)
