"""`stillwatch range WORLD`: write a labelled world's logs, to see what a scan would find."""

from __future__ import annotations

import sys
from pathlib import Path


def range_(
    world: str,
    /,
    *,
    out: Path | None = None,
    seed: int = 1,
    scale: float = 1.0,
    format: str = "canonical",
    dial: list[str] | None = None,
    quiet: bool = False,
) -> int:
    """Write a labelled world's logs, its account registry, and the truth about them. Nothing sends a request.

    Parameters
    ----------
    world
        Which world: `demo` (three campaigns in honest traffic), `quiet` (honest traffic alone), `lookalikes` (all of it
        of kinds that look like something else), `february` and `september` (what was reported in 2026), `kinds`
        (campaigns that hide in somebody else's traffic), `evasions` (one campaign behind many), `slow` (months).
    out
        Folder for the world; its name where it is not given. A world that is there already is replaced.
    seed
        Seed of every random choice: the same seed gives the same bytes.
    scale
        Factor on the number of accounts of every population.
    format
        Format of the logs: `canonical` (Parquet), `canonical-ndjson`, or any other that `stillwatch formats` marks as
        writable; documents go into logs.ndjson, one a line.
    dial
        An evasion turned up on every campaign of the world, from 0 to 1, such as `paraphrase_request=0.8`; may be given
        several times. docs/range.md lists the dials.
    quiet
        Say nothing on standard error but errors.
    """
    from stillwatch.traffic_range.evasions import parse_dials
    from stillwatch.traffic_range.worlds import world_named
    from stillwatch.traffic_range.write import write_world

    chosen = world_named(world).evading(parse_dials(dial or ()))
    folder = Path(world) if out is None else out

    def say(text: str) -> None:
        if not quiet:
            print(text, file=sys.stderr)

    written = write_world(chosen, folder, seed=seed, scale=scale, format=format, say=say)
    print(f"{folder}: {written.exchanges:,} exchanges of {written.accounts:,} accounts: {chosen.title}")
    return 0
