"""The bars: which runs each is measured on, and what is read off their scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.bars.runs import LACKING, Kept, Run
from stillwatch.evaluate.intervals import at_most, mean_interval, share_interval
from stillwatch.evaluate.playing import Played
from stillwatch.evaluate.scores import CampaignScore
from stillwatch.traffic_range.worlds import Cast

ALL_SHARED = "all signals shared"


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. met: None where the bar cannot be decided by so many runs."""

    what: str
    shared: str
    bar: str
    got: str
    runs: int
    met: bool | None


@dataclass(frozen=True, slots=True)
class Row:
    """A bar. run: of a seed.  told: the figures of the runs that were made."""

    name: str
    run: Callable[[int], Run]
    told: Callable[[Sequence[Kept]], Iterator[Figure]]


def _played(results: Sequence[Kept]) -> list[Played]:
    return [one.played for one in results if one.played is not None]


def _clean(name: str, wanted: int) -> Callable[[Sequence[Kept]], Iterator[Figure]]:
    """No false campaign in worlds without any."""

    def told(results: Sequence[Kept]) -> Iterator[Figure]:
        runs = _played(results)
        false = sum(len(one.scores.false_campaigns) for one in runs)
        honest = sum(one.scores.honest_accounts for one in runs)
        accused = sum(sum(one.scores.accused.values()) for one in runs)
        promised = sum(one.promise * min(one.days, 30.0) / 30.0 for one in runs)
        bound = at_most(false)
        what = f"{name}: {honest / max(len(runs), 1):,.0f} honest accounts a world"
        got = f"{false} false in {len(runs)} (95 %: at most {bound:.1f}; promised {promised:.2f})"
        enough = len(runs) >= wanted
        yield Figure(what, "-", f"{wanted} worlds, none false", got, len(runs), false == 0 if enough or false else None)
        low, high = share_interval(accused, honest)
        yield Figure(
            f"{name}: honest accounts accused", "-", "0",
            f"{accused} of {honest:,} ({low:.2g} to {high:.2g})", len(runs), accused == 0,
        )  # fmt: skip
        groups: dict[tuple[str, str], list[int]] = {}
        for one in runs:
            for group in one.scores.groups:
                counted = groups.setdefault((group.by, group.value), [0, 0])
                counted[0] += group.false_findings
                counted[1] += group.accused
        (by, value), worst = max(groups.items(), key=lambda item: (item[1], item[0]), default=(("-", "-"), [0, 0]))
        text = f"{worst[0]} false, {worst[1]} accused" + (f" ({by} {value})" if any(worst) else "")
        yield Figure(f"{name}: the worst language, time zone, plan or VPN group", "-", "none false", text,
                     len(runs), worst[0] == 0)  # fmt: skip

    return told


def _of(runs: Sequence[Played], campaign: str) -> list[CampaignScore]:
    return [one for run in runs for one in run.scores.campaigns if one.campaign == campaign]


def _mean(values: Sequence[float | None], bar: float) -> tuple[str, bool | None]:
    """A mean with its interval; what was not found counts as 0."""
    known = [value or 0.0 for value in values]
    if not known:
        return "-", None
    mean, low, high = mean_interval(known)
    return f"{mean:.3f}" + (f" ({low:.3f} to {high:.3f})" if len(known) > 1 else ""), mean >= bar


def _oracle(runs: Sequence[Played], campaign: str) -> str:
    """What an oracle reached of a campaign's exchanges, in the runs where one was asked."""
    known = [
        one.exchange_recall
        for run in runs
        for one in run.possible
        if one.campaign == campaign and one.exchange_recall is not None
    ]
    return f"; oracle {sum(known) / len(known):.2f}" if known else ""


def _found(
    campaigns: Sequence[str], shared: str, **bars: float
) -> Callable[[Sequence[Kept]], Iterator[Figure]]:  # fmt: skip
    """How many were found; and of those bars that are named, the means over all runs, 0 where one was missed."""

    def told(results: Sequence[Kept]) -> Iterator[Figure]:
        runs = _played(results)
        for campaign in campaigns:
            scores = _of(runs, campaign)
            n = sum(one.finding_id is not None for one in scores)
            low, high = share_interval(n, len(scores))
            got = f"{n} of {len(scores)} ({low:.2f} to {high:.2f}){_oracle(runs, campaign)}"
            yield Figure(f"{campaign}: found", shared, "all", got, len(runs), n == len(scores) > 0)
            for measure, bar in bars.items():
                text, met = _mean([getattr(one, measure) for one in scores], bar)
                yield Figure(f"{campaign}: {measure.replace('_', ' ')}", shared, f"{bar}", text, len(runs), met)

    return told


def _also(*several: Callable[[Sequence[Kept]], Iterator[Figure]]) -> Callable[[Sequence[Kept]], Iterator[Figure]]:
    def told(results: Sequence[Kept]) -> Iterator[Figure]:
        for one in several:
            yield from one(results)

    return told


def _accuses_nobody(name: str) -> Callable[[Sequence[Kept]], Iterator[Figure]]:
    def told(results: Sequence[Kept]) -> Iterator[Figure]:
        runs = _played(results)
        false = sum(len(one.scores.false_campaigns) for one in runs)
        accused = sum(sum(one.scores.accused.values()) for one in runs)
        victims = sum(one.scores.victims_accused for one in runs)
        honest = sum(one.scores.honest_accounts for one in runs)
        yield Figure(
            f"{name}: false campaigns; honest accounts accused; owners of stolen keys among them", "-", "0",
            f"{false}; {accused} of {honest:,}; {victims}", len(runs), false + accused == 0,
        )  # fmt: skip

    return told


def _cover(results: Sequence[Kept]) -> Iterator[Figure]:
    """Cover exchanges in campaign findings, of all that they hold."""
    runs = _played(results)
    labels = [one.scores.labels for one in runs]
    held = sum(sum(one.values()) for one in labels)
    cover = sum(one.get("cover", 0) for one in labels)
    share = cover / max(held, 1)
    yield Figure("cover exchanges in campaigns", "-", "at most 0.01", f"{share:.4f}", len(runs), share <= 0.01)


def _networks(
    campaigns: Sequence[str], recall: float, precision: float
) -> Callable[[Sequence[Kept]], Iterator[Figure]]:
    """Accounts of the networks that campaigns run on, against findings of verdict `network`."""

    def told(results: Sequence[Kept]) -> Iterator[Figure]:
        runs = _played(results)
        for campaign in campaigns:
            scores = [n for one in runs for n in one.scores.true_networks if campaign in n.campaigns]
            for measure, bar in (("recall", recall), ("precision", precision)):
                text, met = _mean([getattr(one, measure) for one in scores], bar)
                yield Figure(
                    f"{campaign}: its network's accounts, {measure}", ALL_SHARED, f"{bar}", text, len(runs), met
                )

    return told


def _delay(campaign: str, days: float | None, share: float) -> Callable[[Sequence[Kept]], Iterator[Figure]]:
    def told(results: Sequence[Kept]) -> Iterator[Figure]:
        delays = [d for one in results if one.days for d in one.days.campaigns if d.campaign.startswith(campaign)]
        at = [f"{d.days:.0f} days, {d.share:.0%}" if d.days is not None else "never" for d in delays]
        in_time = [d.share is not None and d.share <= share and (days is None or d.days <= days) for d in delays]
        bar = f"{'' if days is None else f'{days:.0f} day, '}{share:.0%} of it"
        yield Figure(
            f"{campaign}: scanned daily, found after",
            ALL_SHARED,
            bar,
            "; ".join(at) or "-",
            len(delays),
            bool(delays) and all(in_time),
        )

    return told


DEMO = ("reasoning_campaign", "agentic_campaign", "hydra_campaign")
_EXACT = {"account_recall": 0.98, "account_precision": 0.995, "exchange_recall": 0.95, "exchange_precision": 0.98}
SMALL = Cast("harvest_campaign", 1, {"per_day": 4.76}, name="twenty", least=20)


def _lacking(name: str, lacks: tuple[str, ...], sample: float = 1.0) -> Row:
    return Row(
        f"missing-{name.replace(' ', '-')}",
        lambda seed: Run("demo", seed, without=lacks, sample=sample),
        _also(_found(DEMO, f"without {name}"), _accuses_nobody(f"without {name}")),
    )


ROWS = (
    Row("quiet", lambda seed: Run("quiet", seed, accounts=10_000), _clean("quiet", 60)),
    Row("lookalikes", lambda seed: Run("lookalikes", seed, accounts=10_000), _clean("lookalikes", 60)),
    Row("demo", lambda seed: Run("demo", seed, oracle=seed <= 3), _also(_found(DEMO, ALL_SHARED, **_EXACT), _cover,
                                                                  _accuses_nobody("demo"))),
    Row(
        "february",
        lambda seed: Run("february", seed, scale=0.0415, share=0.0996),
        _also(_found(("lab_a", "lab_b", "lab_c"), ALL_SHARED, **_EXACT), _cover, _accuses_nobody("february, a tenth")),
    ),
    Row(
        "september",
        lambda seed: Run("september", seed, scale=0.08),
        _also(
            _found(
                ("relay_with_tail", "relay_plain", "replay", "probing", "long_horizon", "to_a_weaker_model",
                 "first_tenant", "second_tenant"), ALL_SHARED,
            ),
            _networks(("relay_with_tail", "relay_plain"), 0.95, 0.99),
            _cover,
            _accuses_nobody("september"),
        ),
    ),
    Row(
        "kinds",
        lambda seed: Run("kinds", seed),
        _also(
            _found(
                ("rotation_campaign", "stolen_keys_campaign", "framing_campaign", "one_organisation_campaign",
                 "harvest_campaign"), ALL_SHARED,
            ),
            _accuses_nobody("kinds"),
        ),
    ),
    Row(
        "evasion-cover",
        lambda seed: Run("demo", seed, dials={"cover": 0.8}),
        _found(DEMO, "all, under 80 % cover", exchange_recall=0.9),
    ),
    Row(
        "evasion-wording",
        lambda seed: Run("demo", seed, dials={"paraphrase_request": 1.0, "unique_payments": 1.0}),
        _found(DEMO, "rhythm, network; no mould, no payment", exchange_recall=0.8),
    ),
    Row(
        "evasions",
        lambda seed: Run("evasions", seed, scale=0.4),
        _also(
            _found(
                tuple(f"evading_{x}" for x in ("nothing", "by_cover", "by_wording_half", "by_wording", "by_plumbing",
                      "by_times", "by_items", "by_languages", "by_organisations", "by_half_of_all", "by_all")),
                "what its name does not say",
            ),
            _accuses_nobody("evasions"),
        ),
    ),
    Row("slow", lambda seed: Run("slow", seed, scale=0.5), _found(("slow_campaign",), ALL_SHARED)),
    Row(
        "small",
        lambda seed: Run("quiet", seed, accounts=100_000, cast=(SMALL,)),
        _found(("twenty",), ALL_SHARED, exchange_recall=0.8),
    ),
    *(_lacking(name, (name,)) for name in LACKING),
    _lacking("nine tenths of its rows", (), 0.1),
    _lacking("all of these", tuple(LACKING), 0.1),
    Row("delay", lambda seed: Run("demo", seed, scale=0.6, every=1), _delay("hydra_campaign", 1.0, 0.02)),
    Row("probing", lambda seed: Run("september", seed, scale=0.04, every=2), _delay("probing", None, 0.1)),
)  # fmt: skip
