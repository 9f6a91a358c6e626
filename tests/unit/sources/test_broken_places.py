"""Files, folders and links of which nothing can be read are named, and the rest is read."""

from __future__ import annotations

import gzip
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from log_samples import (
    GOOD,
    IDS,
    exchanges,
    lines,
    read,
    write_csv,
    write_lines,
    write_parquet,
    zstd,
)

from stillwatch.errors import InputError, MissingSource


class TestPlaces:
    """Files, folders, globs and standard input."""

    def test_empty_files(self, tmp_path: Path) -> None:
        """An empty file, and one of blank lines, are named empty."""
        for content in ("", "\n\n \n"):
            path = tmp_path / "log.ndjson"
            path.write_text(content)
            with pytest.raises(InputError, match="is empty"):
                read(path)

    def test_an_empty_file_beside_others_is_counted(self, tmp_path: Path) -> None:
        """It takes nothing with it, and is in quarantine as a whole."""
        write_lines(tmp_path / "a.ndjson", GOOD)
        (tmp_path / "b.ndjson").write_text("")
        outcome = read(tmp_path)
        assert outcome.ids == IDS
        assert outcome.reasons == [(0, "is empty")]

    def test_a_folder_without_logs(self, tmp_path: Path) -> None:
        """The message says how logs are called."""
        (tmp_path / "picture.png").write_bytes(b"\x89PNG")
        with pytest.raises(InputError, match=r"(?s)no logs in this folder.*\.ndjson"):
            read(tmp_path)

    @pytest.mark.parametrize("name", ["nothing.ndjson", "no/such/folder", "x" * 5000], ids=["file", "folder", "long"])
    def test_a_missing_file(self, tmp_path: Path, name: str) -> None:
        """The message names the path."""
        with pytest.raises(MissingSource, match=r"is not there|cannot be opened"):
            read(tmp_path / name)

    def test_a_glob_without_a_match(self, tmp_path: Path) -> None:
        """The message says that no file matches."""
        with pytest.raises(MissingSource, match="no file matches"):
            read(f"{tmp_path}/*.ndjson")

    def test_an_address_of_another_kind(self) -> None:
        """The message lists the kinds that are read."""
        with pytest.raises(InputError, match="s3://"):
            read("gopher://logs")

    def test_a_file_that_links_to_itself(self, tmp_path: Path) -> None:
        """A loop of links is named by the system's words."""
        (tmp_path / "log.ndjson").symlink_to("log.ndjson")
        with pytest.raises(MissingSource, match="symbolic links"):
            read(tmp_path / "log.ndjson")

    def test_folders_that_link_in_a_circle(self, tmp_path: Path) -> None:
        """Linked folders are read, each once, though they hold each other."""
        write_lines(tmp_path / "logs" / "a.ndjson", GOOD[:200])
        write_lines(tmp_path / "elsewhere" / "b.ndjson", GOOD[200:])
        (tmp_path / "logs" / "linked").symlink_to(tmp_path / "elsewhere")
        (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "logs")
        (tmp_path / "logs" / "self").symlink_to(tmp_path / "logs")
        outcome = read(tmp_path / "logs")
        assert sorted(outcome.ids) == sorted(IDS)
        assert outcome.bad.num_rows == 0

    def test_a_link_to_nowhere_is_counted(self, tmp_path: Path) -> None:
        """A dangling link in a folder is in quarantine, by name."""
        write_lines(tmp_path / "a.ndjson", GOOD)
        (tmp_path / "b.ndjson").symlink_to("gone.ndjson")
        outcome = read(tmp_path)
        assert outcome.ids == IDS
        assert outcome.reasons == [(0, "cannot be read: No such file or directory")]

    def test_a_file_named_twice_is_read_once(self, tmp_path: Path) -> None:
        """By name, through its folder and through a link, a file's exchanges come once, and it is said."""
        path = write_lines(tmp_path / "a.ndjson", GOOD)
        (tmp_path / "z.ndjson").symlink_to(path)
        outcome = read(path, tmp_path)
        assert outcome.ids == IDS
        assert sum("named twice" in one for one in outcome.said) == 2

    def test_standard_input_that_is_empty(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """`-` with nothing in it is named empty."""
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
        with pytest.raises(InputError, match=r"standard input: .*is empty"):
            read("-")

    @pytest.mark.parametrize("kind", ["lines", "gzip", "zstd", "parquet", "csv", "cut"])
    def test_standard_input_of_any_kind(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
        """`-` takes what files may hold, broken ones too."""
        data = {
            "lines": lines(GOOD),
            "gzip": gzip.compress(lines(GOOD)),
            "zstd": zstd(lines(GOOD)),
            "parquet": write_parquet(tmp_path / "a", GOOD).read_bytes(),
            "csv": write_csv(tmp_path / "b", GOOD).read_bytes(),
            "cut": lines(GOOD)[:-20],
        }[kind]
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        outcome = read("-")
        assert outcome.ids == (IDS[:-1] if kind == "cut" else IDS)
        assert outcome.n_read == 400


@pytest.fixture
def nobody(tmp_path: Path) -> Callable[[Callable[[], object]], object]:
    """Calls a function as a user who is not root, since root may read everything."""
    if os.geteuid() != 0:
        return lambda function: function()
    folder = tmp_path
    while folder != folder.parent:
        if folder.stat().st_uid == 0 and not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
        folder = folder.parent

    def call(function: Callable[[], object]) -> object:
        os.seteuid(65_534)
        try:
            return function()
        finally:
            os.seteuid(0)

    return call


class TestPermission:
    """What may not be read."""

    def test_a_file_that_may_not_be_read(
        self, tmp_path: Path, nobody: Callable[[Callable[[], object]], object]
    ) -> None:
        """The message is the system's: permission denied."""
        path = write_lines(tmp_path / "log.ndjson", GOOD)
        path.chmod(0)
        with pytest.raises(MissingSource, match="Permission denied"):
            nobody(lambda: read(path))

    def test_a_file_in_a_folder_that_may_not_be_opened(
        self, tmp_path: Path, nobody: Callable[[Callable[[], object]], object]
    ) -> None:
        """The path, the folder and a glob in it are refused with the system's words."""
        path = write_lines(tmp_path / "closed" / "log.ndjson", GOOD)
        path.parent.chmod(0)
        try:
            for name in (path, path.parent, f"{path.parent}/*.ndjson"):
                with pytest.raises(MissingSource, match="Permission denied"):
                    nobody(lambda name=name: read(name))  # type: ignore[misc]
        finally:
            path.parent.chmod(0o755)

    def test_what_may_be_read_beside_it_is_read(
        self, tmp_path: Path, nobody: Callable[[Callable[[], object]], object]
    ) -> None:
        """A closed file and a closed folder are in quarantine, and the rest is read."""
        logs = tmp_path / "logs"
        write_lines(logs / "open.ndjson", GOOD)
        write_lines(logs / "shut.ndjson", GOOD).chmod(0)
        write_lines(logs / "closed" / "a.ndjson", GOOD).parent.chmod(0)
        try:
            outcome = nobody(lambda: read(logs))
        finally:
            (logs / "closed").chmod(0o755)
        assert outcome.ids == IDS
        assert outcome.reasons == [(0, "cannot be read: Permission denied")] * 2


class TestDuplicates:
    """Exchanges that come more than once."""

    def test_within_and_across_files(self, tmp_path: Path) -> None:
        """Ids that come again are counted once as kept, whichever file they stand in."""
        write_lines(tmp_path / "a.ndjson", [*GOOD[:100], *GOOD[:10]])
        write_parquet(tmp_path / "b.parquet", GOOD[90:])
        outcome = read(tmp_path)
        assert outcome.n_duplicates == 20
        assert outcome.table.num_rows - outcome.n_duplicates == 400
        assert outcome.n_read == 420


class TestWorlds:
    """Folders of the project's own."""

    def test_only_the_logs_of_a_world_are_read(self, tmp_path: Path) -> None:
        """Truth, hidden files, registries, scan outputs and the world's own files are left aside, and it is said."""
        write_lines(tmp_path / "logs.ndjson", GOOD)
        (tmp_path / "world.json").write_text("{}")
        for name in ("truth/exchanges.parquet", "out/accounts.parquet", ".cache/x.parquet"):
            (tmp_path / name).parent.mkdir()
            write_parquet(tmp_path / name, exchanges(5, 1000))
        (tmp_path / "out" / "scan.json").write_text("{}")
        write_lines(tmp_path / ".hidden.ndjson", exchanges(5, 1000))
        registry = pa.table({"account_id": ["account-1"], "payment_id": ["card"], "plan": ["free"]})
        pq.write_table(registry, tmp_path / "accounts.parquet")
        pq.write_table(registry, tmp_path / "customers.parquet")
        (tmp_path / "customers.ndjson").write_text('{"account_id": "account-1", "plan": "free"}\n')
        outcome = read(tmp_path)
        assert outcome.ids == IDS
        assert outcome.bad.num_rows == 0
        said = " ".join(outcome.said)
        assert "a scan's output, left aside" in said
        assert said.count("an account registry, left aside") == 2

    def test_a_glob_over_a_world_is_no_way_in(self, tmp_path: Path) -> None:
        """A pattern leaves out hidden files and the project's own, too."""
        write_lines(tmp_path / "logs.ndjson", GOOD)
        (tmp_path / "world.json").write_text("{}")
        write_lines(tmp_path / ".hidden.ndjson", exchanges(5, 1000))
        assert read(f"{tmp_path}/*").ids == IDS
