"""The honest explanations of a finding as a person reads them: what each would be, what speaks for it, why it fails."""

from __future__ import annotations

from dataclasses import dataclass

from stillwatch.campaigns.finding import Explanation, Finding
from stillwatch.report.text import bits, capitalize_first, times

_WOULD_SHOW = " would show this too: "

ASK: dict[str, str] = {
    "one organisation": "whether one company or laboratory stands behind the accounts: contracts, invoices, who signed "
    "up, who answers support",
    "agency": "whether an agency works for these accounts' owners, and can name them",
    "reseller": "whether a reseller or router, declared or not, serves its users through these accounts",
    "customer of a proxy": "whether a reseller or proxy runs the accounts, and which one of its customers sends this",
    "class": "whether a course, a school or an event was on in those days",
    "evaluator": "whether the prompts are a public benchmark",
    "popular tool": "whether one product or published script sends these prompts for its users",
    "paid workers": "for whom these people work, and what the list is for: a vendor of annotations can be asked",
    "hosted tool": "whose the addresses are, and whether a product runs there that sends for users with their own keys",
    "owners of several accounts": "whether each pair or handful of accounts has one owner who says why he has several",
    "application": "what the customer's product does, whose questions these are, and whether the answers are shown to "
    "its users or kept",
    "common cause": "whether an outage, a release or a schedule moved everybody at those times",
}
"""Honest explanation -> what a person can find out about it outside the logs."""


@dataclass(frozen=True, slots=True)
class Explained:
    """An honest explanation in words.

    what: what it would be.  fits: evidence that it would show too.  against: what it leaves unexplained, the strongest
    first.  ask: what a person can find out.
    """

    name: str
    margin_bits: float
    what: str
    fits: list[str]
    against: list[str]
    ask: str

    @property
    def verdict(self) -> str:
        """How it fares, in a sentence."""
        if self.margin_bits > 0:
            return f"It fails by {bits(self.margin_bits)} bits, a factor of {times(self.margin_bits)}."
        return f"It does not fail: over it, {bits(self.margin_bits)} bits are left."


def explained(finding: Finding) -> list[Explained]:
    """Every explanation that was weighed, the best (smallest margin) first."""
    return [_words(one) for one in sorted(finding.explanations, key=lambda one: (one.margin_bits, one.name))]


def _words(one: Explanation) -> Explained:
    what, fits = "", []
    for said in one.for_:
        begin, middle, end = said.partition(_WOULD_SHOW)
        if middle:
            what = what or begin
            fits.append(end)
        else:
            fits.append(said)
    return Explained(
        name=one.name,
        margin_bits=one.margin_bits,
        what=capitalize_first(what),
        fits=fits,
        against=list(one.against),
        ask=ASK.get(one.name, ""),
    )
