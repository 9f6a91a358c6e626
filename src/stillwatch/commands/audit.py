"""`stillwatch audit --from SCAN`: a random sample for blind review, and what its answers say of all of the traffic."""

from __future__ import annotations

import sys
from pathlib import Path


def audit(
    *,
    from_: Path = Path("stillwatch-scan"),
    size: int = 60,
    seed: int = 0,
    out: Path = Path("stillwatch-audit"),
    answers: Path | None = None,
    key: Path | None = None,
    json: bool = False,
) -> int:
    """Draw a random sample of what a scan looked at, for blind review; or say what the answers come to.

    Parameters
    ----------
    from_
        The folder of the scan.
    size
        Groups and accounts to draw.
    seed
        Seed of the draw.
    out
        Folder for the sheet, the file to fill in and the sealed key: a new one.
    answers
        The file that was filled in (.csv, or .ndjson as the sheet saves it): say what it comes to, and draw nothing.
    key
        The sealed key of those answers; the one beside them where it is not named.
    json
        Print JSON on standard output.
    """
    import msgspec

    from stillwatch.audit.answers import read_answers
    from stillwatch.audit.draw import draw, opened
    from stillwatch.audit.estimate import could_show, estimate
    from stillwatch.audit.read import read_frame
    from stillwatch.audit.sheet import KEY, write_audit
    from stillwatch.errors import InputError, UsageError

    if size < 1:
        raise UsageError("--size must be at least 1")
    frame, digest = read_frame(from_)
    if answers is None:
        if key is not None:
            raise UsageError("--key goes with --answers")
        drawn = draw(frame, digest, size, seed)
        paths = write_audit(drawn, out)
        shown = could_show(drawn.key.strata)
        if json:
            said = {"items": len(drawn.facts), "files": [str(path) for path in paths], "could_show": shown}
            sys.stdout.write(msgspec.json.encode(said).decode() + "\n")
            return 0
        print(f"{len(drawn.facts):,} groups and accounts drawn. Open {paths[0]}, and judge each blind.")
        print(f"Leave {paths[2]} closed until the answers are in. What this sample can show at the best:")
        for one in shown:
            print(f"  {one}")
        print(f"Then: stillwatch audit --from {from_} --answers {paths[1]}")
        return 0
    where = key if key is not None else answers.parent / KEY
    held = opened(where)
    if held.scan != digest:
        raise InputError(
            "the key is of another scan", source=str(where), hint="name the scan that it was drawn from with --from"
        )
    found = estimate(held, *read_answers(answers, held))
    if json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(found)).decode() + "\n")
        return 0
    for line in found.lines:
        print(line.sentence)
    print(found.missed.sentence)
    if found.unanswered:
        print(f"{found.unanswered:,} items were not answered: they are taken for items like the others.")
    if found.disagreed:
        print(f"Reviewers differ on {found.disagreed:,} items: these may be what either says.")
    print("This holds for the traffic of this scan, as far as a reviewer can tell from it.")
    return 0
