"""Folders of Delta and Iceberg tables, whose files are not all part of the table."""

from __future__ import annotations

from pathlib import Path

import pytest

from stillwatch.errors import InputError
from stillwatch.sources.places import expand


@pytest.mark.parametrize(
    ("beside", "package"),
    [("_delta_log/00000000000000000000.json", "delta-spark"), ("metadata/v1.metadata.json", "iceberg-spark-runtime")],
)
def test_a_table_of_a_lake_is_not_read_by_its_files(tmp_path: Path, beside: str, package: str) -> None:
    """Deleted rows still lie in such a folder, so it is refused, and the message names what can read it."""
    (tmp_path / "table" / "data").mkdir(parents=True)
    (tmp_path / "table" / "data" / "part-0.parquet").write_bytes(b"PAR1")
    log = tmp_path / "table" / beside
    log.parent.mkdir()
    log.write_text("{}\n")
    with pytest.raises(InputError, match=package):
        expand([str(tmp_path / "table")], lambda _: None)
