"""The sum behind a verdict."""

from __future__ import annotations

import math
from decimal import Decimal
from itertools import pairwise

import msgspec
import pytest
from report_samples import rich_scan

from stillwatch.campaigns.finding import Finding
from stillwatch.report.waterfall import chances, exact_sum, prior_bits, waterfall


@pytest.fixture(scope="module")
def campaign() -> Finding:
    """A campaign with negative overlap among its evidence."""
    return rich_scan().findings.findings[0]


def test_every_step_begins_where_the_last_ended(campaign: Finding) -> None:
    """The bars run on from each other, so that the picture is the sum."""
    steps = [step for step in waterfall(campaign, 100.0) if step.kind not in ("subtotal", "total")]
    for before, after in pairwise(steps):
        assert after.begin == pytest.approx(before.end)
        assert after.end == pytest.approx(after.begin + after.bits)


def test_the_total_is_the_prior_and_the_margin(campaign: Finding) -> None:
    """What is left in the end is prior odds and bits over the best honest explanation, and nothing else."""
    total = waterfall(campaign, 100.0)[-1]
    assert total.kind == "total"
    assert total.bits == pytest.approx(math.log2(1e-4 / (1 - 1e-4)) + campaign.margin_bits)


def test_subtotals_are_the_axes(campaign: Finding) -> None:
    """Each axis's pieces add up to the axis."""
    subtotals = {step.axis: step.bits for step in waterfall(campaign, 100.0) if step.kind == "subtotal"}
    assert subtotals["coordination"] == pytest.approx(campaign.coordination_bits)
    assert subtotals["extraction"] == pytest.approx(campaign.extraction_bits)


def test_negative_overlap_is_a_step_of_its_own(campaign: Finding) -> None:
    """What is taken off the sum is shown, not hidden in a smaller bar."""
    overlaps = [step for step in waterfall(campaign, 100.0) if step.kind == "overlap"]
    assert [round(step.bits, 1) for step in overlaps] == [-4.3]


def test_bits_without_a_piece_are_said(campaign: Finding) -> None:
    """A sum that its pieces do not make is shown as such."""
    more = msgspec.structs.replace(campaign, coordination_bits=campaign.coordination_bits + 2)
    assert [step.bits for step in waterfall(more, 100.0) if step.kind == "rest"] == [pytest.approx(2.0)]


def test_a_network_has_no_prior_of_campaigns() -> None:
    """A network's sum is its evidence: the prior is one of campaigns."""
    network = next(f for f in rich_scan().findings.findings if f.verdict == "network")
    kinds = {step.kind for step in waterfall(network, 100.0)}
    assert not kinds & {"prior", "honest", "total"}


def test_probability_comes_at_three_priors(campaign: Finding) -> None:
    """A probability is shown only with its prior, at a tenth, one and ten times it."""
    shown = chances(campaign, 100.0)
    assert [one.prior_per_million for one in shown] == [pytest.approx(10.0), 100.0, 1000.0]
    odds = 2 ** (prior_bits(100.0) + campaign.margin_bits)
    assert shown[1].p == pytest.approx(odds / (1 + odds))
    assert shown[0].p < shown[1].p < shown[2].p


def test_the_exact_sum_adds_up_as_it_stands(campaign: Finding) -> None:
    """The printed terms, read back, make the printed total, and that is the total of the steps."""
    steps = waterfall(campaign, 100.0)
    *terms, (name, total) = exact_sum(steps)
    read = [Decimal(figure.replace("−", "-")) for _, figure in terms]
    assert [term for term, _ in terms] == ["prior", "coordination", "extraction", "reseller"]
    assert name == "total"
    assert sum(read) == Decimal(total.replace("−", "-"))
    assert float(total.replace("−", "-")) == pytest.approx(steps[-1].end, abs=0.01)


@pytest.mark.parametrize("prior", [0.0, 1e-9, 1e6, 1e7])
def test_no_prior_breaks_the_sum(campaign: Finding, prior: float) -> None:
    """Priors at the ends of the scale give numbers."""
    assert all(math.isfinite(step.end) for step in waterfall(campaign, prior))
    assert all(0.0 <= one.p <= 1.0 for one in chances(campaign, prior))


def test_what_says_next_to_nothing_is_one_step(campaign: Finding) -> None:
    """Rows of 0.0 bits tell a reader nothing: they are named together, and the sum stays what it is."""
    trifle = msgspec.structs.replace(campaign.evidence[0], axis="extraction", bits=0.02)
    more = msgspec.structs.replace(
        campaign,
        evidence=[*campaign.evidence, *(msgspec.structs.replace(trifle, name=name) for name in ("probing", "pivot"))],
        extraction_bits=campaign.extraction_bits + 0.04,
    )
    steps = waterfall(more, 100.0)
    assert [(step.name, step.sentence) for step in steps if step.kind == "small"] == [
        ("others", "next to nothing: pivot, probing")
    ]
    assert [step.bits for step in steps if step.kind == "subtotal"][-1] == pytest.approx(more.extraction_bits)


def test_a_harvest_has_no_sum_of_coordination() -> None:
    """One customer acts as one anyway: an axis without evidence has no row of 0.0 bits."""
    harvest = next(f for f in rich_scan().findings.findings if f.verdict == "harvest")
    alone = msgspec.structs.replace(
        harvest, evidence=[one for one in harvest.evidence if one.axis == "extraction"], coordination_bits=0.0
    )
    assert {step.axis for step in waterfall(alone, 100.0) if step.kind == "subtotal"} == {"extraction"}
