"""Every format, imported so that it registers itself."""
# ruff: noqa: F401, I001

from __future__ import annotations

from stillwatch.sources import canonical
from stillwatch.sources import litellm
from stillwatch.sources import litellm_spend
from stillwatch.sources import otel
from stillwatch.sources import openinference
from stillwatch.sources import openai
from stillwatch.sources import anthropic
from stillwatch.sources import bedrock
from stillwatch.sources import langfuse
from stillwatch.sources import mapping

ORDER = (
    "canonical",
    "litellm",
    "litellm-spend",
    "otel",
    "openinference",
    "openai",
    "anthropic",
    "bedrock",
    "langfuse",
    "mapping",
)
"""Of the documentation; what is registered besides comes last."""
