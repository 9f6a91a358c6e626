"""OpenTelemetry's spans and log records out of whatever they were written in: OTLP JSON, or spans one by one.

OTLP JSON is `resourceSpans` or `resourceLogs`, nested three deep, attributes as lists of typed values, 64-bit numbers
as strings, ids as hex (or base64, by generic writers of protobuf). Spans one by one are what console exporters and
trace stores write: attributes as an object, names with or without a prefix. Both come out as `Record`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

Attributes = dict[str, Any]

_RESOURCES = ("resourceSpans", "resource_spans", "resourceLogs", "resource_logs", "batches")
_SCOPES = (
    "scopeSpans", "scope_spans", "instrumentationLibrarySpans", "scopeLogs", "scope_logs", "instrumentationLibraryLogs",
)  # fmt: skip
_LISTS = ("spans", "logRecords", "log_records")
_AS_IT_IS = frozenset(("stringValue", "string_value", "boolValue", "bool_value"))
_SERVER = (2, "2", "SPAN_KIND_SERVER", "SERVER", "SpanKind.SERVER", "server")


@dataclass(slots=True)
class Record:
    """One span or log record.

    name: of the span or the event.  at: when it began (or happened), in microseconds, or as it was logged.
    failed: whether the span's status is an error; None for log records.  events: name and attributes of a span's
    events, the body under `body`.  body: of a log record.
    """

    name: str
    attributes: Attributes
    resource: Attributes
    trace: str | None
    span: str | None
    parent: str | None
    at: Any
    failed: bool | None = None
    message: str | None = None
    server: bool = False
    events: list[tuple[str, Attributes]] = field(default_factory=list)
    body: Any = None

    @property
    def is_span(self) -> bool:
        """Whether it is a span, not a log record."""
        return self.failed is not None

    @property
    def key(self) -> str | None:
        """What names the span; None where a log record stands in none."""
        return f"{self.trace}-{self.span}" if self.trace and self.span else None

    @property
    def above(self) -> str | None:
        """The key of the span above it."""
        return f"{self.trace}-{self.parent}" if self.trace and self.parent else None


def holds_records(document: Mapping[str, Any]) -> bool:
    """Whether the document is an export of OTLP."""
    return any(isinstance(document.get(name), list) for name in _RESOURCES)


def records(document: Mapping[str, Any]) -> Iterator[Record]:
    """The spans and log records of an OTLP document, or the one that a document is.

    Raises: TypeError, ValueError or AttributeError where something is put together otherwise.
    """
    if not holds_records(document):
        for one in page_of(document) or (document,):
            alone = plain_record(one)
            if alone is not None:
                yield alone
        return
    for group in _lists(document, _RESOURCES):
        resource = attributes_of(_object(group.get("resource")).get("attributes"))
        for scope in _lists(group, _SCOPES):
            for kind in _LISTS:
                for one in _objects(scope.get(kind)):
                    yield _span(one, resource) if kind == "spans" else _log(one, resource)


def page_of(document: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The spans of a page of a trace store's API (`data` or `spans`); None where a document is none."""
    for name in ("data", "spans"):
        listed = document.get(name)
        if isinstance(listed, list) and listed and all(isinstance(one, dict) for one in listed):
            return listed if all("attributes" in one and {"context", "trace_id"} & set(one) for one in listed) else None
    return None


def split(data: bytes) -> Iterator[bytes] | None:
    """The bytes of an OTLP document as documents of one span or log record each; None for any other document.

    Nothing but the record at hand is decoded, so that a long document costs no more memory than its bytes; what is
    written under older names is decoded whole.
    """
    todays = any(name in data for name in _TODAYS)
    if any(name in data for name in _OLDER) or (not todays and any(name in data[:_PAGE_HEAD] for name in _PAGES)):
        return _older_pieces(data)
    if not todays:
        return None
    try:
        export = msgspec.json.decode(data, type=_Export)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    groups = [*(export.resourceSpans or ()), *(export.resourceLogs or ())]
    scopes = [scope for group in groups for scope in (*(group.scopeSpans or ()), *(group.scopeLogs or ()))]
    return _pieces(export) if sum(len(one.spans or ()) + len(one.logRecords or ()) for one in scopes) > 1 else None


def any_value(value: Any) -> Any:
    """What a typed value of OTLP holds; a value that is not typed is itself."""
    if not isinstance(value, dict) or len(value) > 1:
        return value
    for kind, inner in value.items():
        if kind in _AS_IT_IS:
            return inner
        if kind in ("intValue", "int_value"):
            return int(inner)
        if kind in ("doubleValue", "double_value"):
            return float(inner)
        if kind in ("arrayValue", "array_value"):
            return [any_value(one) for one in _object(inner).get("values") or ()]
        if kind in ("kvlistValue", "kvlist_value"):
            return attributes_of(_object(inner).get("values"))
        if kind in ("bytesValue", "bytes_value"):
            return base64.b64decode(inner).decode("utf-8", "replace")
    return dict(value) or None


def attributes_of(value: Any) -> Attributes:
    """Attributes as a dict: of a list of keys and typed values, or of an object."""
    if isinstance(value, dict):
        return {str(name): one for name, one in value.items() if one is not None}
    out: Attributes = {}
    for one in _objects(value):
        typed = one.get("value")
        # Nearly all are strings: what a call of `any_value` would find is found here.
        found = typed["stringValue"] if typed.__class__ is dict and len(typed) == 1 and "stringValue" in typed else None
        if found is None:
            found = any_value(typed)
        if found is not None:
            out[str(one.get("key"))] = found
    return out


def plain_record(document: Mapping[str, Any]) -> Record | None:
    """The span or log record that a document is, as console exporters and Phoenix write it; None where it is none."""
    context = _object(document.get("context", document.get("spanContext")))
    trace = _first(document, context, ("trace_id", "traceId", "context.trace_id"))
    span = _first(document, context, ("span_id", "spanId", "context.span_id", "id"))
    attributes = attributes_of(document["attributes"]) if isinstance(document.get("attributes"), dict | list) else {}
    for name, value in document.items():
        if name.startswith("attributes.") and value is not None:
            attributes[name.removeprefix("attributes.")] = value
    if trace is None or not attributes:
        return None
    status = document.get("status")
    if isinstance(status, dict):
        code, message = status.get("status_code", status.get("code")), status.get("description", status.get("message"))
    else:
        code, message = document.get("status_code", status), document.get("status_message")
    kind = document.get("span_kind")
    if isinstance(kind, str) and kind and not kind.upper().startswith(("SPAN_KIND_", "SPANKIND.")):
        attributes.setdefault("openinference.span.kind", kind)
    if "severity_number" in document or "severityNumber" in document:
        event = document.get("event_name") or document.get("eventName") or attributes.get("event.name")
        times = ("timestamp", "observed_timestamp", "timeUnixNano")
        return Record(
            name=str(event or ""),
            attributes=attributes,
            resource=attributes_of(_object(document.get("resource")).get("attributes")),
            trace=_id(trace),
            span=_id(span),
            parent=None,
            at=_when(next((document[name] for name in times if document.get(name)), None)),
            body=document.get("body"),
        )
    starts = ("start_time", "startTime", "startTimeUnixNano")
    start = next((document[name] for name in starts if document.get(name)), None)
    return Record(
        name=str(document.get("name") or ""),
        attributes=attributes,
        resource=attributes_of(_object(document.get("resource")).get("attributes")),
        trace=_id(trace),
        span=_id(span),
        parent=_id(_first(document, {}, ("parent_id", "parentSpanId", "parent_span_id"))),
        at=_when(start),
        failed=str(code).upper().removeprefix("STATUS_CODE_") in ("ERROR", "2"),
        message=message if isinstance(message, str) else None,
        server=document.get("kind") in _SERVER,
        events=_events(document.get("events")),
    )


def microseconds_of(value: Any) -> int | None:
    """Nanoseconds since 1970, as number or string, in microseconds; None where the time is not set."""
    nanoseconds = int(value) if value not in (None, "") else 0
    return nanoseconds // 1_000 if nanoseconds else None


def export(span: dict[str, Any], service: str) -> dict[str, Any]:
    """An OTLP document of one span."""
    resource = {"attributes": [typed("service.name", service)]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": service}, "spans": [span]}]}]}


def typed(key: str, value: Any) -> dict[str, Any]:
    """An attribute of OTLP."""
    return {"key": key, "value": _typed_value(value)}


_TODAYS = (b'"resourceSpans"', b'"resourceLogs"')
_OLDER = (
    b'"resource_spans"', b'"resource_logs"', b'"scope_spans"', b'"scope_logs"', b'"log_records"',
    b'"instrumentationLibrarySpans"', b'"instrumentationLibraryLogs"', b'"batches"',
)  # fmt: skip


_TODAY = {"spans": ("resourceSpans", "scopeSpans", "spans"), "logRecords": ("resourceLogs", "scopeLogs", "logRecords")}
_PAGES = (b'"data":', b'"spans":')
_PAGE_HEAD = 256
"""Bytes from the start in which a page of spans says that it is one."""

_NULL = msgspec.Raw(b"null")
"""Of a field that may be anything: a type of Raw or None takes nothing but null."""


class _Scope(msgspec.Struct):
    scope: msgspec.Raw = _NULL
    spans: list[msgspec.Raw] | None = None
    logRecords: list[msgspec.Raw] | None = None


class _Group(msgspec.Struct):
    resource: msgspec.Raw = _NULL
    scopeSpans: list[_Scope] | None = None
    scopeLogs: list[_Scope] | None = None


class _Export(msgspec.Struct):
    resourceSpans: list[_Group] | None = None
    resourceLogs: list[_Group] | None = None


def _older_pieces(data: bytes) -> Iterator[bytes] | None:
    try:
        document = msgspec.json.decode(data)
        if not isinstance(document, dict):
            return None
        found: list[tuple[Any, ...]] = [
            (*_TODAY["spans" if kind == "spans" else "logRecords"], group.get("resource"), one)
            for group in _lists(document, _RESOURCES)
            for scope in _lists(group, _SCOPES)
            for kind in _LISTS
            for one in scope.get(kind) or ()
        ]
        alone = [] if found else page_of(document) or []
    except (AttributeError, TypeError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if len(found) + len(alone) < 2:
        return None
    # The record first: a quarantine shows the beginning.
    pieces: list[Any] = [
        {outer: [{middle: [{inner: [one]}], "resource": resource}]} for outer, middle, inner, resource, one in found
    ]
    return map(msgspec.json.encode, [*pieces, *alone])


def _pieces(export: _Export) -> Iterator[bytes]:
    for outer, middle, inner, groups in (
        (b"resourceSpans", b"scopeSpans", b"spans", export.resourceSpans or ()),
        (b"resourceLogs", b"scopeLogs", b"logRecords", export.resourceLogs or ()),
    ):
        for group in groups:
            resource = bytes(group.resource)
            for scope in (group.scopeSpans if inner == b"spans" else group.scopeLogs) or ():
                about = bytes(scope.scope)
                for one in (scope.spans if inner == b"spans" else scope.logRecords) or ():
                    # The record first: a quarantine shows the beginning.
                    yield b'{"%b":[{"%b":[{"%b":[%b],"scope":%b}],"resource":%b}]}' % (
                        outer, middle, inner, one, about, resource,
                    )  # fmt: skip


def _span(span: Mapping[str, Any], resource: Attributes) -> Record:
    status = _object(span.get("status"))
    start = span.get("startTimeUnixNano", span.get("start_time_unix_nano"))
    return Record(
        name=str(span.get("name") or ""),
        attributes=attributes_of(span.get("attributes")),
        resource=resource,
        trace=_id(span.get("traceId", span.get("trace_id"))),
        span=_id(span.get("spanId", span.get("span_id"))),
        parent=_id(span.get("parentSpanId", span.get("parent_span_id"))),
        at=microseconds_of(start),
        failed=status.get("code") in (2, "2", "STATUS_CODE_ERROR", "ERROR"),
        message=status.get("message") if isinstance(status.get("message"), str) else None,
        server=span.get("kind") in _SERVER,
        events=_events(span.get("events")),
    )


def _log(log: Mapping[str, Any], resource: Attributes) -> Record:
    attributes = attributes_of(log.get("attributes"))
    times = [log.get(name) for name in ("timeUnixNano", "time_unix_nano", "observedTimeUnixNano")]
    stamps = [stamp for time in times if (stamp := microseconds_of(time)) is not None]
    return Record(
        name=str(log.get("eventName") or log.get("event_name") or attributes.get("event.name") or ""),
        attributes=attributes,
        resource=resource,
        trace=_id(log.get("traceId", log.get("trace_id"))),
        span=_id(log.get("spanId", log.get("span_id"))),
        parent=None,
        at=stamps[0] if stamps else None,
        body=any_value(log.get("body")),
    )


def _events(value: Any) -> list[tuple[str, Attributes]]:
    return [(str(one.get("name") or ""), attributes_of(one.get("attributes"))) for one in _objects(value)]


def _id(value: Any) -> str | None:
    """An id as hex; what a generic writer made base64 of is turned back."""
    if not isinstance(value, str) or not value.strip("0"):
        return None
    written: str = value.removeprefix("0x")
    if len(written) in (12, 24) and written.endswith("="):
        try:
            return base64.b64decode(written, validate=True).hex()
        except binascii.Error:
            return written
    return written


def _when(value: Any) -> Any:
    if isinstance(value, list) and len(value) == 2:
        # JavaScript's exporters write seconds and nanoseconds.
        return int(value[0]) * 1_000_000 + int(value[1]) // 1_000
    if isinstance(value, int | str) and str(value).isdigit() and len(str(value)) >= 18:
        return microseconds_of(value)
    return value


def _typed_value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_typed_value(one) for one in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": [typed(str(key), one) for key, one in value.items()]}}
    return {} if value is None else {"stringValue": str(value)}


def _lists(holder: Mapping[str, Any], names: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    for name in names:
        yield from _objects(holder.get(name))


def _objects(value: Any) -> list[dict[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise TypeError("no list")
    for one in value:
        if not isinstance(one, dict):
            raise TypeError("no object")
    return value


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _first(document: Mapping[str, Any], context: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next(
        (one for name in names for one in (document.get(name), context.get(name)) if isinstance(one, str) and one), None
    )
