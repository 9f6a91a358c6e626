"""Stillwatch finds illicit distillation in the request logs of an LLM API."""

__version__ = "0.1.0"
