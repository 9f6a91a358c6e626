"""Exchanges by the block: a population says who asks what and when; the rest of the columns follow, alike for all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwatch import schema
from stillwatch.traffic_range import addresses as places
from stillwatch.traffic_range import clients
from stillwatch.traffic_range.accounts import Accounts
from stillwatch.traffic_range.causes import Cause, failures
from stillwatch.traffic_range.digests import conversation
from stillwatch.traffic_range.grammar import Ints
from stillwatch.traffic_range.ids import nulls, only, random_ids
from stillwatch.traffic_range.stage import HOUR, SECOND, Stage

Flags = npt.NDArray[np.bool_]

TRUTH = pa.schema(
    [
        pa.field("label", pa.string(), nullable=False),
        pa.field("campaign", pa.string()),
        pa.field("population", pa.string(), nullable=False),
        pa.field("trajectory", pa.int64(), nullable=False),
    ]
)
"""What is known of an exchange beside its log: honest, driven, harvested_relay or cover; of which campaign."""

WORDS = {
    "country": places.CODES,
    "client": clients.USER_AGENTS,
    "client_fingerprint": clients.FINGERPRINTS,
    "platform": pa.array(clients.PLATFORMS),
    "model": pa.array(clients.MODELS),
    "prompt_source": pa.array(["human", "tool_result"]),
    "finish_reason": pa.array(["stop", "length", "tool_calls", "content_filter"]),
    "sdk": clients.SDK_HEADERS,
}
"""All texts of columns that have few, each text once, as Arrow writes dictionaries: exchanges hold places in these."""

BLOCK = pa.schema(
    [
        *(
            field.with_type(pa.dictionary(pa.int16(), pa.string())) if field.name in WORDS else field
            for field in schema.EXCHANGE
            if field.name != "exchange_id"
        ),
        *TRUTH,
    ]
)
"""A block of exchanges: the log's columns without the id, which is drawn when all are in order, and the truth."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a population says of its exchanges, a row each; sessions lie together, turn by turn.

    who: account.  at: µs.  prompt, system, tools: as sent.  session, turn: numbers from 0.
    out: tokens of the answer, before limits.  limit: max_tokens.  temperature: NaN where it is not set.
    from_tool: the last message is a tool's result.  model: a model's number, -1 for the account's own.
    refused: the model declines, where it answers at all.  reasoning_in: digests of opaque reasoning that is handed in;
    null where a program does as it always does: it hands back its own conversation's.  reasoning_out: digests of what
    is given out; null where the model does as it always does.  status: -1 where chance decides; a failure that is set
    here is not sent again, the population does that itself if at all.
    label, campaign: the truth, of all rows or a row each.
    """

    who: Ints
    at: Ints
    prompt: pa.StringArray
    out: npt.NDArray[np.float64]
    answer: pa.StringArray
    system: pa.StringArray | None = None
    tools: pa.Array | None = None
    session: Ints | None = None
    turn: Ints | None = None
    limit: npt.NDArray[np.float64] | None = None
    temperature: npt.NDArray[np.float64] | None = None
    from_tool: Flags | None = None
    model: Ints | None = None
    end_user: pa.StringArray | None = None
    refused: Flags | None = None
    reasoning_in: pa.Array | None = None
    reasoning_out: pa.Array | None = None
    status: Ints | None = None
    label: str | pa.StringArray = "honest"
    campaign: str | pa.StringArray | None = None


REFUSALS = pa.array(
    [
        "I can't help with that.",
        "Sorry, but I can't assist with this request.",
        "I'm not able to do that. Is there something else I can help with?",
        "That is something I have to decline.",
        "I won't write this, but I can explain the general background.",
        "I cannot share that.",
    ]
)
"""What a model says when it declines."""


def exchanges(stage: Stage, rng: np.random.Generator, accounts: Accounts, asked: Asked) -> pa.Table:
    """The block of exchanges that a population asked for, retries after outages included; `BLOCK` is its schema."""
    n = len(asked.who)
    session = np.arange(n) if asked.session is None else asked.session
    turn = np.zeros(n, np.int64) if asked.turn is None else asked.turn
    from_tool = np.zeros(n, bool) if asked.from_tool is None else asked.from_tool
    status, tries, hammers = _status(rng, stage, accounts, asked)
    # A failed request is sent again by the program, after a pause; each retry is a row of its own.
    if asked.status is not None:
        decided = asked.status >= 0
        status, tries = np.where(decided, asked.status, status), np.where(decided, 0, tries)
    failed = np.flatnonzero(tries)
    again = np.repeat(failed, tries[failed])
    row = np.concatenate([np.arange(n), again])
    ends = np.cumsum(tries[failed])
    nth = np.arange(len(again)) - np.repeat(ends - tries[failed], tries[failed])
    pause = (rng.exponential(np.where(hammers[again], 0.8, 4.0)) + 0.5) * (nth + 1) * SECOND
    at = np.concatenate([asked.at, asked.at[again] + pause.astype(np.int64)])
    # The log's clock is finer than ours: the fraction of the second is anybody's.
    at = at // SECOND * SECOND + rng.integers(0, SECOND, len(at))
    last = nth == tries[again] - 1
    status = np.concatenate([status, np.where(last & (rng.random(len(again)) < 0.85), 200, status[again])])
    who, session, turn, from_tool = asked.who[row], session[row], turn[row], from_tool[row]
    n = len(row)
    good = status == 200

    prompt = _with(asked.prompt, again)
    system = nulls(n) if asked.system is None else _with(asked.system, again)
    words_in = _lengths(prompt) / 4.0 + _lengths(system) / 4.0 + 12
    before = np.where(turn > 0, turn * rng.uniform(150, 420, n), 0.0)
    into = (words_in + before).astype(np.int64)
    cached = np.where(before > 0, before * rng.uniform(0.5, 0.95, n), 0.0).astype(np.int64)
    limit = np.full(n, np.nan) if asked.limit is None else asked.limit[row]
    out = np.maximum(asked.out[row] * np.exp(rng.normal(0, 0.25, n)), 1)
    cut = good & (out > limit)
    out = np.where(cut, limit, out).astype(np.int64)
    model = _model(accounts, who, at, None if asked.model is None else asked.model[row], rng)
    thinks = model % 3 == 2
    reasoning = np.where(thinks, out * rng.uniform(0.3, 0.7, n), 0).astype(np.int64)
    temperature = np.full(n, np.nan) if asked.temperature is None else asked.temperature[row]
    # A few answers are refusals always; what was asked for in vain is another matter.
    declined = np.zeros(n, bool) if asked.refused is None else asked.refused[row]
    refused = good & ((rng.random(n) < 0.004) | declined)
    # Dice of their own, so that what is drawn below changes nothing else.
    dice = stage.rng("answers", n, int(asked.at.sum()))
    out = np.where(refused, dice.integers(8, 60, n), out)
    reasoning = np.where(refused, 0, reasoning)
    calls = (
        np.zeros(n, bool)
        if asked.tools is None
        else (rng.random(n) < 0.8) & np.asarray(_with(asked.tools, again).is_valid())
    )
    finish = np.select([refused, cut, calls], [3, 1, 2], 0)

    each = accounts.addresses.each
    # A session stays at its address; one in twenty moves.
    seat = (session * 2_654_435_761 % 97 + (rng.random(n) < 0.05)) % each
    place = who * each + seat
    version = np.where(at >= accounts.updates[who], np.maximum(accounts.version[who] - 3, 0), accounts.version[who])
    client = accounts.client[who]
    key = who * accounts.keys_each + session * 40_503 % accounts.keys_each
    session_ids = random_ids(rng, int(session.max()) + 1 if n else 0, "ses_").take(pa.array(session))
    trajectory = rng.integers(0, 2**62, int(session.max()) + 1 if n else 0)[session]
    heads = conversation(rng, asked.prompt, asked.session, asked.turn, from_tool[: len(asked.who)])

    handed, given = _reasoning(dice, asked, row, good & (reasoning > 0))
    no = REFUSALS.take(pa.array(dice.integers(0, len(REFUSALS), n)))

    columns = {
        "requested_at": pa.array(at).cast(schema.TIME),
        "account_id": accounts.account_id.take(pa.array(who)),
        "org_id": accounts.org_id.take(pa.array(who)),
        "api_key_id": accounts.keys.take(pa.array(key)),
        "payment_id": nulls(n),
        "email_domain": nulls(n),
        "ip": accounts.addresses.ip.take(pa.array(place)),
        "asn": pa.array(accounts.addresses.asn[place]),
        "country": _word("country", accounts.addresses.country[place]),
        "client": _word("client", clients.user_agents(client, version)),
        "client_fingerprint": _word("client_fingerprint", clients.fingerprints(client, version, accounts.build[who])),
        "platform": _word("platform", accounts.platform[who]),
        "model": _word("model", model),
        "system_prompt": system,
        "prompt": prompt,
        "first_user": _with(heads.first_user, again),
        "prompt_source": _word("prompt_source", from_tool),
        "history_digest": _with(heads.history_digest, again),
        "history_length": _with(heads.before, again),
        "message_digests": _with(heads.message_digests, again),
        "turns": _with(heads.before, again),
        "tools": pa.nulls(n, pa.list_(pa.string())) if asked.tools is None else _with(asked.tools, again),
        "max_tokens": pa.array(np.nan_to_num(limit).astype(np.int64), mask=np.isnan(limit)),
        "temperature": pa.array(np.nan_to_num(temperature), mask=np.isnan(temperature)),
        "input_tokens": pa.array(into),
        "output_tokens": pa.array(np.where(good, out, 0)),
        "cached_tokens": pa.array(np.where(good, cached, 0)),
        "reasoning_tokens": pa.array(np.where(good, reasoning, 0)),
        "finish_reason": _word("finish_reason", finish, ~good),
        "status": pa.array(status),
        "response": only(good, pc.if_else(pa.array(refused), no, _with(asked.answer, again))),
        "session_id": only(clients.names_sessions(client), session_ids),
        "end_user_id": nulls(n) if asked.end_user is None else _with(asked.end_user, again),
        "sdk": _word("sdk", *clients.sdk_headers(client, version, accounts.build[who])),
        "reasoning_in": handed,
        "reasoning_out": given,
        "label": _told(asked.label, row),
        "campaign": _told(asked.campaign, row),
        "population": pa.repeat(pa.scalar(stage.kind or stage.name), n),
        "trajectory": pa.array(trajectory),
    }
    return pa.table(columns, schema=BLOCK)


def _word(column: str, place: Ints | Flags, absent: Flags | None = None) -> pa.DictionaryArray:
    """A column of `WORDS`. place: of each exchange's word.  absent: where there is none."""
    return pa.DictionaryArray.from_arrays(pa.array(place.astype(np.int16), mask=absent), WORDS[column])


def _told(truth: str | pa.StringArray | None, row: Ints) -> pa.StringArray:
    """A column of the truth, of rows that are all alike or each for itself."""
    if truth is None or isinstance(truth, str):
        return pa.repeat(pa.scalar(truth, pa.string()), len(row))
    return truth.take(pa.array(row))


def _with(texts: pa.Array, again: Ints) -> pa.Array:
    """An array with some of its rows once more at its end: the retries behind everything else."""
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    return pa.concat_arrays([texts, texts.take(pa.array(again))]) if len(again) else texts


def _reasoning(dice: np.random.Generator, asked: Asked, row: Ints, thinks: Flags) -> tuple[pa.Array, pa.Array]:
    """(reasoning_in, reasoning_out): a block a thinking answer, handed back with the next turn of its conversation.

    Programs hand a block back with a tool's result always, and half of the accounts do so with other turns.
    row: of `asked` that each exchange is; the first exchanges are its rows, the retries follow.
    """
    n = len(asked.who)
    ids = random_ids(dice, n, "", 32)
    given = _alone(ids.take(pa.array(row)), thinks)
    if asked.reasoning_out is not None:
        given = pc.coalesce(_with(asked.reasoning_out, row[n:]), given)
    keeps = dice.random(int(asked.who.max()) + 1 if n else 0)[asked.who] < 0.5
    if asked.from_tool is not None:
        keeps = keeps | asked.from_tool
    before = np.maximum(np.arange(n) - 1, 0)
    turn = np.zeros(n, np.int64) if asked.turn is None else asked.turn
    back = _alone(ids.take(pa.array(before)), (turn > 0) & keeps & thinks[:n][before])
    if asked.reasoning_in is not None:
        back = pc.coalesce(asked.reasoning_in, back)
    return _with(back, row[n:]), given


def _alone(texts: pa.StringArray, some: Flags) -> pa.Array:
    """Lists of one text each, null where the mask does not hold."""
    offsets = np.concatenate([[0], np.cumsum(some)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), texts.filter(pa.array(some)), mask=pa.array(~some))


def _status(rng: np.random.Generator, stage: Stage, accounts: Accounts, asked: Asked) -> tuple[Ints, Ints, Flags]:
    """(HTTP status, times that it is sent again, whether within seconds): a few failures always, and the calendar's."""
    drawn = rng.random(len(asked.at))
    status = np.select([drawn < 0.004, drawn < 0.007, drawn < 0.010], [429, 500, 400], 200).astype(np.int64)
    outages = tuple(Cause(begin, end + HOUR // 6, 529, 0.7) for begin, end in stage.calendar.outages)
    client, platform = accounts.client[asked.who], accounts.platform[asked.who]
    return failures(rng, outages + stage.calendar.causes, asked.at, client, platform, accounts.zone[asked.who], status)


def _model(accounts: Accounts, who: Ints, at: Ints, model: Ints | None, rng: np.random.Generator) -> Ints:
    """Each exchange's model: the account's own, its successor once it was adopted, a cheap one now and then."""
    own = accounts.model[who] if model is None else np.where(model >= 0, model, accounts.model[who])
    own = np.where(rng.random(len(who)) < 0.04, 1, own)
    # An account that has adopted the new model keeps the old one for some of its work.
    return np.where((at >= accounts.adopts[who]) & (rng.random(len(who)) < 0.93), own + 3, own)


def _lengths(texts: pa.StringArray) -> npt.NDArray[np.float64]:
    return np.asarray(pc.binary_length(texts).fill_null(0)).astype(float)
