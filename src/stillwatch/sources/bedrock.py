"""Amazon Bedrock's model invocation log, as it comes in S3 (gzip, one record a line) or out of CloudWatch.

A record wraps the body that was sent, in the shape of the model's maker or of Converse, and the body that came back.
Bodies over 100 KB are not in the record but in an object of their own (`inputBodyS3Path`), which is read from the
log's bucket or its local copy; where it cannot be had, the exchange comes without text. Addresses and user agents are
not in this log at all: CloudTrail has them, and its files beside the log's are read for them (`cloudtrail`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from stillwatch.errors import BadRecord
from stillwatch.sources import anthropic, cloudtrail, streamed
from stillwatch.sources.chat_templates import prompt_messages
from stillwatch.sources.documents import decode
from stillwatch.sources.envelope import decoded, iso_time, without_nulls
from stillwatch.sources.joining import Link
from stillwatch.sources.messages import (
    CONVERSATION,
    as_messages,
    opaque_blocks,
    rebuild_messages,
    stand_in,
    text_of,
    tool_names,
)
from stillwatch.sources.registry import Document, Format, Row, register

ERRORS = {
    "ValidationException": 400,
    "ServiceQuotaExceededException": 402,
    "AccessDeniedException": 403,
    "ResourceNotFoundException": 404,
    "ModelTimeoutException": 408,
    "ModelErrorException": 424,
    "ThrottlingException": 429,
    "ModelNotReadyException": 429,
    "InternalServerException": 500,
    "ServiceUnavailableException": 503,
}
"""errorCode -> HTTP status."""

TENANT_KEYS = ("account_id", "accountId", "tenant_id", "tenantId", "tenant", "customer_id", "customerId", "customer")
USER_KEYS = ("end_user_id", "endUserId", "user_id", "userId", "user", "end_user", "endUser")
SESSION_KEYS = ("session_id", "sessionId", "conversation_id", "conversationId", "traceId", "trace_id")
_MISSING = "bodyMissing"
"""Beside a body's address: why the body is not here."""

_ROLE = re.compile(r"^(arn:[\w-]+:sts::\d*:assumed-role/.+)/([^/]+)$")
_MADE_UP = re.compile(r"^(botocore-session-\d+|aws-sdk-[\w-]+|AWSCLI-Session|i-[0-9a-f]{8,}|\d+|[0-9a-f-]{20,})$")
"""Names that software gives to the sessions of a role: kept, each of them would be an account."""


def parse(document: Document) -> Iterator[Row]:
    """The exchange that a record is; of CloudTrail's records what they tell of a call.

    Raises: BadRecord where it is neither.
    """
    if cloudtrail.is_trail(document):
        yield from cloudtrail.parse(document)
        return
    document = _out_of_cloudwatch(document)
    if document.get("schemaType") not in (None, "ModelInvocationLog") or "modelId" not in document:
        raise BadRecord("is no record of Bedrock's model invocation log")
    logged_in, logged_out = _object(document.get("input")), _object(document.get("output"))
    request, answer = _object(logged_in.get("inputBodyJson")), _answer(logged_out.get("outputBodyJson"))
    sides = (("input", logged_in), ("output", logged_out))
    metadata = _object(document.get("requestMetadata"))
    # An application with customers of its own is one AWS account, which would make one of all of them.
    tenant = next((metadata[name] for name in TENANT_KEYS if metadata.get(name)), None)
    row: Row = {
        "exchange_id": document.get("requestId"),
        "requested_at": document.get("timestamp"),
        "account_id": tenant or principal(_object(document.get("identity")).get("arn")) or document.get("accountId"),
        "org_id": metadata.get("org_id") if tenant else document.get("accountId"),
        "platform": "bedrock",
        "model": model_name(document["modelId"]),
        "session_id": next((metadata[name] for name in SESSION_KEYS if metadata.get(name)), None),
        "end_user_id": next((metadata[name] for name in USER_KEYS if metadata.get(name)), None),
    }
    if row["account_id"] is None:
        raise BadRecord("names no account: it has neither identity.arn nor accountId")
    _fill_request(row, request)
    _fill_answer(row, answer)
    _fill_counts(row, logged_in, logged_out)
    code = document.get("errorCode")
    row["status"] = ERRORS.get(str(code), int(code) if str(code).isdigit() else None) if code else 200
    missing = [
        f"bodies of {name} over 100 KB {why}" for name, one in sides if (why := _why_missing(name, one)) is not None
    ]
    if isinstance(document.get("requestId"), str):
        row |= {"fault": "", "link": Link(document["requestId"], "invocation")}
    row["notes"] = [f"{one}: kept without that text" for one in missing]
    yield row


def fetch(document: Document, read: Callable[[str], bytes]) -> None:
    """Put large bodies into the record that names them; where one cannot be had, why."""
    record = _out_of_cloudwatch(document)
    if record is not document:
        document.clear()
        document.update(record)
    for side in ("input", "output"):
        logged = document.get(side)
        if not isinstance(logged, dict) or logged.get(f"{side}BodyJson") is not None:
            continue
        address = logged.get(f"{side}BodyS3Path")
        if not isinstance(address, str) or not address:
            continue
        try:
            logged[f"{side}BodyJson"] = decode(read(address))
        except OSError as error:
            logged[_MISSING] = str(error)
        except ValueError:
            logged[_MISSING] = "are no JSON (pictures, or damaged)"


def sniff(document: Document) -> float:
    """Sure with the schema's type; of CloudTrail's records as far as they speak of Bedrock."""
    if (trail := cloudtrail.sureness(document)) > 0.0:
        return trail
    document = _out_of_cloudwatch(document)
    if document.get("schemaType") == "ModelInvocationLog":
        return 1.0
    marks = ("modelId", "accountId", "requestId", "operation", "input", "output")
    named = isinstance(document.get("identity"), dict) and "arn" in document["identity"]
    return 0.8 if named and sum(mark in document for mark in marks) >= 5 else 0.0


def write(rows: Iterable[Row]) -> Iterator[Document]:
    """Records of the log, with bodies as Converse has them."""
    for row in rows:
        chat = rebuild_messages(row)
        system, messages = anthropic.as_anthropic(chat)
        config = without_nulls({"maxTokens": row.get("max_tokens"), "temperature": row.get("temperature")})
        request: dict[str, Any] = {"messages": [_converse_message(message) for message in messages]} if messages else {}
        if system is not None:
            request["system"] = [{"text": text_of(system)}]
        if config:
            request["inferenceConfig"] = config
        if row.get("tools") is not None:
            tools = [{"toolSpec": {"name": name, "inputSchema": {"json": {}}}} for name in row["tools"]]
            request["toolConfig"] = {"tools": tools}
        total, cached = row.get("input_tokens"), row.get("cached_tokens")
        code = row.get("status")
        metadata = without_nulls({"session_id": row.get("session_id"), "end_user_id": row.get("end_user_id")})
        record: Document = {
            "schemaType": "ModelInvocationLog",
            "schemaVersion": "1.0",
            "timestamp": iso_time(row["requested_at"]),
            "accountId": row.get("org_id"),
            "identity": {"arn": row["account_id"]},
            "region": "us-east-1",
            "requestId": row["exchange_id"],
            "operation": "Converse",
            "modelId": row["model"],
            "input": without_nulls(
                {
                    "inputContentType": "application/json",
                    "inputBodyJson": request or None,
                    "inputTokenCount": None if total is None else total - (cached or 0),
                    "cacheReadInputTokenCount": cached,
                }
            ),
            "output": without_nulls(
                {
                    "outputContentType": "application/json",
                    "outputBodyJson": _write_answer(row),
                    "outputTokenCount": row.get("output_tokens"),
                }
            ),
        }
        if metadata:
            record["requestMetadata"] = metadata
        if code is not None and code >= 400:
            record["errorCode"] = next((name for name, known in ERRORS.items() if known == code), str(code))
        yield without_nulls(record)


def principal(arn: Any) -> str | None:
    """Who called: the identity's ARN, without a session name that software made up."""
    if not isinstance(arn, str) or not arn:
        return None
    match = _ROLE.match(arn)
    return match.group(1) if match and _MADE_UP.match(match.group(2)) else arn


def model_name(model_id: Any) -> str:
    """The model or profile that an id or ARN names."""
    text = str(model_id)
    return text.rpartition("/")[2] if text.startswith("arn:") else text


def _why_missing(side: str, logged: Mapping[str, Any]) -> str | None:
    if logged.get(f"{side}BodyJson") is not None or not logged.get(f"{side}BodyS3Path"):
        return None
    return str(logged.get(_MISSING) or "stand in files of their own")


def _fill_request(row: Row, request: Mapping[str, Any]) -> None:
    """Of the bodies of Converse, Anthropic, Nova, Llama, Mistral, Titan, Cohere, AI21 and OpenAI's shape."""
    config = _object(request.get("inferenceConfig")) or _object(request.get("textGenerationConfig"))
    row["tools"] = tool_names(request.get("toolConfig") or request.get("tools"))
    limits = (
        "max_tokens",
        "max_gen_len",
        "max_tokens_to_sample",
        "max_completion_tokens",
        "maxTokens",
        "max_new_tokens",
    )
    found = (*(request.get(name) for name in limits), *(config.get(name) for name in (*limits, "maxTokenCount")))
    row["max_tokens"] = next((one for one in found if one is not None), None)
    row["temperature"] = request.get("temperature", config.get("temperature"))
    messages: list[dict[str, Any]] = []
    if request.get("messages"):
        messages = as_messages(request["messages"])
    elif isinstance(request.get("message"), str):
        for turn in request.get("chat_history") or ():
            role = "assistant" if str(turn.get("role")).upper() == "CHATBOT" else "user"
            messages.append({"role": role, "content": turn.get("message")})
        messages.append({"role": "user", "content": request["message"]})
    else:
        text = next((request[name] for name in ("prompt", "inputText") if isinstance(request.get(name), str)), None)
        if text is not None:
            messages = prompt_messages(text)
    system = request.get("system") or request.get("preamble")
    if system:
        messages.insert(0, {"role": "system", "content": system})
    row["messages"] = messages


def _answer(value: Any) -> dict[str, Any]:
    value = decoded(value)
    if isinstance(value, dict):
        return dict(value)
    stream = streamed.events(value)
    if stream is None:
        return {"text": value} if isinstance(value, str) and value else {}
    if any(event.get("type") in ("message_start", "content_block_delta", "message_delta") for event in stream):
        whole = streamed.message(stream)
    elif any({"contentBlockDelta", "messageStop"} & set(event) for event in stream):
        whole = streamed.converse(stream)
    elif any("choices" in event for event in stream):
        whole = streamed.chat_completion(stream)
    else:
        # Llama, Titan, Mistral, Cohere: each chunk is a small answer of the model's own shape.
        whole = {"text": "".join(_text(event) or "" for event in stream)}
        reasons = [reason for event in stream if (reason := _reason(event)) is not None]
        whole["stop_reason"] = reasons[-1] if reasons else None
    metrics = [
        event["amazon-bedrock-invocationMetrics"] for event in stream if "amazon-bedrock-invocationMetrics" in event
    ]
    if metrics:
        whole["metrics"] = metrics[-1]
    return whole


def _fill_answer(row: Row, answer: Mapping[str, Any]) -> None:
    message = _object(_object(answer.get("output")).get("message"))
    content = message.get("content") if message else answer.get("content")
    if isinstance(content, list):
        if message:
            row["response"] = text_of([one for one in content if isinstance(one, dict) and "text" in one]) or None
            row["finish_reason"] = answer.get("stopReason")
            row["reasoning_out_blocks"] = list(opaque_blocks(content))
        else:
            anthropic.fill_answer(row, answer)
    else:
        row["response"] = _text(answer) or None
        row["finish_reason"] = _reason(answer)


def _fill_counts(row: Row, logged_in: Mapping[str, Any], logged_out: Mapping[str, Any]) -> None:
    counts = [
        logged_in.get(name) for name in ("inputTokenCount", "cacheReadInputTokenCount", "cacheWriteInputTokenCount")
    ]
    if counts[0] is not None:
        row["input_tokens"] = anthropic.all_input(counts)
        row["cached_tokens"] = counts[1]
    if logged_out.get("outputTokenCount") is not None:
        row["output_tokens"] = logged_out["outputTokenCount"]


def _text(answer: Mapping[str, Any]) -> str | None:
    """The text of an answer in one of the shapes without blocks, or of a chunk of it."""
    for name in ("generation", "completion", "outputText", "text", "delta"):
        if isinstance(answer.get(name), str):
            return str(answer[name])
    for name, inner in (("results", "outputText"), ("outputs", "text"), ("generations", "text"), ("choices", "text")):
        listed = answer.get(name)
        if isinstance(listed, list) and listed and isinstance(listed[0], dict):
            one = listed[0]
            message = one.get("message")
            if isinstance(message, dict):
                return text_of(message.get("content"))
            return str(one[inner]) if isinstance(one.get(inner), str) else None
    completions = answer.get("completions")
    if isinstance(completions, list) and completions and isinstance(completions[0], dict):
        return text_of(_object(completions[0].get("data")).get("text"))
    return None


def _reason(answer: Mapping[str, Any]) -> Any:
    listed = next(
        (answer[n] for n in ("results", "outputs", "generations", "choices", "completions") if answer.get(n)), None
    )
    one = listed[0] if isinstance(listed, list) and isinstance(listed[0], dict) else answer
    names = ("stop_reason", "finish_reason", "completionReason", "finishReason", "stopReason")
    reason = next((one[name] for name in names if one.get(name)), None)
    return reason.get("reason") if isinstance(reason, dict) else reason


def _converse_message(message: Mapping[str, Any]) -> dict[str, Any]:
    content = message["content"]
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return {"role": message["role"], "content": [_converse_block(part) for part in parts]}


def _converse_block(part: Mapping[str, Any]) -> dict[str, Any]:
    kind = part.get("type")
    if kind == "tool_use":
        return {"toolUse": {"toolUseId": part.get("id"), "name": part["name"], "input": part["input"]}}
    if kind == "tool_result":
        inner = part.get("content")
        return {"toolResult": {"toolUseId": part.get("tool_use_id"), "content": [{"text": text_of(inner)}]}}
    if kind == "thinking":
        return {
            "reasoningContent": {"reasoningText": {"text": part.get("thinking") or "", "signature": part["signature"]}}
        }
    if kind == "redacted_thinking":
        return {"reasoningContent": {"redactedContent": part["data"]}}
    return {"text": text_of([part])}


def _write_answer(row: Row) -> dict[str, Any] | None:
    blocks = [
        {"reasoningContent": {"reasoningText": {"text": "", "signature": stand_in(one)}}}
        for one in row.get("reasoning_out") or ()
    ]
    if row.get("response") is None and row.get("finish_reason") is None and not blocks:
        return None
    content: list[dict[str, Any]] = [*blocks, *([{"text": row["response"]}] if row.get("response") is not None else [])]
    return {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": row.get("finish_reason")}


def _out_of_cloudwatch(document: Document) -> Document:
    """The record itself, where an export from CloudWatch wrapped it into an event."""
    if "modelId" not in document:
        inner = decoded(document.get("message", document.get("@message")))
        if isinstance(inner, dict) and "modelId" in inner:
            return inner
    return document


def _object(value: Any) -> dict[str, Any]:
    value = decoded(value)
    return value if isinstance(value, dict) else {}


BEDROCK = register(
    Format(
        name="bedrock",
        title="Amazon Bedrock model invocation logs (S3: gzip JSON lines; CloudWatch)",
        fills={
            "exchange_id": "requestId",
            "requested_at": "timestamp",
            "account_id": "requestMetadata: account_id, tenant_id or customer_id; else identity.arn, without a role's "
            "session name that software made up; else accountId",
            "org_id": "accountId; requestMetadata.org_id where the account comes from requestMetadata",
            "platform": "bedrock",
            "model": "modelId, of an ARN its last part",
            "session_id": "requestMetadata: session_id, conversation_id or traceId",
            "end_user_id": "requestMetadata: end_user_id, user_id or user",
            "system_prompt": "input.inputBodyJson",
            **dict.fromkeys(
                CONVERSATION,
                "input.inputBodyJson",
            ),
            "tools": "input.inputBodyJson: toolConfig or tools",
            "max_tokens": "input.inputBodyJson",
            "temperature": "input.inputBodyJson",
            "input_tokens": "input: inputTokenCount + cacheReadInputTokenCount + cacheWriteInputTokenCount",
            "output_tokens": "output.outputTokenCount",
            "cached_tokens": "input.cacheReadInputTokenCount",
            "finish_reason": "output.outputBodyJson",
            "status": "errorCode",
            "response": "output.outputBodyJson",
            "reasoning_in": "signatures in input.inputBodyJson",
            "reasoning_out": "signatures in output.outputBodyJson",
        },
        turn_on={
            "prompt": "model invocation logging with text delivery; copy data/ with the log, since it holds the bodies "
            "over 100 KB",
            "response": "model invocation logging with text delivery",
            "account_id": "have your application send requestMetadata with account_id, where its customers share one "
            "AWS account",
            "session_id": "have callers send requestMetadata with session_id",
            "end_user_id": "have callers send requestMetadata with user_id",
            "ip": "give CloudTrail's files of the same days beside the log: they are joined by requestId",
            "client": "give CloudTrail's files of the same days beside the log: they are joined by requestId",
            "payment_id": "bring it in the account registry (--accounts)",
        },
        parse=parse,
        sniff=sniff,
        write=write,
        fetch=fetch,
        split=cloudtrail.split,
        joined=True,
        apart=cloudtrail.side,
    )
)
