"""What a scan says: findings, each a list of evidence whose bits add up, as `findings.json` holds them.

`schemas/findings.schema.json` is the JSON Schema of the same shape; `schema.FINDINGS_VERSION` its version.
"""

from __future__ import annotations

import msgspec

OPENLY_ONE = "openly-one"
"""The entry, of no bits, that a finding has where one party's many accounts act as one and do not hide it."""

UNNAMED = "unnamed-accounts"
"""The same where the log does not tell whose the accounts are."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One observation with its likelihood ratio.

    family: text, identity, time, work or appetite.  axis: coordination or extraction.
    bits: log2 of the likelihood ratio after the family's calibration; `overlap` entries are negative.
    observed, expected: the numbers behind it, in the unit that `sentence` names.
    sentence: what a person reads.
    """

    family: str
    axis: str
    name: str
    bits: float
    observed: float
    expected: float
    sentence: str


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """An honest explanation, by how many bits the finding beats it, and what speaks for and against it."""

    name: str
    margin_bits: float
    for_: list[str] = msgspec.field(name="for", default_factory=list)
    against: list[str] = msgspec.field(default_factory=list)


class TemplateExample(msgspec.Struct, frozen=True, kw_only=True):
    """A template of the finding; example: its text, masked, slots written as ⟦…⟧; null if it may not be shown."""

    id: str
    count: int
    accounts: int
    example: str | None = None


class OperatorPiece(msgspec.Struct, frozen=True, kw_only=True):
    """What two findings have in common. family: infrastructure, text or time; one piece of each counts.

    observed, expected: how alike they are, and how alike honest parties usually are to either; a share of accounts or
    exchanges, a cosine, or less the distance of logarithms of their pace.
    """

    family: str
    name: str
    bits: float
    observed: float
    expected: float


class Operator(msgspec.Struct, frozen=True, kw_only=True):
    """A hypothesis that findings share an operator: never a name, only what they share and in how many bits.

    grade: weak, moderate or strong.  findings: the others; of this scan, or of the log of reviews.
    """

    findings: list[str]
    bits: float
    sentence: str
    grade: str = ""
    pieces: list[OperatorPiece] = msgspec.field(default_factory=list)


class OperatorCluster(msgspec.Struct, frozen=True, kw_only=True):
    """Findings that may be run by the same hands: all that moderate or strong ties connect. bits: the weakest tie's."""

    name: str
    findings: list[str]
    bits: float
    grade: str
    sentence: str


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that accounts of a finding share, for the picture of who shares what.

    kind: payment, address prefix, client, template, ...; label: masked or shortened value; accounts: how many of the
    finding's accounts have it; elsewhere: how many others; hub: whether strangers share it too.
    """

    kind: str
    label: str
    accounts: int
    elsewhere: int
    hub: bool = False


class Pictures(msgspec.Struct, frozen=True, kw_only=True):
    """Data of a finding's pictures; the report only draws.

    timeline: (UTC ISO time of the bin, exchanges of the finding, exchanges of its accounts outside it); bin_hours.
    load: exchanges of each account, sorted, at most 2,000 quantile points.
    models: (UTC ISO day, model, exchanges), at most the 6 most used models and 'other'.
    hours: 24 shares of the finding's exchanges by UTC hour, then 24 of everybody's.
    shares: what its accounts share, most telling first, at most 24.
    """

    bin_hours: float = 24.0
    timeline: list[tuple[str, int, int]] = msgspec.field(default_factory=list)
    load: list[int] = msgspec.field(default_factory=list)
    models: list[tuple[str, str, int]] = msgspec.field(default_factory=list)
    hours: list[list[float]] = msgspec.field(default_factory=list)
    shares: list[Share] = msgspec.field(default_factory=list)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One finding. Counts are of exchanges kept; times are UTC ISO; an exchange may show several targets.

    reviews: what analysts and declared uses said of it, a sentence each.
    A campaign's or harvest's strength is the lesser of extraction_bits and margin_bits, less doubt_bits, and reached
    needed_bits (null of a network, and where another version scanned).  doubt_bits: taken off because its accounts only
    half hide that they belong together.  strangers: share of pairs of its accounts that no payment or mail domain
    joins; null where none is known.  small_part: whether it is a small part of a network that carries much besides, as
    each of a proxy's customers is: those have a bar of their own.  needed_coordination_bits: what the evidence that its
    accounts act as one came to at least, what they do not share left out; null of a harvest.
    """

    finding_id: str
    verdict: str
    coordination_bits: float
    extraction_bits: float
    margin_bits: float
    needed_bits: float | None = None
    doubt_bits: float = 0.0
    strangers: float | None = None
    small_part: bool = False
    needed_coordination_bits: float | None = None
    expected_false: float
    claim: str
    accounts: int
    exchanges: int
    trajectories: int
    tokens_out: int | None
    network_share: float
    first_at: str
    last_at: str
    cost_usd: float | None = None
    targets: dict[str, float] = msgspec.field(default_factory=dict)
    evidence: list[Evidence] = msgspec.field(default_factory=list)
    explanations: list[Explanation] = msgspec.field(default_factory=list)
    templates: list[TemplateExample] = msgspec.field(default_factory=list)
    atlas: list[str] = msgspec.field(default_factory=list)
    operators: list[Operator] = msgspec.field(default_factory=list)
    reviews: list[str] = msgspec.field(default_factory=list)
    missing: list[str] = msgspec.field(default_factory=list)
    pictures: Pictures = msgspec.field(default_factory=Pictures)

    @property
    def unnamed(self) -> bool:
        """Whether it is a harvest of accounts that act as one, and the log does not tell whose they are."""
        return any(one.name == UNNAMED for one in self.evidence)


class TestedGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A group that was tested, for the picture of the two axes; finding_id is null where nothing was found.

    needed_bits: what its strength had to reach, as in a finding; null of a whole network, of which only its streams are
    put to that test.  doubt_bits: as in a finding; null where its accounts do not hide that they belong together.
    """

    coordination_bits: float
    extraction_bits: float
    margin_bits: float | None = None
    needed_bits: float | None = None
    doubt_bits: float | None = 0.0
    small_part: bool = False
    accounts: int
    exchanges: int
    verdict: str
    finding_id: str | None = None


class Spared(msgspec.Struct, frozen=True, kw_only=True):
    """A group, or a part of one, that would have been a campaign's, and that a declared use covers: no accusation.

    whole: whether nothing of it is left as a finding.
    """

    coordination_bits: float
    extraction_bits: float
    margin_bits: float
    accounts: int
    exchanges: int
    whole: bool


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """A declared use and what it changed in this scan, or a dismissed finding, which is one too.

    name: D1, D2, ...  source: `declared` or `review`.  who: what it names, the first of them.  status: `in effect`,
    `expired`, `absent` (none of it is in these logs) or `outgrown` (a dismissed finding that has come back).
    accounts: how many of these logs it covers.  spared: groups that it covers.  sentence: what a person reads.
    """

    name: str
    source: str
    who: list[str]
    use: str
    owner: str
    until: str
    status: str
    accounts: int
    sentence: str
    by: str = ""
    why: str = ""
    spared: list[Spared] = msgspec.field(default_factory=list)


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of `findings.json`."""

    schema_version: int
    findings: list[Finding]
    tested: list[TestedGroup] = msgspec.field(default_factory=list)
    declared: list[Declared] = msgspec.field(default_factory=list)
    operators: list[OperatorCluster] = msgspec.field(default_factory=list)
