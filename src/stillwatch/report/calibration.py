"""What the promise means at a scan's size, what it was measured on, and what of it is extrapolated."""

from __future__ import annotations

from stillwatch.campaigns.concealment import DOUBT_BITS
from stillwatch.report.bar import SMALL_PART
from stillwatch.report.summary import ScanSummary
from stillwatch.report.text import bits, capitalize_first, count, rate, share, spelled


def promise_in_words(summary: ScanSummary) -> list[str]:
    """The promise, what verdicts take for it, the null's sample, and its limits: a paragraph each."""
    promise = summary.promise
    if promise.max_false_campaigns <= 0:
        return ["The scan was told to allow no false campaign at all."]
    return [_promise(summary), _threshold(summary), _sample(summary), _extrapolated(summary)]


def _promise(summary: ScanSummary) -> str:
    promise = summary.promise
    each = rate(promise.max_false_campaigns)
    spent = promise.max_false_campaigns * promise.share_spent
    months = 1 / promise.max_false_campaigns
    often = f"one false campaign in {months:,.0f} such months" if months >= 2 else f"{each} false campaigns a month"
    return (
        f"If everybody here is honest, scans of this traffic are to raise {each} false campaigns per 30 days on "
        f"average: {often}. These {promise.days:,.3g} days spend {rate(spent)} of that {each}, over "
        f"{count(summary.accounts, 'account')} and {count(summary.exchanges, 'exchange')}."
    )


def _threshold(summary: ScanSummary) -> str:
    null = summary.null
    takes = (
        f"A group acts as one from {bits(null.coordination_threshold_bits)} bits of coordination, and is a campaign "
        f"from {bits(null.campaign_threshold_bits)} bits of extraction and as many over the best honest explanation."
    )
    if not null.streams_tested:
        return f"{takes} No stream came so far as to be tested for extraction, so none of the promise was at risk."
    usual, own = null.streams_tested - null.small_parts_tested, null.small_part_threshold_bits
    tested = count(null.streams_tested, "stream was", "streams were")
    said = (
        f"{takes} Where accounts only half hide that they belong together, up to {DOUBT_BITS:.0f} bits are taken off "
        f"both first. Coordination is judged first, and only what passes is put to the test of extraction: {tested}."
    )
    if own is None:
        seem, chance = null.streams_seeming_honest, null.streams_seeming_honest * 2.0**-null.campaign_threshold_bits
        return (
            f"{said} About as many as {seem:.1f} of them seem honest. So many honest ones would together reach "
            f"{bits(null.campaign_threshold_bits)} bits {rate(chance)} times in a scan like this."
        )
    seem = null.small_parts_seeming_honest
    chance = seem * 2.0**-own + (null.streams_seeming_honest * 2.0**-null.campaign_threshold_bits if usual else 0.0)
    others = (
        f"; of the other {usual:,}, about as many as {null.streams_seeming_honest:.1f} seem honest" if usual else ""
    )
    them = f"{spelled(null.small_parts_tested)} of them {'is' if null.small_parts_tested == 1 else 'are'}"
    return (
        f"{said} {capitalize_first(them)} {SMALL_PART}, as each of a proxy's customers is. "
        f"These spend {share(null.small_parts_share)} of the promise and have a bar of "
        f"their own, {bits(own)} bits, so that a proxy's many customers do not raise what a campaign elsewhere must "
        f"reach. About as many as {seem:.1f} of these seem honest{others}. So many honest ones would together reach "
        f"their bars {rate(chance)} times in a scan like this."
    )


def _sample(summary: ScanSummary) -> str:
    null = summary.null
    said = (
        "Evidence is compared with what the same numbers are in honest groups of this same traffic: "
        f"{count(null.decoy_groups, 'random group')} for what accounts share."
    )
    if not null.worlds:
        return said
    decoys = "one decoy" if null.worlds == 1 else f"{null.worlds:,} decoys"
    found = (
        f"The strongest network that it found there has {bits(null.best_decoy_bits)} bits, summed over its accounts; "
        "a network that does not exceed it is not reported."
        if null.best_decoy_bits > 0
        else "It found no network there."
    )
    return f"{said} The whole search also ran on {decoys} of this traffic, in which strangers are strangers. {found}"


def _extrapolated(summary: ScanSummary) -> str:
    tail = summary.null.tail.rstrip(".")
    return (
        f"Extrapolated of the samples' tails: {tail}. Extraction is calibrated as one score, which says no more than "
        "its sample shows. Coordination is a sum over families of evidence: that so many bits together are as rare as "
        "they say was not seen in any sample, and rests on the families being independent among honest groups, but for "
        "what is taken off as overlap."
    )


def read_share(summary: ScanSummary) -> str:
    """How much of the logs could be read, for the first page."""
    counts = summary.counts
    if not counts.quarantined:
        return "every row could be read"
    part = share(counts.quarantined / max(counts.read, 1))
    return f"{count(counts.quarantined)} of {count(counts.read, 'row')} could not be read, {part}"
