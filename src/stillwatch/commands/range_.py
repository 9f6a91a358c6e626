"""`stillwatch range WORLD`: write a labelled world's logs, to see what a scan would find."""

from __future__ import annotations

import sys
from pathlib import Path


def range_(
    world: str = "",
    /,
    *,
    out: Path | None = None,
    seed: int = 1,
    scale: float = 1.0,
    days: int | None = None,
    share: float | None = None,
    sample: float = 1.0,
    without: list[str] | None = None,
    format: str = "canonical",
    dial: list[str] | None = None,
    corpus: Path | None = None,
    corpus_half: str | None = None,
    workers: int | None = None,
    list: bool = False,
    quiet: bool = False,
) -> int:
    """Write a labelled world's logs, its account registry, and the truth about them. Nothing sends a request.

    Parameters
    ----------
    world
        Which world: `demo` (three campaigns in honest traffic), `quiet` (honest traffic alone); `--list` tells all.
    out
        Folder for the world; its name where it is not given. A world that is there already is replaced.
    seed
        Seed of every random choice: the same seed gives the same bytes.
    scale
        Factor on the number of accounts of every population.
    days
        How many days, in place of the world's own.
    share
        Share of all accounts that belong to campaigns or their networks, from 0 to 1, in place of the world's own.
    sample
        Share of the exchanges that are logged, at random; the truth holds these alone.
    without
        What the logs lack: columns, `text` for every text, `registry` for the account registry. Several with commas
        between, or the option several times.
    format
        Format of the logs: `canonical` (Parquet), `canonical-ndjson`, or any other that `stillwatch formats` marks as
        writable; documents go into logs.ndjson, one a line.
    dial
        An evasion turned up on every campaign of the world, from 0 to 1, such as `paraphrase_request=0.8`; may be given
        several times. docs/range.md lists the dials.
    corpus
        Folder of real prompts, or its manifest, of which texts are composed in place of the grammar's. What is read
        stays on this machine; the logs hold what was composed of it. docs/corpus.md says what a manifest is.
    corpus_half
        Which half of the corpus is used: `a`, `b` or `both`. Fit a detector on worlds of one, measure it on the other.
    workers
        Processes that make the traffic; as many as there are cores where it is not given. They change no byte.
    list
        List the worlds instead.
    quiet
        Say nothing on standard error but errors.
    """
    from stillwatch.errors import UsageError
    from stillwatch.traffic_range.evasions import parse_dials
    from stillwatch.traffic_range.texts.corpus import CorpusTexts
    from stillwatch.traffic_range.texts.invented import GRAMMAR
    from stillwatch.traffic_range.texts.source import Texts
    from stillwatch.traffic_range.variants import with_days, with_share
    from stillwatch.traffic_range.worlds import WORLDS, world_named
    from stillwatch.traffic_range.write import workers_here, write_world

    if list:
        for one in WORLDS.values():
            print(f"{one.name:<12}{one.title}")
        return 0
    if not world:
        raise UsageError("which world?", hint="stillwatch range --list tells all")
    if workers is not None and workers < 1:
        raise UsageError("--workers must be at least 1")
    chosen = world_named(world)
    notes: dict[str, object] = {}
    if days is not None:
        chosen = with_days(chosen, days)
    if share is not None:
        chosen, notes = with_share(chosen, share), {"share": share}
    texts: Texts = GRAMMAR
    if corpus_half is not None and corpus is None:
        raise UsageError("--corpus-half goes with --corpus", hint="name the corpus, or leave the half out")
    if corpus is not None:
        real = CorpusTexts.of(corpus, corpus_half or "both")
        texts, notes = real, notes | {"corpus": real.about()}
    chosen = chosen.evading(parse_dials(dial or ()))
    folder = Path(world) if out is None else out

    def say(text: str) -> None:
        if not quiet:
            print(text, file=sys.stderr)

    written = write_world(
        chosen,
        folder,
        seed=seed,
        scale=scale,
        format=format,
        sample=sample,
        without=tuple(name.strip() for names in without or () for name in names.split(",") if name.strip()),
        workers=workers_here() if workers is None else workers,
        notes=notes,
        texts=texts,
        say=say,
    )
    print(f"{folder}: {written.exchanges:,} exchanges of {written.accounts:,} accounts: {chosen.title}")
    return 0
