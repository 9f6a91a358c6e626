"""A command that is stopped says so."""

from __future__ import annotations

import duckdb
import pytest

from stillwatch import cli
from stillwatch.commands import formats


@pytest.mark.parametrize(
    "raised",
    [
        pytest.param(KeyboardInterrupt(), id="Python"),
        pytest.param(RuntimeError("Query interrupted"), id="DuckDB between two steps"),
        pytest.param(duckdb.InterruptException("INTERRUPT Error: Interrupted!"), id="DuckDB in a query"),
    ],
)
def test_a_command_that_is_stopped_says_what_became_of_it(
    raised: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C ends with the status of an interrupt, and with a word on what was published."""

    def stopped(*_: object, **__: object) -> int:
        raise raised

    monkeypatch.setattr(formats, "formats", stopped)
    assert cli.run(["formats"]) == 130
    assert "stopped; nothing was published" in capsys.readouterr().err
