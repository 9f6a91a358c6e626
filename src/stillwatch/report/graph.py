"""Who shares what, as a small graph: all accounts in one node, what they share beside it, hubs folded and greyed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from html import escape

from markupsafe import Markup

from stillwatch.campaigns.finding import Finding, Share
from stillwatch.report.text import count, shown_id

WIDTH = 520
ROW = 42
MAX_DRAWN = 9
MAX_OF_A_KIND = 3
_LEFT, _RIGHT = 78, 196
_LABEL_CHARS = 30


def shares_graph(finding: Finding, accounts: int, texts: Mapping[str, str]) -> Markup | None:
    """An inline SVG of what a finding's accounts share; None where they share nothing that can be shown.

    accounts: of the network that the finding runs on, whose parts the shares are.  texts: template's id -> its fixed
    words, for those whose text may be shown.
    """
    # The log and the registry may both name one payment instrument: it is one thing.
    shares = list({(share.kind, share.label): share for share in reversed(finding.pictures.shares)}.values())[::-1]
    telling = [share for share in shares if not share.hub]
    hubs = [share for share in shares if share.hub]
    if not telling and not hubs:
        return None
    drawn = _drawn(telling)
    whole = max([accounts, *(share.accounts for share in finding.pictures.shares)])
    folded = _folded(len(telling) - len(drawn), hubs)
    height = max(ROW * (len(drawn) + len(folded)) + 10, 120)
    middle = height / 2
    edges, nodes = [], []
    for row, share in enumerate(drawn):
        y = 5 + ROW * (row + 0.5)
        edges.append(_edge(middle, y, share.accounts / whole, ""))
        nodes.append(_node(y, share, whole, texts.get(share.label) if share.kind == "template" else None))
    for row, (label, under) in enumerate(folded, len(drawn)):
        y = 5 + ROW * (row + 0.5)
        edges.append(_edge(middle, y, 0.05, " dashed"))
        nodes.append(
            f'<circle class="hub" cx="{_RIGHT}" cy="{y:.1f}" r="7"/>'
            f'<text class="faint" x="{_RIGHT + 14}" y="{y - 2:.1f}">{escape(label)}</text>'
            f'<text class="small faint" x="{_RIGHT + 14}" y="{y + 13:.1f}">{escape(under)}</text>'
        )
    title = f"{count(whole, 'account')} and {count(len(telling), 'thing')} that they share"
    said = "; ".join(f"{s.kind} {shown_id(s.label)}: {s.accounts:,} of them, {s.elsewhere:,} others" for s in drawn)
    return Markup(
        f'<svg class="graph" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" '
        f'height="{height:.0f}" role="img" aria-label="{escape(title)}. {escape(said)}"><title>{escape(title)}</title>'
        f"{''.join(edges)}"
        f'<circle class="bundle {escape(finding.verdict)}" cx="{_LEFT - 30}" cy="{middle:.1f}" r="40"/>'
        f'<text class="bundle" x="{_LEFT - 30}" y="{middle:.1f}" text-anchor="middle">{whole:,}</text>'
        f'<text class="bundle small" x="{_LEFT - 30}" y="{middle + 15:.1f}" text-anchor="middle">'
        f"{'account' if whole == 1 else 'accounts'}</text>"
        f"{''.join(nodes)}</svg>"
    )


def _edge(y0: float, y1: float, part: float, extra: str) -> str:
    x0, x1 = _LEFT + 10, _RIGHT
    bend = (x0 + x1) / 2
    width = 1 + 7 * min(max(part, 0.0), 1.0)
    return (
        f'<path class="edge{extra}" d="M{x0},{y0:.1f}C{bend:.0f},{y0:.1f} {bend:.0f},{y1:.1f} {x1},{y1:.1f}" '
        f'stroke-width="{width:.1f}"/>'
    )


def _node(y: float, share: Share, whole: int, text: str | None) -> str:
    label = shown_id(share.label if text is None else text)
    if len(label) > _LABEL_CHARS:
        label = label[: _LABEL_CHARS - 1] + "…"
    elsewhere = "nobody else" if share.elsewhere == 0 else f"{count(share.elsewhere, 'other')} elsewhere"
    named = f'<tspan class="mono">{escape(label)}</tspan>' if text is None else f"“{escape(label)}”"
    return (
        f'<circle class="thing" cx="{_RIGHT}" cy="{y:.1f}" r="7"/>'
        f'<text x="{_RIGHT + 14}" y="{y - 2:.1f}"><title>{escape(shown_id(share.label))}</title>'
        f"{escape(share.kind)} {named}</text>"
        f'<text class="small" x="{_RIGHT + 14}" y="{y + 13:.1f}">'
        f"{share.accounts:,} of {whole:,} accounts, {elsewhere}</text>"
    )


def _drawn(telling: list[Share]) -> list[Share]:
    """The most telling, few of a kind: ten addresses of one network say one thing."""
    kinds: Counter[str] = Counter()
    out: list[Share] = []
    for share in telling:
        kinds[share.kind] += 1
        if kinds[share.kind] <= MAX_OF_A_KIND and len(out) < MAX_DRAWN:
            out.append(share)
    return out


def _folded(more: int, hubs: list[Share]) -> list[tuple[str, str]]:
    out: list[tuple[str, str]] = []
    if more:
        out.append((f"{more} more", "of the same kinds, or less telling"))
    if hubs:
        kinds = list(dict.fromkeys(share.kind for share in hubs))
        name = "hub" if len(hubs) == 1 else "hubs"
        out.append((f"{len(hubs)} {name}: {', '.join(kinds)}"[:52], "strangers share these too: no evidence"))
    return out
