"""`stillwatch formats`: which log formats are read, and what each can support."""

from __future__ import annotations

import sys


def formats(name: str | None = None, *, json: bool = False) -> int:
    """List the log formats, or show where one format's columns come from.

    Parameters
    ----------
    name
        A format, to see its columns, where they come from, and how its product is told to log them.
    json
        Print one JSON object on standard output.
    """
    import msgspec

    from stillwatch import schema
    from stillwatch.sources.guess import format_named
    from stillwatch.sources.registry import formats as all_formats
    from stillwatch.sources.support import NEEDS, REGISTRY, supported_by

    if json:
        document = {
            one.name: {
                "title": one.title,
                "fills": one.fills,
                "turn_on": one.turn_on,
                "evidence": supported_by(one),
                "written": one.write is not None,
            }
            for one in ([format_named(name)] if name else all_formats().values())
        }
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(document)).decode() + "\n")
        return 0
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if name is not None:
        fmt = format_named(name)
        table = Table("our column", "where it comes from", "how to turn it on", title=fmt.title, title_justify="left")
        for column in schema.EXCHANGE.names:
            if column in fmt.fills or column in fmt.turn_on:
                table.add_row(column, fmt.fills.get(column, "-"), fmt.turn_on.get(column, ""))
        console.print(table)
        return 0
    table = Table("format", "what it is", "columns", "evidence that it cannot support by itself")
    for fmt in all_formats().values():
        supported = set(supported_by(fmt))
        missing = [evidence for evidence in NEEDS if evidence not in supported]
        # The same for every format: it comes with the account registry.
        shown = [one for one in missing if not NEEDS[one][0][0].startswith(REGISTRY)]
        table.add_row(
            fmt.name, fmt.title, f"{len(fmt.fills)} of {len(schema.EXCHANGE.names)}", ", ".join(shown) or "none"
        )
    console.print(table)
    console.print(
        "shared-payment and signup-burst come with the account registry (--accounts FILE), whatever the format."
    )
    return 0
