"""The formats that logs come in: one record a format, one file a format, found here by name.

A format of JSON documents is one function, `parse`: a decoded document in, exchange rows out. Everything round it
(files, compression, batches, quarantine, duplicates) is `sources.reading`'s. A columnar format brings its own
`read_columns` instead. `write` is the way back: the traffic range writes its worlds with it, and it is what proves
that a format round-trips.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

Document = dict[str, Any]
Row = dict[str, Any]
"""An exchange as a dict keyed by `schema.EXCHANGE` names; absent keys are absent values.

`parse` has no key, so a row may also carry `messages` (as logged, the system prompt first) and `reasoning_out_blocks`
(opaque blocks of the answer, as logged): `messages.complete` makes the conversation columns and digests of them.
Times may be datetimes (naive: UTC), ISO strings, or numbers in seconds since 1970.

More names are for the reader: `link` says what the row has to do with other records (`joining.Link`), `no_account` is
the reason for the quarantine where none of them names the row's account, and `notes` is a list of sentences that are
said of a place with the number of records that they hold for. `account_from` says what named the account.
"""


@dataclass(frozen=True, slots=True)
class Format:
    """One log format.

    name: the word on the command line.  title: what people call it.
    fills: our column -> where it comes from, in that product's words.
    turn_on: our column -> how to make that product log it, for columns that it leaves out by default.
    parse: a decoded document -> its rows; raises BadRecord.  None for columnar formats.
    sniff: how sure it is that a decoded document is of this format, 0 to 1.
    write: exchange rows -> documents of this format; None where the format cannot be written.
    split: the bytes of a document that holds many records -> documents of one record each, not yet decoded, so that
    one bad record costs no other and a long document little memory; None where it holds just one, or is broken.
    joined: whether rows carry a `link`: exchanges whose parts stand in several records.
    apart: by the first bytes of a file whether it holds exchanges (`whole`), tells more of exchanges in other files
    (`more`), or neither (empty); None where each file stands for itself. Needs `joined`.
    fetch: puts into a decoded document what it says stands in a file of its own, by a function that reads such a file
    by its address and raises OSError; None where all stands in the document.
    """

    name: str
    title: str
    fills: dict[str, str]
    turn_on: dict[str, str] = field(default_factory=dict)
    parse: Callable[[Document], Iterator[Row]] | None = None
    sniff: Callable[[Document], float] | None = None
    write: Callable[[Iterable[Row]], Iterator[Document]] | None = None
    split: Callable[[bytes], Iterator[bytes] | None] | None = None
    joined: bool = False
    apart: Callable[[bytes], str] | None = None
    fetch: Callable[[Document, Callable[[str], bytes]], None] | None = None


_FORMATS: dict[str, Format] = {}


def register(fmt: Format) -> Format:
    """Make a format known by its name."""
    if fmt.name in _FORMATS:
        raise ValueError(f"format {fmt.name!r} is registered twice")
    _FORMATS[fmt.name] = fmt
    return fmt


def formats() -> dict[str, Format]:
    """All formats by name, in the order of the documentation."""
    from stillwatch.sources import all_formats

    # A format that was imported by itself stands before the others in the registry, and in its place here.
    place = {name: at for at, name in enumerate(all_formats.ORDER)}
    return dict(sorted(_FORMATS.items(), key=lambda one: (place.get(one[0], len(place)), one[0])))
