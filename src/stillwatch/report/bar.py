"""What a finding was judged by: its strength, the bar that it had to reach, and what was taken off."""

from __future__ import annotations

from dataclasses import dataclass

from stillwatch.campaigns.concealment import HALF_SHOWN, SHOWN
from stillwatch.campaigns.explanations import IDENTITY
from stillwatch.campaigns.finding import Finding, TestedGroup
from stillwatch.report.summary import NullSample
from stillwatch.report.text import bits, share

SMALL_PART = "a small part of a network that carries much besides"
"""What the bar of a proxy's many customers is for, in words."""


@dataclass(frozen=True, slots=True)
class VerdictBar:
    """A campaign's or harvest's strength, in bits, and what it had to reach.

    extraction, margin: of which the lesser counts.  doubt: taken off because its accounts only half hide that they
    belong together.  needed: what was to be reached.  why: for whom that bar is, in words; empty for the usual one.
    """

    verdict: str
    extraction: float
    margin: float
    doubt: float
    strangers: float | None
    needed: float
    why: str

    @property
    def lesser(self) -> float:
        """The lesser of what is collected and what is left over the best honest explanation."""
        return min(self.extraction, self.margin)

    @property
    def strength(self) -> float:
        """What is compared with the bar."""
        return self.lesser - self.doubt

    @property
    def takes(self) -> str:
        """What it had to reach, as the end of a sentence: a campaign takes 6.3."""
        return f"a {self.verdict} {f'{self.why} ' if self.why else ''}takes {bits(self.needed)}"

    @property
    def takes_in_words(self) -> str:
        """The same as the name of a row."""
        return f"to be reached by a {self.verdict}{f' {self.why}' if self.why else ''}"

    @property
    def needed_exactly(self) -> str:
        """The bar to a thousandth of a bit."""
        return thousandths(round(self.needed * 1000))

    @property
    def taken_off(self) -> str:
        """Why bits were taken off, in words; empty where none were."""
        if not self.doubt:
            return ""
        if self.strangers is None:
            return (
                "the log names no payment, domain or organisation of these accounts, and nothing tells a company with "
                "many accounts from strangers"
            )
        return (
            f"{share(self.strangers)} of the pairs among its accounts have neither a payment nor a domain in common: "
            f"nothing is taken off from {share(SHOWN)} on, and below {share(HALF_SHOWN)} they hide nothing"
        )

    @property
    def steps(self) -> list[tuple[str, str]]:
        """The way to the strength as (name, figure), to a thousandth of a bit; the figures add up as they stand."""
        extraction, margin, doubt = (round(one * 1000) for one in (self.extraction, self.margin, self.doubt))
        rows = [
            ("evidence that it collects training data", extraction),
            ("over the best honest explanation", margin),
            ("the lesser of the two" if doubt else "strength: the lesser of the two", min(extraction, margin)),
        ]
        if doubt:
            why = "its accounts only half hide that they belong together"
            if self.strangers is None:
                why = "the log does not tell whose its accounts are"
            rows.append((f"taken off, since {why}", -doubt))
            rows.append(("strength", min(extraction, margin) - doubt))
        return [(name, thousandths(value)) for name, value in rows]


def thousandths(value: int) -> str:
    """Thousandths of a bit as bits, with a true minus sign."""
    return f"{'−' if value < 0 else ''}{abs(value) // 1000}.{abs(value) % 1000:03d}"


def bar_of(finding: Finding, null: NullSample) -> VerdictBar:
    """The bar of a campaign or harvest; of a network, the one that it would have had to reach to be a campaign."""
    usual = null.harvest_threshold_bits if finding.verdict == "harvest" else null.campaign_threshold_bits
    return VerdictBar(
        verdict="harvest" if finding.verdict == "harvest" else "campaign",
        extraction=finding.extraction_bits,
        margin=finding.margin_bits,
        doubt=finding.doubt_bits,
        strangers=finding.strangers,
        needed=usual if finding.needed_bits is None else finding.needed_bits,
        why=_why(finding, null),
    )


def _why(finding: Finding, null: NullSample) -> str:
    needed = finding.needed_bits
    if needed is None:
        return ""
    strict = (
        null.harvest_threshold_bits
        if finding.verdict == "harvest"
        else null.small_part_threshold_bits
        if finding.small_part and null.small_part_threshold_bits is not None
        else null.campaign_threshold_bits
    )
    said = [f"that is {SMALL_PART}"] if finding.small_part else []
    if abs(needed - strict) > 0.001:
        said.append("that was published before")
    return " and ".join(said)


def strength_in_words(bar: VerdictBar) -> str:
    """A finding's strength with what it is made of, and the bar; its figures add up as they stand."""
    lesser, strength = (round(one, 1) for one in (bar.lesser, bar.strength))
    made = f"extraction, {bits(bar.extraction)}, and what is left over the best honest explanation, {bits(bar.margin)}"
    less = (
        f", less {bits(lesser - strength)}, as its accounts only half hide that they belong together"
        if bar.doubt
        else ""
    )
    return f"{bits(strength)} bits: the lesser of {made}{less}; {bar.takes}"


def needed_of(group: TestedGroup, null: NullSample) -> float:
    """Bits of strength that a tested group had to reach."""
    return null.campaign_threshold_bits if group.needed_bits is None else group.needed_bits


def acts_from(finding: Finding, null: NullSample) -> float:
    """Bits of coordination from which this finding's accounts act as one."""
    needed = finding.needed_coordination_bits
    return null.coordination_threshold_bits if needed is None else needed


def acting_bits(finding: Finding) -> float:
    """Bits that say that accounts act as one: what they do not share says that they hide it, and does not count."""
    return sum(one.bits for one in finding.evidence if one.axis == "coordination" and one.name not in IDENTITY)
