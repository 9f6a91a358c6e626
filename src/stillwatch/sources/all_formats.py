"""Every format, imported so that it registers itself; the order is the order of the documentation."""
# ruff: noqa: F401, I001

from __future__ import annotations

from stillwatch.sources import canonical
from stillwatch.sources import litellm
from stillwatch.sources import litellm_spend
from stillwatch.sources import openai
from stillwatch.sources import anthropic
from stillwatch.sources import bedrock
from stillwatch.sources import mapping
