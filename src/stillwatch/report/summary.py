"""What a scan says of itself, as `scan.json` holds it: what it read, what it could not see, and what it promises.

`schemas/scan.schema.json` is the JSON Schema of the same shape. Fields that a scan adds later are no fault here.
"""

from __future__ import annotations

import msgspec


class Versions(msgspec.Struct, frozen=True, kw_only=True):
    """Versions of the shapes that a scan writes."""

    fingerprint: int
    findings: int


class Parameters(msgspec.Struct, frozen=True, kw_only=True):
    """What the scan was told."""

    max_false_campaigns: float
    exemplars: bool
    min_exemplar_accounts: int
    format: str | None = None
    pseudonymised: bool = False


class RowCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of the logs: read = kept + quarantined + duplicates."""

    read: int
    kept: int
    quarantined: int
    duplicates: int

    @property
    def add_up(self) -> bool:
        """Whether nothing is lost."""
        return self.read == self.kept + self.quarantined + self.duplicates


class MissingEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """Evidence that the logs could not support, the columns it needs, and how to turn them on."""

    evidence: str
    needs: str
    turn_on: str = ""


class NullSample(msgspec.Struct, frozen=True, kw_only=True):
    """What candidates were compared with, and the bits that a verdict takes.

    decoy_groups: random groups that went through the same scoring.  worlds: whole decoy scans.  tail: what of the
    sample's tail is extrapolated.  best_decoy_bits: of the strongest network in any decoy.  streams_tested: put to the
    test of a campaign, small parts among them; streams_seeming_honest: as many of them, small parts left out, as seem
    honest, which sets campaign_threshold_bits.  least_exchanges: groups with fewer are not put to that test.
    small_parts_tested: streams that are small parts of a network which carries much besides, as each of a proxy's
    customers is; small_parts_seeming_honest: as many of them as seem honest; small_parts_share: of the promise that
    they spend together, all others the rest; which sets small_part_threshold_bits, the bar for these alone, null where
    there are none.
    published_threshold_bits, published_small_part_threshold_bits: the same bars for the days of the whole store, by
    which what an earlier scan published goes on; null without a store.
    harvests_tested: customers put to the test of harvest, against harvest_null_units honest ones; max_false_harvests:
    expected false harvests per 30 days, which sets harvest_threshold_bits.
    """

    decoy_groups: int
    worlds: int
    tail: str
    campaign_threshold_bits: float
    coordination_threshold_bits: float
    extraction_threshold_bits: float
    streams_tested: int = 0
    streams_seeming_honest: float = 0.0
    small_parts_tested: int = 0
    small_parts_seeming_honest: float = 0.0
    small_parts_share: float = 0.0
    small_part_threshold_bits: float | None = None
    published_threshold_bits: float | None = None
    published_small_part_threshold_bits: float | None = None
    best_decoy_bits: float = 0.0
    least_exchanges: int = 1000
    harvest_threshold_bits: float = 0.0
    harvests_tested: int = 0
    harvest_null_units: int = 0
    max_false_harvests: float = 0.0


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """The one promise: expected false campaigns per 30 days, and how much of it this scan spends.

    days: that the scan spends; with a store those that no scan before it has spent.
    """

    max_false_campaigns: float
    days: float
    share_spent: float


class DeclaredUses(msgspec.Struct, frozen=True, kw_only=True):
    """The file of declared uses that the scan was given, and what it changed.

    groups_spared: would have been campaigns, wholly or in part.
    """

    digest: str
    entries: int
    in_effect: int
    expired: int
    outgrown: int
    groups_spared: int


class Reviews(msgspec.Struct, frozen=True, kw_only=True):
    """The log of analysts' verdicts that the scan was given, and what it changed.

    units_out_of_the_null: accounts of confirmed findings, which are no honest sample.
    """

    digest: str
    confirmed: int
    dismissed: int
    units_out_of_the_null: int
    in_effect: int
    expired: int
    outgrown: int
    groups_spared: int


class StoreSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The store that the logs were added to, after this scan.

    scans: so far, deletions counted.  days: of which it holds exchanges.  new_exchanges: that these logs brought.
    known_before: that they held and the store did too, counted as duplicates.  too_old: of days that it no longer
    keeps; kept = new_exchanges + too_old.  keep_days: null where exchanges of all days are kept.
    """

    scans: int
    days: int
    first_day: str
    last_day: str
    exchanges: int
    new_exchanges: int
    known_before: int
    too_old: int
    keep_history_days: int
    keep_days: int | None = None


class ScanSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of `scan.json`. coverage: column -> share of rows that fill it. Times are UTC ISO.

    remarks: what the logs seem to lack besides columns.  notes: what else of this scan is to be known.
    """

    stillwatch: str
    versions: Versions
    parameters: Parameters
    seed: int
    counts: RowCounts
    coverage: dict[str, float]
    first_at: str
    last_at: str
    accounts: int
    exchanges: int
    null: NullSample
    promise: Promise
    prior_per_million: float
    formats: list[str] | dict[str, int] = msgspec.field(default_factory=list)
    missing_evidence: list[MissingEvidence] = msgspec.field(default_factory=list)
    address_database: str | dict[str, str] | None = None
    remarks: list[str] = msgspec.field(default_factory=list)
    notes: list[str] = msgspec.field(default_factory=list)
    declared: DeclaredUses | None = None
    reviews: Reviews | None = None
    store: StoreSummary | None = None
