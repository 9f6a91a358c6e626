"""How much of the promise a scan may spend: the days that no scan of the store has spent before it.

A scan without a store is the only one of its traffic, and spends all its days' share of the promise (expected false
campaigns per 30 days). A store is scanned every day, and every scan tests the whole window anew; were each to spend the
window's share, 30 scans would make 30 promises. So the days are spent once: a scan spends those from where the last
one stopped up to the last exchange. By the union bound the false campaigns expected of all scans of 30 days add up to
the promise, however much one day's tests resemble the last day's. The bar is higher for it, by log2(30) = 4.9 bits
for a scan of one day; what passed it once is published, and stands by the window's own bar (`standing`).
"""

from __future__ import annotations

DAY_US = 86_400_000_000
LEAST_US = DAY_US // 24
"""Least stretch of new traffic that is paid for by itself; with less, the new rows came late for the most part."""

FLOOR_US = 60_000_000
"""Least that a scan of new rows spends: a minute."""


def spend(spent_until: int | None, days_spent: float, first: int, last: int, *, new: bool) -> tuple[float, int]:
    """Days whose share of the promise a scan spends, and until when the promise is spent after it.

    Units: UTC microseconds, and days.  spent_until: by the scans before, None if this is the first; days_spent: by the
    last of them.  first, last: exchanges of the window.  new: whether any of them came with this scan.
    A scan of nothing new repeats the last test, and spends nothing. Rows that came late and bring no new time are paid
    for with time to come: an hour, or half of what is left of one day ahead: such scans never take more than that day.
    """
    if spent_until is None:
        return max((last - first) / DAY_US, 1 / 24), last
    if not new:
        return days_spent, spent_until
    ahead = last - spent_until
    if ahead < LEAST_US:
        left = DAY_US + min(ahead, 0)
        ahead = max(min(LEAST_US, left // 2), FLOOR_US)
    return ahead / DAY_US, spent_until + ahead
