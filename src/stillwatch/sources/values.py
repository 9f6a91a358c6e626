"""One value as a column's type, or the reason why it is none: the slow and obvious way.

`columns` does the same to whole arrays at once, and comes here only for arrays that hold something odd.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_INT64 = 1 << 63
_TRUE = {"true", "t", "yes", "y", "1"}
_FALSE = {"false", "f", "no", "n", "0"}


def convert_value(value: Any, field: pa.Field) -> Any:
    """The value as the field's type wants it: str, int, float, bool, list of str, or microseconds for a time.

    Raises: ValueError with a reason that names the column.
    """
    if value is None:
        return None
    kind = field.type
    if pa.types.is_string(kind):
        return _text(value, field.name)
    if pa.types.is_timestamp(kind):
        return microseconds(value, field.name)
    if pa.types.is_integer(kind):
        return _integer(value, field.name)
    if pa.types.is_floating(kind):
        return _number(value, field.name)
    if pa.types.is_boolean(kind):
        return _truth(value, field.name)
    return _strings(value, field.name)


def microseconds(value: Any, name: str = "time") -> int | None:
    """A time as microseconds since 1970, UTC.

    Takes datetimes (naive: UTC), dates, ISO 8601 strings, and numbers, whose size tells seconds from milli-, micro-
    and nanoseconds: the four do not overlap between 1973 and 5138.
    Raises: ValueError where it is no time.
    """
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        try:
            value = float(text) if _looks_numeric(text) else datetime.fromisoformat(text.removesuffix(" UTC"))
        except ValueError:
            raise ValueError(f"{name} is no time (want ISO 8601 or seconds since 1970)") from None
    if isinstance(value, bool):
        raise ValueError(f"{name} is a boolean, not a time")
    if isinstance(value, datetime):
        if value.tzinfo is None:
            value = value.replace(tzinfo=UTC)
        gap: timedelta = value - EPOCH
        return gap // _MICROSECOND
    if isinstance(value, date):
        return (datetime(value.year, value.month, value.day, tzinfo=UTC) - EPOCH) // _MICROSECOND
    if isinstance(value, int):
        return _checked(value * 1_000_000 // units_a_second(value), name)
    if isinstance(value, float | Decimal):
        if not math.isfinite(value):
            return None
        number = float(value)
        if not math.isfinite(number):
            raise ValueError(f"{name} is out of range")
        return _checked(round(number * (1_000_000 / units_a_second(number))), name)
    raise ValueError(f"{name} is {_kind(value)}, not a time")


def without_half_pairs(text: str) -> str:
    """The text with a question mark for each half of a surrogate pair, which no UTF-8 can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def units_a_second(value: float) -> int:
    """How many of its unit make a second: 1 for seconds, 1,000 for milliseconds, and so on, told by its size."""
    size = abs(value)
    return 1 if size < 1e11 else 1_000 if size < 1e14 else 1_000_000 if size < 1e17 else 1_000_000_000


def _looks_numeric(text: str) -> bool:
    return text.lstrip("+-").replace(".", "", 1).isdigit() and not (len(text) == 8 and text.isdigit())


def _checked(value: int, name: str) -> int:
    if not -_INT64 <= value < _INT64:
        raise ValueError(f"{name} is out of range")
    return value


def _text(value: Any, name: str) -> str | None:
    if isinstance(value, str):
        return without_half_pairs(value)
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise ValueError(f"{name} is not UTF-8") from None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, dict | list | tuple):
        raise ValueError(f"{name} is {_kind(value)}, not text")
    return str(value)


def _integer(value: Any, name: str) -> int | None:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        value = value.strip()
        if not value:
            return None
        try:
            value = int(value)
        except ValueError:
            try:
                value = float(value)
            except ValueError:
                raise ValueError(f"{name} is no number") from None
    if isinstance(value, bool):
        raise ValueError(f"{name} is a boolean, not a number")
    if isinstance(value, float | Decimal):
        if not math.isfinite(value):
            return None
        if value != int(value):
            raise ValueError(f"{name} is no whole number")
        value = int(value)
    if not isinstance(value, int):
        raise ValueError(f"{name} is {_kind(value)}, not a number")
    return _checked(value, name)


def _number(value: Any, name: str) -> float | None:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        value = value.strip()
        if not value:
            return None
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise ValueError(f"{name} is {_kind(value)}, not a number")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise ValueError(f"{name} is no number") from None
    return number if math.isfinite(number) else None


def _truth(value: Any, name: str) -> bool | None:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    if isinstance(value, str):
        word = value.strip().lower()
        if not word:
            return None
        if word in _TRUE | _FALSE:
            return word in _TRUE
    raise ValueError(f"{name} is neither true nor false")


def _strings(value: Any, name: str) -> list[str] | None:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        if not value.strip():
            return None
        try:
            decoded = json.loads(value)
        except ValueError:
            decoded = None
        value = decoded if isinstance(decoded, list) else [value]
    if not isinstance(value, list | tuple):
        raise ValueError(f"{name} is {_kind(value)}, not a list")
    texts = [_text(item, name) for item in value]
    return [text for text in texts if text is not None]


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", tuple: "a list", str: "text", bool: "a boolean"}
    return (names | {time: "a time of day", timedelta: "a duration", bytes: "bytes"}).get(
        type(value), "a number" if isinstance(value, int | float) else f"a {type(value).__name__}"
    )
