"""What shows by itself that answers are taken: tests before the work, one instruction around all, misplaced blocks."""

from __future__ import annotations

from stillwatch.campaigns.measures import Floats, Measures
from stillwatch.campaigns.registry import evidence


@evidence(
    "probing",
    family="appetite",
    axis="extraction",
    needs=("finish_reason",),
    atlas="AML.T0065",
    sentence="on one day the share of its opening prompts that were refused lay {observed:.0%} above that of all days "
    "after it, as where somebody tests what passes and then works; of an ordinary honest account {expected:.0%} above",
    direct=True,
)
def probing(measures: Measures, null: Measures) -> Floats:
    """Share of refused first messages on the worst day, less the share on all days after it.

    Null: honest streams; red-teamers, who are refused as often on every day, are in it.
    """
    return measures.probed


@evidence(
    "relay-tail",
    family="text",
    axis="extraction",
    needs=("prompt", "turns"),
    atlas="AML.T0024.002",
    sentence="{observed:.0%} of its follow-up messages carry one and the same beginning or ending, or are one and the "
    "same, as if something stood between people and the model; of an ordinary honest account's {expected:.0%}",
    direct=True,
)
def relay_tail(measures: Measures, null: Measures) -> Floats:
    """Share of follow-ups, results of tools left out, that begin or end as ten other, different ones do.

    Null: honest streams; tools that put an instruction into every turn are in it.
    """
    return measures.wrapped


@evidence(
    "replayed-blocks",
    family="text",
    axis="extraction",
    needs=("reasoning_in", "reasoning_out", "message_digests"),
    atlas="AML.T0024.002",
    sentence="{observed:.0%} of its exchanges hand in a reasoning block that a stranger was given, outside of the "
    "conversation that it came from, which is how reasoning is read out of it; of an ordinary honest account's "
    "{expected:.0%}",
    direct=True,
)
def replayed_blocks(measures: Measures, null: Measures) -> Floats:
    """Share of exchanges that hand in another party's block out of its place (`replays.find_replays`).

    Null: honest streams. Fail-over and shared sessions between accounts of one owner, and published blocks, are no
    replays to begin with.
    """
    return measures.replayed
