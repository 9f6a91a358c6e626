"""The JSON Schemas of what a scan writes, made from the structs that write it.

`python -m stillwatch.report.schemas` writes the files, which are shipped in `stillwatch/schemas` so that
other programs can check what they read.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import msgspec

from stillwatch import schema
from stillwatch.campaigns.finding import Findings
from stillwatch.report.history import HISTORY_VERSION, STATUSES, History
from stillwatch.report.summary import ScanSummary

FOLDER = Path(__file__).parents[1] / "schemas"

DRAFT = "https://json-schema.org/draft/2020-12/schema"

VERDICTS = ["campaign", "network", "harvest"]
AXES = ["coordination", "extraction"]


def findings_schema() -> dict[str, Any]:
    """The JSON Schema of `findings.json`."""
    made = _schema(Findings, "Findings of a Stillwatch scan")
    structs = made["$defs"]
    made["$defs"]["Findings"]["properties"]["schema_version"] = {"const": schema.FINDINGS_VERSION}
    structs["Finding"]["properties"]["verdict"] = {"enum": VERDICTS}
    structs["TestedGroup"]["properties"]["verdict"] = {"enum": [*VERDICTS, "clear"]}
    structs["Evidence"]["properties"]["axis"] = {"enum": AXES}
    for name in ("accounts", "exchanges", "trajectories"):
        structs["Finding"]["properties"][name]["minimum"] = 0
    return made


def scan_schema() -> dict[str, Any]:
    """The JSON Schema of `scan.json`; later versions may add to it."""
    return _schema(ScanSummary, "A Stillwatch scan")


def history_schema() -> dict[str, Any]:
    """The JSON Schema of `history.json`, which a scan into a store writes."""
    made = _schema(History, "What became of findings from scan to scan")
    made["$defs"]["History"]["properties"]["schema_version"] = {"const": HISTORY_VERSION}
    made["$defs"]["Remembered"]["properties"]["verdict"] = {"enum": VERDICTS}
    made["$defs"]["Remembered"]["properties"]["status"] = {"enum": list(STATUSES)}
    return made


SCHEMAS = {
    "findings.schema.json": findings_schema,
    "scan.schema.json": scan_schema,
    "history.schema.json": history_schema,
}


def written(name: str) -> bytes:
    """A schema as its file holds it."""
    return msgspec.json.format(msgspec.json.encode(SCHEMAS[name](), order="sorted"), indent=2) + b"\n"


def write_schemas(folder: Path = FOLDER) -> None:
    """Write all schemas into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in SCHEMAS:
        (folder / name).write_bytes(written(name))


def _schema(kind: type, title: str) -> dict[str, Any]:
    (reference,), structs = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    for struct in structs.values():
        struct["description"] = inspect.cleandoc(struct["description"])
    return {"$schema": DRAFT, "title": title, **reference, "$defs": structs}


if __name__ == "__main__":
    write_schemas()
