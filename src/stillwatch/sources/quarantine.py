"""What cannot be read: kept apart with its place and its reason, never dropped in silence."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from stillwatch import schema

RAW_BYTES = 200
"""Bytes of a bad record that are kept, masked, so that a person recognises it."""

RAW_KEPT = 1_000_000
"""Rows that keep their raw text: a billion bad lines must not fill the memory."""

_FLUSH_ROWS = 65_536
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")
_KEY = re.compile(
    r"\b(?:sk|pk|rk|key|ghp|gho|xox[abp]|eyJ|AKIA|Bearer)[-_. ]?[A-Za-z0-9_\-./+=]{8,}|[A-Za-z0-9_\-+/=]{32,}"
)
_PLACE = re.compile(r" \((?:column|byte) \d+\)$")
_DIGIT = re.compile(r"\d")


def mask(raw: bytes | str) -> str:
    """The first 200 bytes with e-mail addresses, keys and digits made unreadable."""
    if isinstance(raw, str):
        raw = raw.encode("utf-8", "replace")
    # Masked before it is cut, so that the cut does not hide what a key or an address is.
    text = raw[: RAW_BYTES * 2].decode("utf-8", "replace").replace("\0", "\ufffd")
    text = _DIGIT.sub("0", _KEY.sub("[key]", _EMAIL.sub("[e-mail]", text)))
    return text.encode()[:RAW_BYTES].decode("utf-8", "ignore")


def reasons(table: pa.Table) -> list[tuple[str, int]]:
    """Reasons in a quarantine's table, without columns and bytes, and their numbers, the most frequent first."""
    counts: Counter[str] = Counter()
    for one in pc.value_counts(table["reason"].combine_chunks()).to_pylist():
        counts[_PLACE.sub("", one["values"])] += one["counts"]
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


@dataclass(frozen=True, slots=True)
class Counts:
    """Records of a run. read is always kept + quarantined + duplicates."""

    kept: int
    quarantined: int
    duplicates: int

    @property
    def read(self) -> int:
        """Records that were read."""
        return self.kept + self.quarantined + self.duplicates


class Quarantine:
    """Collects bad records of all sources; `n` counts them, `table` has them as `schema.QUARANTINE`.

    exemplars False, or pseudonyms True: no raw text is kept at all.
    """

    def __init__(self, *, exemplars: bool = True, pseudonyms: bool = False) -> None:
        self.n = 0
        self._keep_raw = exemplars and not pseudonyms
        self._reasons: Counter[str] = Counter()
        self._sources: Counter[str] = Counter()
        self._first: dict[str, str] = {}
        self._batches: list[pa.RecordBatch] = []
        self._rows: list[tuple[str, int, str, str | None]] = []

    def another(self) -> Quarantine:
        """An empty one with the same rules."""
        return Quarantine(exemplars=self._keep_raw)

    def add(self, source: str, line: int, reason: str, raw: bytes | str | None = None) -> None:
        """Put one record aside. line 0 stands for the file as a whole."""
        keep = raw is not None and self._keep_raw and self.n < RAW_KEPT
        self._rows.append((source, line, reason, mask(raw) if keep and raw is not None else None))
        self._reasons[_PLACE.sub("", reason)] += 1
        self._sources[source] += 1
        self._first.setdefault(source, reason)
        self.n += 1
        if len(self._rows) >= _FLUSH_ROWS:
            self._flush()

    def by_reason(self) -> list[tuple[str, int]]:
        """Reasons, without columns and bytes, and how many records each has, the most frequent first."""
        return sorted(self._reasons.items(), key=lambda item: (-item[1], item[0]))

    def by_source(self) -> list[tuple[str, int]]:
        """Sources and how many records each has, by name."""
        return sorted(self._sources.items())

    def first_reasons(self, most: int) -> list[tuple[str, str]]:
        """The first sources by name, at most so many, and the reason of each that was added first."""
        return sorted(self._first.items())[:most]

    def table(self) -> pa.Table:
        """All of it, sorted by source and line."""
        self._flush()
        table = pa.Table.from_batches(self._batches, schema=schema.QUARANTINE)
        return table.sort_by([("source", "ascending"), ("line", "ascending"), ("reason", "ascending")])

    def added(self, first: int, end: int) -> pa.Table:
        """The records from number `first` up to `end`, in the order in which they were added."""
        self._flush()
        return pa.Table.from_batches(self._batches, schema=schema.QUARANTINE).slice(first, end - first)

    def restore(self, table: pa.Table) -> None:
        """Take in what another run added, in its order, as if it had been added here."""
        for name, counts in (("reason", self._reasons), ("source", self._sources)):
            for one in pc.value_counts(table[name].combine_chunks()).to_pylist():
                counts[_PLACE.sub("", one["values"]) if name == "reason" else one["values"]] += one["counts"]
        for source in table["source"].unique().to_pylist():
            self._first.setdefault(source, table["reason"][pc.index(table["source"], source).as_py()].as_py())
        self._flush()
        self._batches += table.cast(schema.QUARANTINE).to_batches()
        self.n += table.num_rows

    def _flush(self) -> None:
        if self._rows:
            columns = zip(*self._rows, strict=True)
            arrays = [pa.array(values, field.type) for values, field in zip(columns, schema.QUARANTINE, strict=True)]
            self._batches.append(pa.RecordBatch.from_arrays(arrays, schema=schema.QUARANTINE))
            self._rows = []
