"""The pages on formats say what the formats do."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def test_tables_of_columns_are_current() -> None:
    """Every table of columns is what the format's code says; mend: run tools/format_pages.py."""
    spec = importlib.util.spec_from_file_location("format_pages", ROOT / "tools" / "format_pages.py")
    assert spec is not None
    assert spec.loader is not None
    pages = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pages)
    assert pages.stale() == []


@pytest.mark.parametrize(
    "name", ["litellm", "litellm-spend", "otel", "openinference", "openai", "anthropic", "bedrock", "langfuse"]
)
def test_a_page_gives_the_one_command(name: str) -> None:
    """A reader finds the scan of his own file at the top of the page."""
    text = (ROOT / "docs" / "formats" / f"{name}.md").read_text(encoding="utf-8")
    assert "\nstillwatch scan " in text
    assert "<!-- columns -->" in text
