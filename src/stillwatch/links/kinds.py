"""What accounts can share, kind by kind: each a query over `fingerprint` or the registry, in one evidence family.

A kind's query yields (unit, value, n): the value's hash and in how many exchanges the unit showed it. Adding a kind is
one entry here; everything after this step treats kinds alike.
"""

from __future__ import annotations

from dataclasses import dataclass

from stillwatch.links.addresses import ADDRESS, PREFIX

FAMILIES = ("text", "identity", "time", "work")
"""The evidence families that links belong to; appetite is no link.

Clients stand in the text family: a popular tool brings its mould, its tools and its client together, so they are one
fact about the software that sends, not three about who sends it (measured: counted apart, every popular tool looks
like a campaign)."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of indicator.

    group: kinds of one group say the same thing (an address and its prefix); only the best of them counts.
    label: what a person calls it.  needs: columns without which it is absent.  sql: the query.
    """

    name: str
    family: str
    group: str
    label: str
    needs: tuple[str, ...]
    sql: str


def _column(name: str, family: str, group: str, label: str, column: str, where: str = "true") -> Kind:
    chosen = f"{column} is not null and {where}"
    sql = f"select unit, {column} as value, count(*) as n from exchanges where {chosen} group by all"
    return Kind(name, family, group, label, (column,), sql)


def _registry(name: str, group: str, label: str, column: str, value: str) -> Kind:
    sql = f"select distinct unit, {value} as value, 1 as n from registry where {column} is not null"
    return Kind(name, "identity", group, label, (column,), sql)


def _place(name: str, label: str, column: str, value: str) -> Kind:
    sql = f"select unit, {value} as value, count(*) as n from exchanges where {value} is not null group by all"
    return Kind(name, "identity", "address", label, (column,), sql)


_TEMPLATE = """
select unit, {column} as value, count(*) as n
from exchanges join exchange_template using (position) join template using (template) group by all
"""

_HANDOFF = """
select unit, value, count(*) as n from (
    select unit, unnest([messages[len(messages) - 1], messages[len(messages) - 3]]) as value
    from exchanges where turns >= 2 and len(messages) >= 2
) where value is not null group by all
"""

MAX_HOLDERS = 8
"""Units that show a reasoning block at most: a block is one answer's, and one that more have was published."""

_REPLAY = f"""
with seen as (
    select unit, unnest(reasoning_out) as value, true as given from exchanges where len(reasoning_out) > 0
    union all
    select unit, unnest(reasoning_in) as value, false as given from exchanges where len(reasoning_in) > 0
)
select unit, value, count(*) as n from seen
semi join (select value from seen group by value having count(distinct unit) <= {MAX_HOLDERS}) using (value)
group by all
"""

KINDS: tuple[Kind, ...] = (
    Kind("template", "text", "template", "template", ("prompt_hash",), _TEMPLATE.format(column="template")),
    Kind("family", "text", "template", "template family", ("prompt_hash",), _TEMPLATE.format(column="template.family")),
    _column("system", "text", "template", "system prompt", "system_hash"),
    _column("tools", "text", "tools", "tool set", "tools_hash"),
    _column("item", "text", "item", "identical prompt", "prompt_hash", "prompt_words >= 8"),
    _column("payment", "identity", "payment", "payment instrument", "payment"),
    _registry("registry-payment", "payment", "payment instrument", "payment_id", "payment"),
    _column("email-domain", "identity", "email", "e-mail domain", "email_domain"),
    _registry("registry-email", "email", "e-mail domain", "email_domain", "email"),
    _place("address", "address", "ip", ADDRESS),
    _place("prefix", "network prefix", "ip_prefix", PREFIX),
    _registry("signup-prefix", "address", "network prefix at sign-up", "signup_ip", "signup_prefix"),
    _column("client-fingerprint", "text", "client", "client fingerprint", "client_fingerprint"),
    _column("client", "text", "client", "user agent", "client"),
    _column("sdk", "text", "client", "SDK", "sdk"),
    _registry("signup-hour", "signup", "hour of sign-up", "created_us", "signup_hour"),
    _column("end-user", "identity", "end-user", "end user", "end_user"),
    _column("session", "work", "handoff", "session", "session"),
    Kind("handoff", "work", "handoff", "conversation", ("messages",), _HANDOFF),
    Kind("replay", "work", "replay", "reasoning block", ("reasoning_in", "reasoning_out"), _REPLAY),
    Kind("rhythm", "time", "rhythm", "rhythm", ("requested_at",), ""),
)
"""Every kind, in the order of the documentation."""

GROUPS: tuple[str, ...] = tuple(dict.fromkeys(kind.group for kind in KINDS))
