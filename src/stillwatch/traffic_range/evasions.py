"""What a campaign does so as not to be seen: dials from 0, the plain campaign, to 1, alike for every campaign.

Each dial changes one thing and throws dice of its own, so that the rest of a campaign stays as it was. Dials on
accounts are `disguised`, on times `retimed`, on texts `worded`, `spoken` and `overlapped`, on traffic `covered`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch.errors import UsageError
from stillwatch.traffic_range import clients, rhythm
from stillwatch.traffic_range.accounts import Accounts, shared_ids
from stillwatch.traffic_range.addresses import mixed
from stillwatch.traffic_range.conversations import pour, talk
from stillwatch.traffic_range.customers import N_APPLICATIONS, whose
from stillwatch.traffic_range.grammar import Ints, join
from stillwatch.traffic_range.ids import groups, random_ids
from stillwatch.traffic_range.stage import DAY, HOUR, SECOND, Stage, choose
from stillwatch.traffic_range.texts.moulds import TASKS, Drafts

DIALS: Mapping[str, str] = {
    "cover": "share of the accounts' traffic that is unrelated customers' (at 1 nine tenths, since all would be none)",
    "paraphrase_account": "share of a mould's sentences that are worded anew for each account",
    "paraphrase_request": "share of a mould's sentences that are worded anew for each request",
    "unique_payments": "share of the accounts that pay with a card of their own",
    "residential": "share of the accounts that send from home lines in place of rented exits",
    "spoofed_clients": "share of the accounts that say they are programs like anybody's, each its own",
    "jitter": "how far a request is moved from its moment, at 1 by up to half a day either way",
    "human_hours": "share of the accounts that keep the waking hours of their country",
    "human_gaps": "share of the accounts whose requests come in sittings, with a person's gaps",
    "uneven_load": "share of the requests that are dealt out as unevenly as people's own",
    "overlapping_items": "share of the requests whose item other accounts are given too",
    "account_age": "share of the accounts, replacements left out, that were opened long before, each in its own time",
    "languages": "share of the accounts that write in another language than English, mould and items",
    "split_orgs": "share of the accounts that are put into organisations of about six, which nobody verified",
}
"""Dials, and what each moves."""

MOST_COVER = 0.9
"""Of a campaign's traffic, at dial 1."""

TURNS = 2.38
"""Mean turns of a conversation, as `talk` makes them."""

SHORT_LIST = 200
"""Items of a kind that accounts are given more than once."""

FOREIGN_SENTENCES = 5
"""Of a mould in another language."""

Maker = Callable[[np.random.Generator, Ints], pa.StringArray]


def parse_dials(texts: Iterable[str]) -> dict[str, float]:
    """Dials from texts such as cover=0.5.

    Raises: UsageError for a name that is no dial and a number that is not from 0 to 1.
    """
    out: dict[str, float] = {}
    for text in texts:
        name, _, number = text.partition("=")
        if name not in DIALS:
            raise UsageError(f"no dial is called {name!r}", hint=f"dials: {', '.join(DIALS)}")
        try:
            value = float(number)
        except ValueError:
            value = -1.0
        if not 0 <= value <= 1:
            raise UsageError(f"--dial {text} needs a number from 0 to 1", hint=f"for example --dial {name}=0.5")
        out[name] = value
    return out


def disguised(stage: Stage, accounts: Accounts) -> Accounts:
    """A campaign's accounts behind its disguises: payments, addresses, programs, age, languages, organisations."""
    n, calendar = len(accounts), stage.calendar
    rng, some = _some(stage, "unique_payments", n)
    if some.any():
        own = pa.array(some & np.asarray(accounts.payment_id.is_valid()))
        accounts = accounts.but(
            payment_id=pa.compute.if_else(own, random_ids(rng, n, "pay_"), accounts.payment_id),
        )
    rng, some = _some(stage, "residential", n)
    if some.any():
        homes = stage.addresses.homes(rng, accounts.country, each=max(3, accounts.addresses.each))
        accounts = accounts.but(addresses=mixed([accounts.addresses, homes], some.astype(int)))
    rng, some = _some(stage, "spoofed_clients", n)
    if some.any():
        served = np.array(clients.SERVERS)[choose(rng, clients.SERVER_SHARES, n)]
        chats = np.array([*clients.CHATS, clients.CODEROO, clients.PATCHPILOT])[rng.integers(0, 6, n)]
        accounts = accounts.but(
            client=np.where(some, np.where(rng.random(n) < 0.5, served, chats), accounts.client),
            version=np.where(some, clients.versions(rng, n), accounts.version),
            build=np.where(some, choose(rng, [30, 20, 12, 10, 8, 6, 5, 4, 3, 2], n), accounts.build),
            updates=np.where(
                some, calendar.start + (rng.random(n) * calendar.days * 1.6 * DAY).astype(np.int64), accounts.updates
            ),
        )
    rng, some = _some(stage, "account_age", n)
    some &= accounts.created < calendar.day(2)
    if some.any():
        ago = calendar.day(-30) - (rng.exponential(240, n) * DAY).astype(np.int64)
        accounts = accounts.but(created=np.where(some, np.minimum(ago, accounts.created), accounts.created))
    rng, some = _some(stage, "languages", n)
    if some.any():
        accounts = accounts.but(language=np.where(some, rng.integers(1, 10, n), 0))
    rng, some = _some(stage, "split_orgs", n)
    if some.any():
        orgs = shared_ids(rng, groups(rng, n, 6), "org_")
        accounts = accounts.but(
            org_id=pa.compute.if_else(pa.array(some), orgs, accounts.org_id), verified=accounts.verified & ~some
        )
    return accounts


def retimed(stage: Stage, part: object, accounts: Accounts, who: Ints, at: Ints) -> tuple[Ints, Ints]:
    """(account, time) of a campaign's requests as it sends them: uneven load, jitter, human hours, human gaps.

    What would fall outside an account's life keeps its moment.  part: names the dice of these accounts.
    """
    n, (start, end) = len(who), accounts.until(stage.calendar)
    uneven, jitter = stage.dial("uneven_load"), stage.dial("jitter")
    if n and uneven:
        rng = stage.rng("uneven_load", part)
        # Shares of accounts as unlike as people's: gamma with shape one half.
        share = np.cumsum(rng.gamma(0.5, 2.0, len(accounts)))
        drawn = np.minimum(np.searchsorted(share / share[-1], rng.random(n), side="right"), len(accounts) - 1)
        dealt = (rng.random(n) < uneven) & (at >= start[drawn]) & (at < end[drawn])
        who = np.where(dealt, drawn, who)
    if jitter:
        moved = at + (stage.rng("jitter", part).uniform(-12, 12, n) * jitter * HOUR).astype(np.int64)
        at = _alive(at, moved, start[who], end[who])
    rng, human = _some(stage, "human_hours", len(accounts), part)
    if human.any():
        zone = (accounts.zone[who] * HOUR).astype(np.int64)
        hour = (rhythm.hour_of_day(rng, "waking", n) * HOUR).astype(np.int64)
        woken = (at + zone) // DAY * DAY + hour - zone
        at = np.where(human[who], _alive(at, woken, start[who], end[who]), at)
    rng, sits = _some(stage, "human_gaps", len(accounts), part)
    if n and sits.any():
        at = np.where(sits[who], _alive(at, _sittings(rng, who, at), start[who], end[who]), at)
    order = np.lexsort((at, who))
    return who[order], at[order]


def worded(stage: Stage, part: object, drafts: Drafts, who: Ints, which: Ints) -> tuple[Drafts, Ints]:
    """(drafts, which) for requests: the same, or worded anew for each account, or for each request.

    Assumes: all of an account's requests by these drafts are in this part, since an account keeps its wording.
    """
    each, always = stage.dial("paraphrase_account"), stage.dial("paraphrase_request")
    if each:
        pairs, which = np.unique(who * len(drafts.task) + which, return_inverse=True)
        drafts = drafts.take(pairs % len(drafts.task)).worded(stage.rng("paraphrase_account", part), each)
    if always:
        drafts, which = drafts.take(which).worded(stage.rng("paraphrase_request", part), always), np.arange(len(which))
    return drafts, which


def overlapped(stage: Stage, part: object, items: pa.StringArray, kind: Ints, make: Maker) -> pa.StringArray:
    """Items, some of them in place of an own one from a short list that all accounts are given from.

    kind: what kind of item each is.  make: makes items of kinds, by dice.
    """
    rng, some = _some(stage, "overlapping_items", len(items), part)
    if not some.any():
        return items
    kinds = np.unique(kind)
    pool = make(stage.rng("overlapping_items", "list"), np.repeat(kinds, SHORT_LIST))
    place = np.searchsorted(kinds, kind) * SHORT_LIST + rng.integers(0, SHORT_LIST, len(items))
    return pa.compute.if_else(pa.array(some), pool.take(pa.array(place)), items)


def spoken(
    stage: Stage, part: object, who: Ints, task: Ints, language: Ints, topic: Ints
) -> tuple[Ints, pa.StringArray]:
    """(rows, prompts) of the requests that are sent in another language than English: the rest of them stay.

    The mould is a few sentences of the language, alike for a task; it is worded anew as English ones are.
    """
    rows = np.flatnonzero(language > 0) if stage.dial("languages") else np.array([], np.int64)
    tongue, n_tasks = language[rows], int(task.max()) + 1 if len(task) else 1
    every = np.repeat(np.arange(10), n_tasks)
    each, always = stage.dial("paraphrase_account"), stage.dial("paraphrase_request")
    fixed, rng = stage.rng("languages", "moulds"), stage.rng("languages", part)
    accounts, account = np.unique(who[rows], return_inverse=True)
    parts: list[pa.StringArray | str] = []
    for _ in range(FOREIGN_SENTENCES):
        said = stage.texts.instruction(fixed, every, np.zeros(len(every), np.int64)).take(
            pa.array(tongue * n_tasks + task[rows])
        )
        if each:
            # An account speaks one language, so its wording is one for all its tasks.
            first = np.unique(account, return_index=True)[1]
            own = stage.texts.instruction(rng, tongue[first], np.zeros(len(accounts), np.int64))
            anew = pa.array((rng.random(len(accounts)) < each)[account])
            said = pa.compute.if_else(anew, own.take(pa.array(account)), said)
        if always:
            own = stage.texts.instruction(rng, tongue, np.zeros(len(rows), np.int64))
            said = pa.compute.if_else(pa.array(rng.random(len(rows)) < always), own, said)
        parts += [said, " "]
    return rows, join(*parts, "\n\n", stage.texts.message(rng, tongue, topic[rows]))


def covered(stage: Stage, part: object, accounts: Accounts, n_own: int) -> Iterator[pa.Table]:
    """Blocks of unrelated customers' traffic on a campaign's accounts: conversations, and applications' requests.

    n_own: the campaign's own exchanges on these accounts.
    """
    share = min(stage.dial("cover"), MOST_COVER)
    if not share or not n_own:
        return
    rng = stage.rng("cover", part)
    start, end = accounts.until(stage.calendar)
    wanted = n_own * share / (1 - share)
    a_day = wanted / max(float(np.maximum(end - start, 0).sum()) / DAY, 1.0)
    talks, at = rhythm.sessions(
        rng, stage.calendar, accounts, a_day / 2 / TURNS, hours="served", weekend=1.0, spread=0.3, bursty=0.3
    )
    yield talk(stage, rng, accounts, talks, at, language=rng.integers(0, 10, len(talks)), label="cover")
    calls, at = rhythm.sessions(
        rng, stage.calendar, accounts, a_day / 2, hours="served", weekend=1.0, spread=0.3, bursty=0.3
    )
    theirs = stage.rng("cover", "applications")
    moulds = stage.texts.own_moulds(
        theirs, theirs.integers(0, len(TASKS), N_APPLICATIONS), theirs.integers(0, 24, N_APPLICATIONS)
    )
    which = whose(stage, rng, at)
    topic = rng.integers(0, 24, len(calls))
    yield pour(stage, rng, accounts, calls, at, moulds, which, topic=topic, label="cover", owners=theirs)


def _some(stage: Stage, dial: str, n: int, part: object = "") -> tuple[np.random.Generator, npt.NDArray[np.bool_]]:
    """A dial's own dice, and which of n it takes hold of."""
    rng = stage.rng(dial, part)
    return rng, rng.random(n) < stage.dial(dial)


def _alive(at: Ints, moved: Ints, start: Ints, end: Ints) -> Ints:
    return np.where((moved >= start) & (moved < end), moved, at)


def _sittings(rng: np.random.Generator, who: Ints, at: Ints) -> Ints:
    """Times moved together: a day's requests of an account in a few sittings, with gaps of a minute or so within."""
    order = np.lexsort((at, who))
    who, sorted_at = who[order], at[order]
    day = sorted_at // DAY
    begins = np.ones(len(who), bool)
    begins[1:] = (who[1:] != who[:-1]) | (day[1:] != day[:-1]) | (rng.random(len(who) - 1) < 0.2)
    gaps = np.where(begins, 0.0, 1 + 70 * np.exp(rng.normal(0, 0.9, len(who))))
    passed = np.cumsum(gaps)
    first = np.flatnonzero(begins)[np.cumsum(begins) - 1]
    out = np.empty(len(at), np.int64)
    out[order] = sorted_at[first] + ((passed - passed[first]) * SECOND).astype(np.int64)
    return out
