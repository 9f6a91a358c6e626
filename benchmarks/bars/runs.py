"""One run: a world of the range made, changed where asked, scanned and scored; kept, so that no run is made twice."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path

import msgspec

import stillwatch
from stillwatch.evaluate.delay import Delays, day_by_day
from stillwatch.evaluate.playing import Played, played, scale_for
from stillwatch.scan.options import ScanOptions
from stillwatch.scan.progress import Progress
from stillwatch.scan.run import scan
from stillwatch.traffic_range.variants import with_share
from stillwatch.traffic_range.worlds import Cast, world_named
from stillwatch.traffic_range.write import write_world

Say = Callable[[str], None]

LACKING: dict[str, tuple[str, ...]] = {
    "payments": ("payment_id",),
    "addresses": ("ip", "asn", "country"),
    "clients": ("client", "client_fingerprint", "sdk", "platform"),
    "responses": ("response", "output_tokens", "reasoning_tokens", "finish_reason", "reasoning_out"),
    "a registry": ("registry", "payment_id", "email_domain", "org_id"),
    "any text": ("text",),
}
"""What a log may lack -> what `write_world` leaves out."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run, by what it is made of.

    accounts: about how many, in place of a scale.  share: of accounts that are in campaigns, where it is not the
    world's.  dials: evasions of every campaign.  without: what the log lacks.  sample: share of rows that it has.
    cast: what the world has besides.  every: days between scans, where it is scanned day by day; 0 for once.
    """

    world: str
    seed: int
    scale: float = 1.0
    accounts: int | None = None
    share: float | None = None
    dials: dict[str, float] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    sample: float = 1.0
    cast: tuple[Cast, ...] = ()
    every: int = 0
    oracle: bool = False

    @property
    def name(self) -> str:
        """Its file: what it is, and the code that ran it."""
        told = blake2b(repr(self).encode() + code(), digest_size=8).hexdigest()
        return f"{self.world}-{self.seed}-{told}"


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What a run came to: its scores, or those of each of its days."""

    played: Played | None = None
    days: Delays | None = None


_code: list[bytes] = []


def code() -> bytes:
    """A digest of the package's source: results of other code are not these."""
    if not _code:
        digest = blake2b(digest_size=16)
        root = Path(stillwatch.__file__).parent
        for path in sorted(root.rglob("*.py")):
            digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
        _code.append(digest.digest())
    return _code[0]


def result(run: Run, folder: Path, say: Say) -> Kept:
    """A run's result: read where it was kept, else made and kept."""
    path = folder / f"{run.name}.json"
    if path.exists():
        return msgspec.json.decode(path.read_bytes(), type=Kept)
    say(f"{path.stem}: {run.world} of seed {run.seed} {' without '.join(['', *run.without])}")
    with tempfile.TemporaryDirectory(prefix="stillwatch-") as name:
        kept = _made(run, Path(name))
    folder.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(msgspec.json.encode(kept))
    partial.rename(path)
    return kept


def kept_result(run: Run, folder: Path) -> Kept | None:
    """A run's result where it was kept."""
    path = folder / f"{run.name}.json"
    return msgspec.json.decode(path.read_bytes(), type=Kept) if path.exists() else None


def _made(run: Run, folder: Path) -> Kept:
    world = world_named(run.world)
    scale = run.scale if run.accounts is None else scale_for(world, run.accounts)
    if run.share is not None:
        world = with_share(world, run.share)
    world = world.evading(run.dials)
    world = replace(world, cast=(*world.cast, *run.cast))
    without = tuple(column for lack in run.without for column in LACKING[lack])
    write_world(world, folder / "world", seed=run.seed, scale=scale, sample=run.sample, without=without)
    if run.every:
        return Kept(days=day_by_day(folder / "world", every=run.every))
    scan([str(folder / "world")], ScanOptions(out=folder / "scan"), Progress(quiet=True, live=False))
    return Kept(played=played(folder / "scan", folder / "world", oracle=run.oracle))
