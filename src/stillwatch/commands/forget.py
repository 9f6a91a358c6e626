"""`stillwatch forget ACCOUNT --from STORE`: remove one account's data from a store."""

from __future__ import annotations

import sys
from pathlib import Path


def forget(
    account: str,
    /,
    *,
    from_: Path,
    pseudonymise: Path | None = None,
    wait: bool = False,
    json: bool = False,
) -> int:
    """Remove one account's data from a store: its exchanges, names, counts, and its place in findings.

    Parameters
    ----------
    account
        The account's id, as the logs have it.
    from_
        The store.
    pseudonymise
        Of a store that knows accounts by pseudonyms: the file with the key that made them.
    wait
        Wait for another run that holds the store, in place of saying no.
    json
        Print JSON on standard output.
    """
    import msgspec

    from stillwatch.report.text import count
    from stillwatch.sources.pseudonymise import pseudonym, read_key
    from stillwatch.store.forget import forget as remove
    from stillwatch.store.place import open_store

    key = None if pseudonymise is None else read_key(pseudonymise)

    def say(text: str) -> None:
        print(text, file=sys.stderr)

    with open_store(from_, wait=wait, make=False, say=say) as store:
        store.check_pseudonyms(key)
        gone = remove(store, account if key is None else pseudonym("account_id", account, key))
    if json:
        sys.stdout.write(msgspec.json.encode(gone).decode() + "\n")
        return 0
    print(
        f"Removed: {count(gone.exchanges, 'exchange')}, its counts of {count(gone.days, 'day')}, its place in "
        f"{count(gone.findings, 'finding')}, {count(gone.examples, 'masked example')}."
    )
    print("Not in the store, and as they were: the logs, and the folders that earlier scans wrote with --out.")
    return 0
