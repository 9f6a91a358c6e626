"""Write the pages of docs/ that come from the code; `--check` says whether they are current."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from stillwatch import schema
from stillwatch.campaigns import concealment, harvest, sharing
from stillwatch.campaigns.explanations import EXPLANATIONS
from stillwatch.campaigns.finding import Finding, TestedGroup
from stillwatch.campaigns.registry import measured_evidence
from stillwatch.cli import make_app
from stillwatch.links.kinds import GROUPS, KINDS
from stillwatch.report.summary import NullSample
from stillwatch.traffic_range.evasions import DIALS
from stillwatch.traffic_range.population import populations
from stillwatch.traffic_range.worlds import WORLDS, Cast

DOCS = Path(__file__).parent.parent / "docs"
HEAD = "<!-- Written by tools/docs.py from the code; edit that. -->\n"


def evidence() -> str:
    """docs/evidence.md."""
    out = [
        HEAD,
        "# Evidence",
        "",
        "Every verdict is a sum of these, in bits. How to add one: write a module in `campaigns/evidence/` with one",
        "decorated function from the measures of groups to a number a group; it is found, calibrated, tested and",
        "documented by being there. What accounts share is added in `links/kinds.py` instead: one entry, one query.",
        "",
        "## Measured on groups",
        "",
        "A group's number is compared with the same number of honest groups of the same traffic. Its bits are",
        "log2((n + 1) / (1 + groups as extreme)): never more than the null sample can show. All extraction evidence is",
        "calibrated as one score (the sum of its ranks against the sums of honest streams); the bits of that score are",
        "dealt out to its parts, so that mould, slots, focus and targets are not one fact counted four times.",
        "",
    ]
    for one in measured_evidence().values():
        out += [f"### {one.name}", "", f"{one.axis}, family {one.family}; needs {', '.join(one.needs)}."]
        out += ["", _text(inspect.getmodule(one.number)), "", _text(one.number), "", f"> {one.sentence}", ""]
    out += ["## Shared by accounts", "", _text(sharing.weigh_sharing), ""]
    out += ["| evidence | family | what is shared | columns |", "|---|---|---|---|"]
    for group in GROUPS:
        kinds = [kind for kind in KINDS if kind.group == group]
        labels = ", ".join(dict.fromkeys(kind.label for kind in kinds))
        needs = ", ".join(f"`{need}`" for need in dict.fromkeys(n for kind in kinds for n in kind.needs))
        out.append(f"| {sharing.NAMES[group]} | {kinds[0].family} | {labels} | {needs} |")
    out += ["", "## concealment", "", _text(concealment), "", _text(concealment.concealment), ""]
    out += ["## no-common-place", "", _text(concealment.scatter), "", _text(concealment.common_place), ""]
    out += ["## ways, and what makes a harvest", "", _text(harvest), "", _text(harvest.ways), ""]
    out += [
        "## overlap",
        "",
        "A negative entry: where a family is both shared and measured, the weaker is taken out.",
        "",
    ]
    out += ["## Honest explanations", "", "A finding stands by what is left over the one that leaves least.", ""]
    out += [
        "What is collected is compared with what the explanation says it is: one application that an honest account"
    ]
    out += [
        "runs (applications), or somebody by himself on each account (people: the amount an account counts), or users",
        "of one tool (users: the amount an account, and of what kind beside what other tools ask for).",
        "",
    ]
    out += ["| explanation | what it would be | compared with | what it would show as well |", "|---|---|---|---|"]
    for e in EXPLANATIONS:
        out.append(f"| {e.name} | {e.sentence} | {e.made_by} | {', '.join(sorted(e.predicts))} |")
    return "\n".join(out) + "\n"


def tables() -> str:
    """docs/tables.md."""
    out = [HEAD, "# Tables", ""]
    for name in ("EXCHANGE", "ACCOUNT", "FINGERPRINT", "TEMPLATE", "EXCHANGE_TEMPLATE", "QUARANTINE"):
        out += _table(name)
    for name in ("FINDING_ACCOUNTS", "FINDING_EXCHANGES", "FINDING_LINKS", "ACCOUNTS", "TESTED"):
        out += _table(name)
    out += _struct("findings.json: a finding", Finding)
    out += _struct("findings.json: a tested group", TestedGroup)
    out += _struct("scan.json: null", NullSample)
    return "\n".join(out) + "\n"


def _struct(title: str, kind: type[msgspec.Struct]) -> list[str]:
    """Fields of a JSON object, after what its code says of them; the schemas in `stillwatch/schemas` hold the same."""
    rows = [
        f"| `{field.encode_name}` | {kind.__annotations__[field.name].replace(' | None', '')} "
        f"| {'yes' if 'None' in kind.__annotations__[field.name] else 'no'} |"
        for field in msgspec.structs.fields(kind)
    ]
    return [f"## {title}", "", _text(kind), "", "| field | type | may be null |", "|---|---|---|", *rows, ""]


def _table(name: str) -> list[str]:
    rows = [
        f"| `{column}` | {kind} | {'yes' if null else 'no'} | {comment} |"
        for column, kind, null, comment in schema.describe(getattr(schema, name))
    ]
    return [f"## {name.lower()}", "", "| column | type | may be missing | what it is |", "|---|---|---|---|", *rows, ""]


def worlds() -> str:
    """docs/worlds.md."""
    played = populations()
    out = [HEAD, "# Worlds, campaigns and dials", ""]
    out += ["What `stillwatch range` can write. What a world holds and assumes is in [range.md](range.md).", ""]
    out += ["## Worlds", "", "Accounts are those at `--scale 1`.", ""]
    out += ["| world | what it is | days | honest accounts | campaigns |", "|---|---|---|---|---|"]
    for world in WORLDS.values():
        campaigns = [one for one in world.cast if one.campaign]
        honest = sum(one.accounts for one in world.cast if not one.campaign)
        out.append(f"| `{world.name}` | {world.title} | {world.calendar.days} | {honest:,} | {len(campaigns)} |")
    for world in WORLDS.values():
        entries = [one for one in world.cast if one.campaign]
        if entries:
            out += ["", f"### Campaigns of `{world.name}`", ""]
            out += ["| campaign | kind | accounts | never fewer | operator | targets | set | dials |"]
            out += ["|---|---|---|---|---|---|---|---|", *(_entry(one) for one in entries)]
    out += ["", "## Kinds of campaigns", "", "| kind | what it does |", "|---|---|"]
    out += [f"| `{name}` | {one.title} |" for name, one in played.items() if one.campaign]
    out += ["", "## Other populations", "", "| population | who it is |", "|---|---|"]
    out += [f"| `{name}` | {one.title} |" for name, one in played.items() if not one.campaign]
    out += [
        "",
        "## Dials",
        "",
        "From 0, the plain campaign, to 1: `--dial NAME=X` sets one on every campaign of a world.",
        "",
    ]
    out += ["| dial | what it is |", "|---|---|", *(f"| `{name}` | {text} |" for name, text in DIALS.items())]
    return "\n".join(out) + "\n"


def _entry(cast: Cast) -> str:
    set_ = ", ".join(f"{name} {value:g}" for name, value in cast.options.items())
    dials = ", ".join(f"{name} {value:g}" for name, value in cast.dials.items())
    if len(cast.dials) >= len(DIALS):
        dials = "all " + ", ".join(sorted({f"{value:g}" for value in cast.dials.values()}))
    kind = f"`{cast.population}`" + (f" on `{cast.on}`" if cast.on else "")
    told = cast.campaign
    operator, targets = (told.operator, ", ".join(told.targets)) if told else ("", "")
    return (
        f"| `{cast.called}` | {kind} | {cast.accounts:,} | {cast.least} | {operator} | {targets} | {set_} | {dials} |"
    )


def commands() -> str:
    """docs/commands.md."""
    return HEAD + "\n" + make_app().generate_docs(output_format="markdown", recursive=True).rstrip() + "\n"


def _text(thing: object) -> str:
    return inspect.getdoc(thing) or ""


PAGES: dict[str, Callable[[], str]] = {
    "evidence.md": evidence,
    "tables.md": tables,
    "commands.md": commands,
    "worlds.md": worlds,
}


def stale() -> list[str]:
    """Pages that are not what the code says."""
    return [name for name, write in PAGES.items() if not (DOCS / name).exists() or (DOCS / name).read_text() != write()]


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit("\n".join(f"docs/{name} is not current: run tools/docs.py" for name in stale()) or 0)
    for name, write in PAGES.items():
        (DOCS / name).write_text(write())
