"""Every format, imported so that it registers itself; the order is the order of the documentation."""

from __future__ import annotations

from stillwatch.sources import canonical  # noqa: F401
