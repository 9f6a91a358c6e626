"""CloudTrail's records of Bedrock calls: the address and the software that an invocation log leaves out.

A trail's files are JSON documents with `Records`; of these the ones of Bedrock's runtime carry the `requestID` of a
call, which the invocation log has as `requestId`. Field names are those of AWS's documentation of CloudTrail's record
contents; no file of a live account was at hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import msgspec

from stillwatch.errors import BadRecord
from stillwatch.sources.joining import Link
from stillwatch.sources.registry import Document, Row

BEDROCK = "bedrock.amazonaws.com"

CALLS = ("InvokeModel", "InvokeModelWithResponseStream", "Converse", "ConverseStream")
"""Calls that the invocation log has as well."""

NOT_LOGGED = "is CloudTrail's record of a call that the invocation log does not hold"

_TRAIL = re.compile(rb'^\s*\{\s*"Records"\s*:\s*\[|"eventSource"\s*:')
_INVOCATION = re.compile(rb'"schemaType"\s*:\s*"ModelInvocationLog"|"modelId"\s*:')


def side(head: bytes) -> str:
    """Whether a file begins with invocations, or with a trail, whose calls may stand in another file."""
    if _TRAIL.search(head):
        return "more"
    return "whole" if _INVOCATION.search(head) else ""


def is_trail(document: Document) -> bool:
    """Whether a decoded document is a record of CloudTrail."""
    return "eventSource" in document and "eventName" in document and "modelId" not in document


def sureness(document: Document) -> float:
    """How sure it is that a document is a trail's, whole or one record of it; surer where it speaks of Bedrock."""
    listed = document.get("Records")
    records = [document] if not isinstance(listed, list) else [one for one in listed if isinstance(one, dict)]
    trail = [one for one in records if is_trail(one)]
    if not trail:
        return 0.0
    return 0.9 if any(one["eventSource"] == BEDROCK for one in trail) else 0.5


def split(data: bytes) -> Iterator[bytes] | None:
    """The records of one of a trail's files, one by one; None for any other document."""
    if not _TRAIL.match(data):
        return None
    try:
        records = msgspec.json.decode(data, type=_File).Records
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return (bytes(one) for one in records) if records else None


def parse(document: Document) -> Iterator[Row]:
    """What a trail's record tells of a call to a model; nothing of any other event.

    Raises: BadRecord where a call has no requestID.
    """
    if document.get("eventSource") != BEDROCK or document.get("eventName") not in CALLS:
        return
    request = document.get("requestID")
    if not isinstance(request, str) or not request:
        raise BadRecord("is CloudTrail's record of a call without its requestID")
    yield {
        "ip": _address(document.get("sourceIPAddress")),
        "client": document.get("userAgent") or None,
        "link": Link(request, "trail", otherwise={"fault": NOT_LOGGED}),
    }


def _address(value: Any) -> str | None:
    """The address; None where a service of AWS made the call for somebody, which stands there by its name."""
    try:
        return str(ip_address(str(value)))
    except ValueError:
        return None


class _File(msgspec.Struct):
    Records: list[msgspec.Raw] | None = None
