"""The JSON Schemas that are shipped."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import msgspec
import pytest
from report_samples import empty_scan, rich_scan

from stillwatch.report.schemas import FOLDER, SCHEMAS, written


def shipped(name: str) -> dict[str, Any]:
    """A schema as it is shipped."""
    loaded: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return loaded


@pytest.mark.parametrize("name", SCHEMAS)
def test_shipped_schemas_are_up_to_date(name: str) -> None:
    """Whoever changes a struct writes the schemas anew: python -m stillwatch.report.schemas."""
    assert written(name) == (FOLDER / name).read_bytes()


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_schemas(name: str) -> None:
    """Each is a valid JSON Schema."""
    jsonschema.Draft202012Validator.check_schema(shipped(name))


@pytest.mark.parametrize("scan", [rich_scan(), empty_scan()], ids=["rich", "empty"])
def test_what_is_written_is_valid(scan: Any) -> None:
    """findings.json and scan.json keep to their schemas."""
    jsonschema.validate(json.loads(msgspec.json.encode(scan.findings)), shipped("findings.schema.json"))
    jsonschema.validate(scan.summary, shipped("scan.schema.json"))


@pytest.mark.parametrize(
    ("change", "value"), [("verdict", "guilty"), ("accounts", -1), ("margin_bits", "many"), ("finding_id", None)]
)
def test_what_is_wrong_is_not_valid(change: str, value: object) -> None:
    """A verdict that is none, a negative count or a text for a number is refused."""
    document = json.loads(msgspec.json.encode(rich_scan(0).findings))
    document["findings"][0][change] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, shipped("findings.schema.json"))
