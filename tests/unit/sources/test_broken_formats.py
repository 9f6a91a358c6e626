"""Formats that are named wrongly, mixed, or cannot be told; and what the command line says of broken input."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest
from log_samples import (
    GOOD,
    IDS,
    NOW,
    exchange,
    exchanges,
    lines,
    read,
    write_csv,
    write_lines,
    write_parquet,
)

from stillwatch.commands.check import check
from stillwatch.errors import InputError, MissingColumn, StillwatchError, UnknownFormat


class TestFormats:
    """Formats that are wrong, foreign or mixed."""

    def test_a_format_that_does_not_exist(self, tmp_path: Path) -> None:
        """The message lists the formats there are."""
        path = write_lines(tmp_path / "log.ndjson", GOOD)
        with pytest.raises(UnknownFormat, match=r"(?s)'lite'.*canonical, litellm"):
            read(path, format="lite")

    def test_the_wrong_format_named(self, tmp_path: Path) -> None:
        """The message says which format the file has."""
        path = write_lines(tmp_path / "log.ndjson", GOOD)
        with pytest.raises(
            InputError, match=r"(?s)in format canonical, in a file of format litellm.*leave --format out"
        ):
            read(path, format="litellm")

    def test_a_format_that_cannot_be_told(self, tmp_path: Path) -> None:
        """The message says to name it or to describe it."""
        path = tmp_path / "log.ndjson"
        path.write_text('{"a": 1}\n{"b": 2}\n')
        with pytest.raises(InputError, match=r"--format.*--mapping"):
            read(path)

    def test_text_that_is_no_log(self, tmp_path: Path) -> None:
        """Prose is refused as what it is."""
        path = tmp_path / "log.txt"
        path.write_text("Dear all,\nplease find the log attached.\n")
        with pytest.raises(InputError, match="neither JSON nor CSV nor Parquet"):
            read(path)

    def test_mixed_formats_in_a_folder(self, tmp_path: Path) -> None:
        """Each file is read as what it is; one that is nothing is in quarantine, and takes nothing else with it."""
        write_lines(tmp_path / "a.ndjson", GOOD[:100])
        write_csv(tmp_path / "b.csv", GOOD[100:200])
        write_parquet(tmp_path / "c.parquet", GOOD[200:300])
        (tmp_path / "d.json").write_text(json.dumps(GOOD[300:]))
        (tmp_path / "e.json").write_text('{"name": "config"}')
        (tmp_path / "f.log").write_text("starting up\n")
        outcome = read(tmp_path)
        assert outcome.ids == IDS
        assert len(outcome.reasons) == 2
        assert all(line == 0 for line, _ in outcome.reasons)

    def test_documents_of_another_format_in_a_file(self, tmp_path: Path) -> None:
        """A line of another format is put aside under that format's name."""
        foreign = {
            "id": "a", "startTime": 1.0, "endTime": 2.0, "model": "m", "messages": [], "response": {}, "metadata": {},
            "call_type": "acompletion", "status": "success", "response_cost": 0.1, "hidden_params": {},
            "model_parameters": {}, "trace_id": "t",
        }  # fmt: skip
        path = tmp_path / "log.ndjson"
        path.write_bytes(lines(GOOD) + json.dumps(foreign).encode() + b"\n")
        outcome = read(path)
        assert outcome.ids == IDS
        assert outcome.reasons == [(401, "is in format litellm, in a file of format canonical")]

    @pytest.mark.parametrize("suffix", ["ndjson", "json", "csv", "parquet"])
    def test_a_format_that_was_named_is_known_as_such(self, tmp_path: Path, suffix: str) -> None:
        """The format of each source is known afterwards, whether it was named or guessed."""
        path = tmp_path / f"log.{suffix}"
        if suffix == "json":
            path.write_text(json.dumps(GOOD))
        else:
            {"ndjson": write_lines, "csv": write_csv, "parquet": write_parquet}[suffix](path, GOOD)
        assert read(path).formats == read(path, format="canonical").formats == ["canonical"]

    def test_a_required_column_that_is_nowhere(self, tmp_path: Path) -> None:
        """The message names the column, and says what an exchange needs."""
        path = write_lines(tmp_path / "log.ndjson", [exchange(i, account_id=None) for i in range(5)])
        with pytest.raises(MissingColumn, match=r"(?s)lacks account_id.*--mapping"):
            read(path)


class TestCommand:
    """The same through the command functions."""

    def test_check_prints_counts_that_add_up(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """`check --json` on a broken folder: read is kept, quarantined and duplicates together."""
        path = tmp_path / "log.ndjson"
        path.write_bytes(lines([*GOOD, *GOOD[:7]]) + b"nonsense\n5\n" + lines(exchanges(3, 500))[:-9])
        (tmp_path / "empty.csv").write_text("")
        assert check([str(tmp_path)], json=True) == 0
        result = json.loads(capsys.readouterr().out)
        assert (result["read"], result["kept"], result["quarantined"], result["duplicates"]) == (413, 402, 4, 7)

    def test_check_raises_what_a_person_can_read(self, tmp_path: Path) -> None:
        """Where nothing can be read the command ends in a message of ours."""
        (tmp_path / "log.ndjson").write_text("{")
        with pytest.raises(StillwatchError) as caught:
            check([str(tmp_path / "log.ndjson")])
        assert str(tmp_path / "log.ndjson") in str(caught.value)

    @pytest.mark.parametrize("name", ["log.ndjson", "log.parquet", "log.csv", "log.gz"])
    def test_the_command_line_shows_no_traceback(
        self, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Garbage under any name ends in exit status 1 and one message on standard error."""
        from stillwatch.cli import run

        (tmp_path / name).write_bytes(bytes(range(1, 256)) * 40)
        assert run(["check", str(tmp_path / name)]) == 1
        shown = capsys.readouterr().err
        assert shown.startswith("stillwatch: ")
        assert "Traceback" not in shown

    @pytest.mark.parametrize("name", ["-", "/dev/stdin"])
    @pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
    def test_standard_input_is_named_by_a_hyphen(self, name: str, packed: bool) -> None:
        """`check -` reads a pipe, which no argument parser takes for an option."""
        data = gzip.compress(lines(GOOD)) if packed else lines(GOOD)
        command = [sys.executable, "-m", "stillwatch", "check", name, "--json"]
        done = subprocess.run(command, input=data, capture_output=True, check=True)
        result = json.loads(done.stdout)
        assert (result["kept"], list(result["sources"])) == (400, ["standard input"])

    def test_a_scan_says_why_rows_are_in_quarantine(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Below the counts stand the most frequent reasons, and how many rows the others have."""
        from stillwatch.cli import run

        bad = b"broken\n" * 5 + b"7\n" * 4 + b"{}\n" * 3 + b"'\n" + lines([exchange(900, model="")] * 2)
        (tmp_path / "log.ndjson").write_bytes(lines(GOOD[:60]) + bad)
        assert run(["scan", str(tmp_path / "log.ndjson"), "--out", str(tmp_path / "out")]) == 0
        shown = capsys.readouterr().out
        for part in ("6 in quarantine: is no JSON", "4 in quarantine: is no JSON object", "3 in quarantine: lacks"):
            assert part in shown
        assert "2 for 1 other reasons" in shown

    def test_a_folder_of_which_nothing_can_be_read_says_it_file_by_file(self, tmp_path: Path) -> None:
        """The first files are named with what is wrong with each, and how many more there are."""
        for name, content in (("a.json", "prose"), ("b.json", ""), ("c.parquet", "PAR1xx"), ("d.csv", "x\n")):
            (tmp_path / name).write_text(content)
        with pytest.raises(InputError, match="could be read") as caught:
            read(tmp_path)
        for part in ("a.json is no JSON", "b.json is empty", "c.parquet is cut off or damaged", "and 1 more"):
            assert part in str(caught.value)


def test_the_clock_is_an_argument(tmp_path: Path) -> None:
    """What lies in the future is told by the clock that is given, not by the machine's."""
    path = write_lines(tmp_path / "log.ndjson", [exchange(0), exchange(1, requested_at="2027-01-01T00:00:00Z")])
    assert read(path).bad.num_rows == 1
    assert read(path, now=NOW.replace(year=2027)).bad.num_rows == 0
