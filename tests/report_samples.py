"""Findings as a scan might have them, for the report's tests: three campaigns, a harvest, twelve networks, or none."""

# ruff: noqa: E501 (sentences stand here as a scan writes them)

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch import schema
from stillwatch.campaigns.finding import (
    Evidence,
    Explanation,
    Finding,
    Findings,
    Operator,
    Pictures,
    Share,
    TemplateExample,
    TestedGroup,
)

HOSTILE_ID = "acct\"'><script>window.hurt=1</script>\x1b[31m\u202egnp.exe\x00"
HOSTILE_EXAMPLE = "Grade this: ⟦</pre><script>window.hurt=2</script>⟧ & <img src=x onerror=window.hurt=3> then </style>"

START = datetime(2026, 2, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Scan:
    """Everything that a report is written from."""

    findings: Findings
    summary: dict[str, Any]
    members: pa.Table
    links: pa.Table
    quarantine: pa.Table
    accounts: pa.Table


def piece(family: str, axis: str, name: str, bits: float, sentence: str, observed: float = 0.9) -> Evidence:
    """One evidence."""
    return Evidence(family=family, axis=axis, name=name, bits=bits, observed=observed, expected=0.1, sentence=sentence)


COORDINATION = [
    piece("text", "coordination", "shared-template", 9.4, "97% of its accounts share prompts poured from the same moulds with others of them; an account's sharing says 8.1 bits on average, in random groups 0.2"),
    piece("identity", "coordination", "shared-payment", 8.2, "88% of its accounts share the same payment instruments with others of them; an account's sharing says 6.6 bits on average, in random groups 0.1"),
    piece("identity", "coordination", "shared-network-prefix", 3.1, "41% of its accounts share the same addresses or network prefixes with others of them; an account's sharing says 2.2 bits on average, in random groups 0.3"),
    piece("time", "coordination", "synchrony", 6.0, "its accounts are active in the same ten minutes 2^3.4 times as often as everybody's rhythm explains; unrelated users of one mould 2^0.2 times"),
    piece("work", "coordination", "even-load", 7.7, "exchanges an account vary by 0.21 of their mean; among unrelated users of one mould by 1.62"),
    piece("work", "coordination", "partition", 5.2, "0.3% of its accounts' prompts were sent by another of them too; among unrelated users of one mould 11.0%"),
    piece("text", "coordination", "overlap", -4.3, "text and work-sharing go together among honest users of one tool too: what they say twice is taken off"),
]  # fmt: skip

EXTRACTION = [
    piece("text", "extraction", "mould-and-slots", 8.8, "96% of its exchanges are fresh fillings of a mould in a first message; in honest traffic 7%"),
    piece("appetite", "extraction", "single-shot", 4.1, "99% of its exchanges are first messages that nothing follows up; in honest traffic 44%"),
    piece("appetite", "extraction", "long-answers", 3.6, "its answers have e^7.1 tokens in the geometric mean; honest streams e^5.2"),
    piece("text", "extraction", "targets", 2.4, "91% of its exchanges go after one capability; in honest traffic 12%"),
]  # fmt: skip

HONEST = {
    "reseller": ("a reseller or router with many unrelated users behind it", 0.40),
    "one organisation": ("one company that uses several accounts without saying so", 0.55),
    "agency": ("an agency whose clients' accounts share its card, its address and its moulds", 0.6),
    "class": ("a class of students, or a hackathon: one campus, one assignment, one week", 0.7),
    "evaluator": ("people who run the same public benchmark", 0.5),
    "popular tool": ("users of one tool, who share its mould and its client", 0.8),
    "stolen keys": ("a thief's traffic through accounts whose owners know nothing of it", 0.75),
    "common cause": ("an outage, a release or a schedule that moved everybody", 0.95),
}

EXAMPLES = (
    "Below is a problem and its final answer.\n\nProblem:\n⟦a question⟧\n\nFinal answer: ⟦a number⟧\n\n"
    "Write out in full the step-by-step reasoning that leads to this answer. Number every step. Do not mention that the "
    "answer was given.",
    "You are a strict grader. Rubric:\n⟦a rubric⟧\n\nResponse to grade:\n⟦an answer⟧\n\nReturn JSON with score 1 to 10 and a critique.",
    "Rewrite the following so that it says the same without words that a platform would remove:\n⟦a paragraph⟧",
)


def pictures(rng: np.random.Generator, days: int, accounts: int, per_day: int, moves: bool = True) -> Pictures:
    """Pictures of a finding of so many days: a ramp up, a pause, a move to a new model."""
    timeline, models = [], []
    for at in range(days * 4):
        begin = START + timedelta(hours=6 * at)
        ramp = min(1.0, at / (days * 1.2)) * (0.05 if days * 2 <= at < days * 2 + 5 else 1.0)
        inside = int(rng.poisson(per_day / 4 * ramp))
        timeline.append((f"{begin:%Y-%m-%dT%H:%M:%SZ}", inside, int(rng.poisson(per_day / 18))))
    for at in range(days):
        new = 0.0 if not moves or at < days * 0.6 else min(0.9, 0.5 + 0.1 * (at - days * 0.6))
        for model, part in (
            ("atlas-large-2", (1 - new) * 0.8),
            ("atlas-large-3", new),
            ("atlas-small-2", (1 - new) * 0.2),
        ):
            if part > 0:
                models.append((f"{START + timedelta(days=at):%Y-%m-%d}", model, int(per_day * part)))
    load = sorted(
        (int(x) for x in rng.normal(per_day * days / accounts, per_day * days / accounts * 0.2, accounts)), reverse=True
    )
    everybody = np.array([2 + math.sin((hour - 9) / 24 * 2 * math.pi) for hour in range(24)])
    mine = np.ones(24) + rng.normal(0, 0.05, 24)
    return Pictures(
        bin_hours=6.0,
        timeline=timeline,
        load=[max(x, 1) for x in load],
        models=models,
        hours=[[round(float(x), 5) for x in line / line.sum()] for line in (mine, everybody)],
        shares=[
            Share(kind="payment instrument", label="vis…4411", accounts=int(accounts * 0.52), elsewhere=0),
            Share(kind="payment instrument", label="vis…9902", accounts=int(accounts * 0.36), elsewhere=1),
            Share(kind="template", label="9f3c77d1aa02be41", accounts=int(accounts * 0.97), elsewhere=3),
            Share(kind="network prefix", label="203.0.113.0/24", accounts=int(accounts * 0.41), elsewhere=12),
            Share(kind="e-mail domain", label="mail-example-relay.test", accounts=int(accounts * 0.3), elsewhere=0),
            Share(kind="hour of sign-up", label="2026-01-28 03:00 UTC", accounts=int(accounts * 0.22), elsewhere=4),
            Share(kind="user agent", label="python-requests/2.32.3", accounts=accounts, elsewhere=18_211, hub=True),
            Share(
                kind="network prefix", label="198.51.100.0/24", accounts=int(accounts * 0.1), elsewhere=4_120, hub=True
            ),
        ],
    )


def explanations(coordination: float, extraction: float, scale: float = 1.0) -> list[Explanation]:
    """Every honest explanation with what it leaves standing."""
    evidence = [*COORDINATION, *EXTRACTION]
    out = []
    for name, (sentence, left) in HONEST.items():
        said = [one.sentence for one in evidence if one.bits > 0]
        cut = int(len(said) * (1 - left))
        out.append(
            Explanation(
                name=name,
                margin_bits=round((coordination + extraction) * left * scale, 3),
                for_=[f"{sentence} would show this too: {one}" for one in said[:cut]][:2],
                against=said[cut:][:3],
            )
        )
    return sorted(out, key=lambda one: (one.margin_bits, one.name))


def campaign(
    number: int, rng: np.random.Generator, *, accounts: int, days: int, per_day: int, targets: dict[str, float]
) -> Finding:
    """A campaign."""
    coordination = sum(one.bits for one in COORDINATION)
    extraction = sum(one.bits for one in EXTRACTION)
    honest = explanations(coordination, extraction, 1.0 + 0.1 * number)
    exchanges = per_day * days
    return Finding(
        finding_id=f"C-{number:012x}",
        verdict="campaign",
        coordination_bits=coordination,
        extraction_bits=extraction,
        margin_bits=honest[0].margin_bits,
        expected_false=0.0004 / number**2,
        claim=f"{accounts:,} accounts that present themselves as unrelated act as one and collected {exchanges:,} answers in "
        f"{days} days, after {' and '.join(list(targets)[:2])}.",
        accounts=accounts,
        exchanges=exchanges,
        trajectories=int(exchanges * 0.98),
        tokens_out=exchanges * 1_450,
        network_share=0.83,
        first_at=f"{START:%Y-%m-%dT%H:%M:%SZ}",
        last_at=f"{START + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}",
        cost_usd=exchanges * 0.0218 if number == 1 else None,
        targets=targets,
        evidence=[*COORDINATION, *EXTRACTION],
        explanations=honest,
        templates=[
            TemplateExample(
                id=f"{0x9F3C77D1AA02BE41 + i:016x}",
                count=exchanges // (i + 2),
                accounts=accounts // (i + 1),
                example=text,
            )
            for i, text in enumerate([EXAMPLES[(number - 1) % 3], None])
        ],
        atlas=["AML.T0008.005", "AML.T0021", "AML.T0024.002", "AML.T0065", "AML.T9999"],
        operators=[
            Operator(
                findings=["C-000000000002"],
                bits=11.2,
                sentence="they share two payment instruments that strangers would not.",
            )
        ]
        if number == 1
        else [],
        missing=["replay: needs reasoning_in and reasoning_out", "shared-client: needs client_fingerprint or client"],
        pictures=pictures(rng, days, accounts, per_day, number != 2),
    )


def network(number: int, rng: np.random.Generator) -> Finding:
    """A network."""
    accounts = int(rng.integers(5, 180))
    evidence = [COORDINATION[1], COORDINATION[2], COORDINATION[5]]
    coordination = sum(one.bits for one in evidence)
    return Finding(
        finding_id=f"N-{number:012x}",
        verdict="network",
        coordination_bits=coordination,
        extraction_bits=1.1,
        margin_bits=2.4,
        expected_false=0.6,
        claim=f"{accounts:,} accounts that present themselves as unrelated act as one over 27 days; that they collect data is not shown.",
        accounts=accounts,
        exchanges=accounts * 91,
        trajectories=accounts * 60,
        tokens_out=None,
        network_share=1.0,
        first_at="2026-02-01T03:10:00Z",
        last_at="2026-02-28T22:10:00Z",
        evidence=evidence,
        explanations=explanations(coordination, 1.1),
        atlas=["AML.T0008.005", "AML.T0021"],
        missing=["replay: needs reasoning_in and reasoning_out"],
        pictures=pictures(rng, 27, accounts, accounts * 3),
    )


def summary(**changes: Any) -> dict[str, Any]:
    """`scan.json` of a scan of 28 days."""
    filled = dict.fromkeys(schema.EXCHANGE.names, 1.0)
    filled |= {"client_fingerprint": 0.0, "reasoning_in": 0.0, "reasoning_out": 0.0, "response": 0.0, "payment_id": 0.0}
    filled |= {"org_id": 0.31, "ip": 0.974, "temperature": 0.12, "cached_tokens": 0.0004}
    return {
        "stillwatch": "0.1.0",
        "versions": {"fingerprint": 1, "findings": 1},
        "parameters": {
            "max_false_campaigns": 0.05,
            "exemplars": True,
            "min_exemplar_accounts": 5,
            "format": None,
            "pseudonymised": False,
        },
        "seed": 0,
        "formats": ["litellm"],
        "counts": {"read": 2_410_233, "kept": 2_409_001, "quarantined": 1_020, "duplicates": 212},
        "coverage": filled,
        "first_at": "2026-02-01T00:00:04Z",
        "last_at": "2026-02-28T23:59:40Z",
        "accounts": 41_870,
        "exchanges": 2_409_001,
        "missing_evidence": [
            {"evidence": "replay", "needs": "reasoning_in and reasoning_out", "turn_on": "log whole messages, opaque reasoning blocks included"},
            {"evidence": "shared-client", "needs": "client_fingerprint or client", "turn_on": "litellm: set store_headers"},
        ],
        "null": {
            "decoy_groups": 57_288,
            "worlds": 0,
            "streams_tested": 15,
            "streams_seeming_honest": 9.3,
            "tail": "none: no piece of evidence weighs more than its null sample shows",
            "campaign_threshold_bits": 4.4,
            "coordination_threshold_bits": 17.5,
            "extraction_threshold_bits": 4.4,
            "small_parts_tested": 6,
            "small_parts_seeming_honest": 3.1,
            "small_parts_share": 0.2,
            "small_part_threshold_bits": 7.6,
            "harvest_threshold_bits": 8.6,
            "harvests_tested": 31,
        },
        "promise": {"max_false_campaigns": 0.05, "days": 27.999, "share_spent": 0.9333},
        "prior_per_million": 100.0,
        "address_database": None,
        "notes": [],
    } | changes  # fmt: skip


def rich_scan(n_networks: int = 12) -> Scan:
    """Three campaigns, one harvest and networks, with hostile ids and texts among them."""
    rng = np.random.default_rng(7)
    campaigns = [
        campaign(1, rng, accounts=1_204, days=28, per_day=6_500, targets={"reasoning elicitation": 0.71, "grading and reward modelling": 0.2}),
        campaign(2, rng, accounts=310, days=21, per_day=940, targets={"grading and reward modelling": 0.88}),
        campaign(3, rng, accounts=46, days=9, per_day=2_100, targets={"censorship-safe rewriting": 0.9, "tool use": 0.08}),
    ]  # fmt: skip
    hostile = msgspec.structs.replace(campaigns[2].templates[0], example=HOSTILE_EXAMPLE)
    # The third is a small part of a proxy's network, and only half hides that its accounts belong together.
    campaigns[2] = msgspec.structs.replace(
        campaigns[2],
        templates=[hostile],
        cost_usd=None,
        needed_bits=7.6,
        doubt_bits=1.2,
        strangers=0.675,
        small_part=True,
    )
    harvest = msgspec.structs.replace(
        campaign(9, rng, accounts=1, days=20, per_day=4_000, targets={"data analysis": 0.6}),
        finding_id="H-00000000000a",
        verdict="harvest",
        coordination_bits=0.0,
        evidence=EXTRACTION,
        operators=[],
        claim="1 declared account collected 80,000 answers as training data in 20 days: a matter of terms, not of fraud.",
    )
    networks = [network(number, rng) for number in range(1, n_networks + 1)]
    found = [*campaigns, *networks, harvest]
    tested = [
        TestedGroup(
            coordination_bits=one.coordination_bits + float(rng.normal(0, 2)) * (one.verdict != "harvest"),
            extraction_bits=one.extraction_bits + float(rng.normal(0, 1)),
            accounts=one.accounts,
            exchanges=one.exchanges,
            verdict=one.verdict,
            finding_id=one.finding_id,
            margin_bits=one.margin_bits,
            needed_bits=one.needed_bits,
            doubt_bits=one.doubt_bits,
            small_part=one.small_part,
        )
        for one in found
    ]
    tested += [
        TestedGroup(
            coordination_bits=float(rng.gamma(2, 4)),
            extraction_bits=float(rng.gamma(1.2, 2)),
            accounts=int(rng.integers(3, 60)),
            exchanges=100,
            verdict="clear",
        )
        for _ in range(90)
    ]
    rows: list[tuple[str, str, str, float]] = []
    for one in found:
        for at in range(one.accounts):
            role = "driver" if one.verdict != "network" else "carrier"
            if one.verdict == "campaign":
                role = (
                    "stolen"
                    if at % 97 == 96
                    else "adjacent"
                    if at % 61 == 60
                    else "carrier"
                    if at % 9 == 8
                    else "driver"
                )
            rows.append((one.finding_id, f"acct-{one.finding_id[-3:]}-{at:05d}", role, round(12.0 - at % 40 / 10, 3)))
    rows.append((campaigns[2].finding_id, HOSTILE_ID, "driver", 13.0))
    members = pa.table(
        dict(zip(schema.FINDING_ACCOUNTS.names, zip(*rows, strict=True), strict=True)), schema.FINDING_ACCOUNTS
    )
    said = {account: finding_id for finding_id, account, _, _ in rows}
    verdicts = {one.finding_id: one.verdict for one in found}
    accounts = [(a, verdicts[f], 35.3, 18.9, 100) for a, f in said.items()]
    accounts += [("lonely", "clear", 0.0, 0.0, 12), ("nearly", "clear", 12.25, 3.5, 480)]
    accounts += [("openly", "clear", 0.0, 6.6, 3_137)]
    return Scan(
        findings=Findings(schema_version=schema.FINDINGS_VERSION, findings=found, tested=tested),
        summary=summary(),
        members=members.sort_by([("finding_id", "ascending"), ("account_id", "ascending")]),
        links=pa.table(
            {
                "campaign_id": ["C-000000000001", "C-000000000001", "C-000000000003"],
                "network_id": [f"N-{n:012x}" for n in (1, 2, 2)],
            },
            schema.FINDING_LINKS,
        ),
        quarantine=pa.table(
            {
                "source": ["logs/a.jsonl"] * 1019 + ["logs/<b>.jsonl"],
                "line": [*range(1, 1020), 7],
                "reason": ["no JSON: cut off"] * 1019 + ["<script>window.hurt=4</script> is no time"],
                "raw": [None] * 1020,
            },
            schema.QUARANTINE,
        ),
        accounts=pa.table(dict(zip(schema.ACCOUNTS.names, zip(*accounts, strict=True), strict=True)), schema.ACCOUNTS),
    )


def empty_scan(tested: int = 0) -> Scan:
    """A scan that found nothing, with so many groups tested."""
    whole = rich_scan(0)
    clear = [group for group in whole.findings.tested if group.verdict == "clear"][:tested]
    return Scan(
        findings=Findings(schema_version=schema.FINDINGS_VERSION, findings=[], tested=clear),
        summary=summary(),
        members=schema.FINDING_ACCOUNTS.empty_table(),
        links=schema.FINDING_LINKS.empty_table(),
        quarantine=schema.QUARANTINE.empty_table(),
        accounts=whole.accounts.filter(pa.compute.equal(whole.accounts["verdict"], "clear")),
    )


def write_scan(scan: Scan, folder: Path) -> Path:
    """The folder that a scan leaves, but for its report."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "findings.json").write_bytes(msgspec.json.encode(scan.findings))
    (folder / "scan.json").write_bytes(msgspec.json.encode(scan.summary))
    tables = {
        "finding_accounts": scan.members,
        "finding_links": scan.links,
        "accounts": scan.accounts,
        "quarantine": scan.quarantine,
    }
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet")
    return folder


def large_scan(accounts: int) -> Scan:
    """A scan with one campaign of so many accounts."""
    whole = rich_scan(0)
    one = campaign(1, np.random.default_rng(7), accounts=accounts, days=28, per_day=200_000, targets={"tool use": 0.9})
    rows = [(one.finding_id, f"acct-001-{at:05d}", "driver", round(12.0 - at % 40 / 10, 3)) for at in range(accounts)]
    members = pa.table(
        dict(zip(schema.FINDING_ACCOUNTS.names, zip(*rows, strict=True), strict=True)), schema.FINDING_ACCOUNTS
    )
    found = Findings(schema_version=schema.FINDINGS_VERSION, findings=[one], tested=whole.findings.tested)
    return Scan(found, whole.summary, members, whole.links, whole.quarantine, whole.accounts)
