"""What a store lets go by age: exchanges first, counts and past findings later. Its clock is its newest exchange."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec

from stillwatch.store.catalogue import Catalogue


def first_day_kept(newest: str, keep_days: int | None) -> str | None:
    """The oldest day of which exchanges are kept, the newest being the last of `keep_days`; None: all are."""
    if keep_days is None:
        return None
    return (date.fromisoformat(newest) - timedelta(days=keep_days - 1)).isoformat()


def without_old(catalogue: Catalogue, newest: str) -> Catalogue:
    """The catalogue without what is older than it keeps; the files go when it has taken its place."""
    oldest = first_day_kept(newest, catalogue.keep_days)
    parts = [part for part in catalogue.parts if oldest is None or part.day >= oldest]
    remembered = first_day_kept(newest, max(catalogue.keep_history, catalogue.keep_days or 0))
    return msgspec.structs.replace(
        catalogue,
        parts=parts,
        brought=[one for one in catalogue.brought if any(part.run == one.run for part in parts)],
        counts=[one for one in catalogue.counts if remembered is None or one.day >= remembered],
        findings=[one for one in catalogue.findings if remembered is None or one.last_found[:10] >= remembered],
    )
