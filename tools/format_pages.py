"""Write the tables of columns in docs/formats/ from the formats themselves; `--check` says whether they are current.

A page is written by hand, but for what stands between `<!-- columns -->` and `<!-- end of columns -->`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from stillwatch import schema
from stillwatch.sources.registry import Format, formats
from stillwatch.sources.support import NEEDS, REGISTRY, supported_by

PAGES = Path(__file__).parent.parent / "docs" / "formats"
BEGIN, END = "<!-- columns -->\n", "<!-- end of columns -->\n"


def columns(fmt: Format) -> str:
    """The table of what a format fills, and what it cannot support."""
    out = ["| our column | from | how to turn it on |", "|---|---|---|"]
    for name in schema.EXCHANGE.names:
        if name in fmt.fills:
            out.append(f"| `{name}` | {fmt.fills[name]} | {fmt.turn_on.get(name, '')} |")
    absent = [name for name in schema.EXCHANGE.names if name not in fmt.fills]
    out += ["", "Not in this log: " + (", ".join(f"`{name}`" for name in absent) or "nothing") + "."]
    known = [f"`{name}`: {fmt.turn_on[name]}" for name in absent if name in fmt.turn_on]
    if known:
        out += ["", *(f"- {one}" for one in known)]
    supported = set(supported_by(fmt))
    missing = [one for one in NEEDS if one not in supported and not NEEDS[one][0][0].startswith(REGISTRY)]
    out += ["", "Evidence that it cannot support by itself: " + (", ".join(missing) or "none") + "."]
    return "\n".join(out) + "\n"


def stale() -> list[str]:
    """Names of the pages whose table is not what the code says."""
    return [path.name for path, old, new in _pages() if old != new]


def _pages() -> list[tuple[Path, str, str]]:
    found = []
    for name, fmt in formats().items():
        path = PAGES / f"{name}.md"
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        if BEGIN in text and END in text:
            before, _, rest = text.partition(BEGIN)
            found.append((path, text, before + BEGIN + columns(fmt) + END + rest.partition(END)[2]))
    return found


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(f"not current: {', '.join(stale())}" if stale() else 0)
    for page, _, text in _pages():
        page.write_text(text, encoding="utf-8")
