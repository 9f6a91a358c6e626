"""Names of the MITRE ATLAS techniques that findings carry (ATLAS data 2026)."""

from __future__ import annotations

TECHNIQUES: dict[str, str] = {
    "AML.T0008": "Acquire Infrastructure",
    "AML.T0008.005": "Acquire Infrastructure: AI Service Proxies",
    "AML.T0012": "Valid Accounts",
    "AML.T0021": "Establish Accounts",
    "AML.T0024": "Exfiltration via AI Inference API",
    "AML.T0024.002": "Exfiltration via AI Inference API: Extract AI Model",
    "AML.T0034": "Cost Harvesting",
    "AML.T0040": "AI Model Inference API Access",
    "AML.T0065": "LLM Prompt Crafting",
}


def technique_name(technique: str) -> str:
    """The name of a technique, "" where it is not one of ours."""
    return TECHNIQUES.get(technique, "")
