"""`stillwatch formats`: which log formats are read, and what each can support."""

from __future__ import annotations

import sys


def formats(name: str | None = None, /, *, json: bool = False) -> int:
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
    from stillwatch.sources.support import NEEDS, supported_by

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
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if name is not None:
        fmt = format_named(name)
        table = Table(title=fmt.title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
        table.add_column("our column", no_wrap=True)
        table.add_column("where it comes from", overflow="fold")
        if fmt.turn_on:
            table.add_column("how to turn it on", overflow="fold")
        for column in schema.EXCHANGE.names:
            if column in fmt.fills or column in fmt.turn_on:
                cells = [Text(fmt.fills.get(column, "-")), Text(fmt.turn_on.get(column, ""))]
                table.add_row(Text(column, style="bold"), *cells[: 2 if fmt.turn_on else 1])
        console.print(table)
        lacking = [one for one in schema.EXCHANGE.names if one not in fmt.fills]
        console.print(Text(f"It has no {', '.join(lacking)}." if lacking else "It can have every column.", style="dim"))
        return 0
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("format", no_wrap=True)
    table.add_column("what it is")
    table.add_column("columns", justify="right", no_wrap=True)
    table.add_column("evidence that it cannot support by itself")
    for fmt in all_formats().values():
        supported = set(supported_by(fmt))
        # What comes with the account registry or an address database is the same for every format.
        missing = [one for one in NEEDS if one not in supported and not any(map(_brought, NEEDS[one]))]
        columns = f"{len(fmt.fills)} of {len(schema.EXCHANGE.names)}"
        table.add_row(Text(fmt.name, style="bold"), Text(fmt.title), columns, Text(", ".join(missing) or "-"))
    console.print(table)
    console.print(
        "shared-payment, shared-email-domain and signup-burst come with the account registry (--accounts FILE)."
    )
    console.print("hidden-location and contradicted-location come with an address database (--addresses FILE).")
    console.print("stillwatch formats NAME shows where each column comes from, and how to turn it on.", style="dim")
    return 0


def _brought(columns: tuple[str, ...]) -> bool:
    return any(column.startswith(("registry.", "addresses.")) for column in columns)
