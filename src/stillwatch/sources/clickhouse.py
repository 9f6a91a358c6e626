"""A table of ClickHouse as lines of JSON over its HTTP interface, which is the same in all its versions."""

from __future__ import annotations

import http.client
import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NoReturn
from urllib.parse import parse_qs, unquote, urlsplit

from stillwatch import schema
from stillwatch.errors import InputError, MissingSource
from stillwatch.sources.guess import is_canonical
from stillwatch.sources.records import Part, Reader, read_json
from stillwatch.sources.streams import Stream

HTTP_PORT, HTTPS_PORTS = 8123, (443, 8443)
SECONDS = 300.0
"""Waited for a server that says nothing: it may have much to read before the first row."""
TAIL_BYTES = 16 << 10
"""Looked at when an answer ends: a server that fails in the middle says so in the place of the next row."""
_TIME = re.compile(r"(?:Nullable\(|LowCardinality\()*DateTime")


@dataclass(frozen=True, slots=True)
class _Address:
    url: str
    headers: dict[str, str]
    table: str


def read_clickhouse(reader: Reader) -> Iterator[Part]:
    """The parts of a table, in the order in which the server gives its rows; of a canonical one only our columns.

    The address is clickhouse://user:password@host:port/database#table; ports 443 and 8443 speak HTTPS, as any does with
    `?secure=1`. The password may stand in CLICKHOUSE_PASSWORD.
    Raises: InputError where the address names no table, or the server fails in the middle; MissingSource where it does
    not answer.
    """
    name = reader.place.name
    address = _address(reader.place.path, name)
    with closing(_ask(address, f"DESCRIBE TABLE {address.table} FORMAT JSONEachRow", name)) as answer:
        told = [json.loads(line) for line in answer.read().splitlines()]
    # Columns of this kind are there while rows are written, and cannot be read.
    kinds: dict[str, str] = {one["name"]: one["type"] for one in told if one.get("default_type") != "EPHEMERAL"}
    wanted = list(kinds)
    named = reader.fmt is None or reader.fmt.name == "canonical"
    if named and is_canonical(wanted):
        wanted = [one for one in wanted if one in schema.EXCHANGE.names or one == "messages"]
    chosen = ", ".join(_column(one, kinds[one]) for one in wanted)
    rows_of = address.table
    if named and reader.times and is_canonical(wanted) and _TIME.match(kinds["requested_at"]):
        # Servers of old take no parts of a second; a second more at the end is left out later.
        seconds = replace(reader.times, until=_second_after(reader.times.until))
        asked = " AND ".join(seconds.conditions("requested_at", "toDateTime(substring('%s', 1, 19), 'UTC')"))
        # Within, since outside the name is that of the time as text.
        rows_of = f"(SELECT {', '.join(map(_quoted, wanted))} FROM {rows_of} WHERE {asked})"
    query = f"SELECT {chosen} FROM {rows_of} AS log FORMAT JSONEachRow"
    with closing(_Rows(_ask(address, query, name), name)) as rows:
        stream = Stream(rows)
        if not stream.head:
            if reader.times:
                return
            reader.quarantine.add(name, 0, "is empty: a table without rows")
            return
        yield from read_json(reader, stream)


class _Rows:
    """The bytes of an answer; an error where the server did not give all of it."""

    def __init__(self, answer: http.client.HTTPResponse, name: str) -> None:
        self._answer, self._name = answer, name
        self._tail = b"\n"

    def read(self, size: int) -> bytes:
        try:
            data = self._answer.read(size)
        except (OSError, http.client.HTTPException) as error:
            self._broke(str(error) or type(error).__name__)
        self._tail = (self._tail + data)[-TAIL_BYTES:]
        if not data:
            for line in self._tail.split(b"\n")[1:]:
                if b"DB::Exception" in line and not line.startswith(b"{"):
                    self._broke(_said(line))
        return data

    def close(self) -> None:
        self._answer.close()

    def _broke(self, why: str) -> NoReturn:
        raise InputError(
            f"the server stopped in the middle: {why}",
            source=self._name,
            hint="nothing of a part of a table is reported: mend that, or read a smaller table or view, and scan again",
        )


def _address(url: str, name: str) -> _Address:
    parts = urlsplit(url)
    database = unquote(parts.path.strip("/")) or "default"
    if not parts.fragment or not parts.hostname:
        raise InputError(
            "names no table", source=name, hint="write clickhouse://user@host:8123/database#table, and quote it"
        )
    secure = parts.port in HTTPS_PORTS or parse_qs(parts.query).get("secure", ["0"])[-1].lower() in ("1", "true")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = parts.port or (HTTPS_PORTS[1] if secure else HTTP_PORT)
    password = unquote(parts.password) if parts.password is not None else os.environ.get("CLICKHOUSE_PASSWORD", "")
    headers = {"X-ClickHouse-User": unquote(parts.username or "default")}
    if password:
        headers["X-ClickHouse-Key"] = password
    table = f"{_quoted(database)}.{_quoted(unquote(parts.fragment))}"
    return _Address(f"http{'s' * secure}://{host}:{port}/", headers, table)


def _ask(address: _Address, query: str, name: str) -> http.client.HTTPResponse:
    # No settings are named: a user who may only read may not change any.
    request = urllib.request.Request(address.url, query.encode(), address.headers, method="POST")
    try:
        answer: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=SECONDS)
    except urllib.error.HTTPError as error:
        with error:
            said = _said(error.read(TAIL_BYTES)) or str(error)
        hint = "check the database and the table (...#table), the user, and what that user may read"
        raise MissingSource(f"cannot be read: {said}", source=name, hint=hint) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        why = getattr(error, "reason", error)
        hint = "check host and port: its HTTP interface is asked, on port 8123 where none is given"
        raise MissingSource(f"the database does not answer: {why}", source=name, hint=hint) from None
    return answer


def _column(name: str, kind: str) -> str:
    # As text a time has no zone, and numbers of days and seconds would have to be told apart.
    if _TIME.match(kind):
        return f"concat(toString(log.{_quoted(name)}, 'UTC'), 'Z') AS {_quoted(name)}"
    return f"log.{_quoted(name)} AS {_quoted(name)}"


def _second_after(at: datetime | None) -> datetime | None:
    return at + timedelta(seconds=1) if at is not None and at.microsecond else at


def _quoted(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def _said(answer: bytes) -> str:
    told = " ".join(answer.decode("utf-8", "replace").split())
    return told if len(told) <= 300 else f"{told[:300]}..."
