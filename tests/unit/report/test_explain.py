"""`stillwatch explain`: the same in the terminal, and why not."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
from report_samples import HOSTILE_ID, rich_scan, write_scan

from stillwatch import schema
from stillwatch.campaigns.finding import TestedGroup as Group
from stillwatch.commands.explain import explain
from stillwatch.errors import InputError, MissingSource
from stillwatch.report.explaining import AccountAnswer, answer
from stillwatch.report.read import read_scan


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scan's folder."""
    return write_scan(rich_scan(), tmp_path_factory.mktemp("scan") / "out")


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that is wide enough, without colours."""
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.mark.usefixtures("wide")
@pytest.mark.parametrize("what", ["C-000000000001", "c1", "C-000000000001"[:14].lower()])
def test_a_finding_is_told_with_its_sum(what: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By id, by its name in the report or in another case: claim, bars, explanations and numbers."""
    assert explain(what, from_=folder) == 0
    said = capsys.readouterr().out
    for part in (
        "C1 campaign",
        "shared-template",
        "█",
        "overlap",
        "−4.3",
        "reseller",
        "1,204",
        "0.0004",
        "99.93% at 100",
    ):
        assert part in said
    assert "\x1b" not in said


@pytest.mark.usefixtures("wide")
def test_a_clear_account_is_told_why_not(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its bits on both axes beside what a verdict takes, and what the logs could not show."""
    assert explain("nearly", from_=folder) == 0
    said = capsys.readouterr().out
    for part in (
        "clear",
        "12.2",
        "17.5",
        "lacks 5.2 of the 17.5 bits",
        "0.9 bits short of the 4.4",
        "replay: a reasoning",
    ):
        assert part in said


@pytest.mark.usefixtures("wide")
@pytest.mark.parametrize(
    ("account", "part"),
    [
        ("lonely", "in no group that was worth a test"),
        ("openly", "tested by itself, as one customer: 6.6 bits"),
        ("acct-001-00000", "It carries exchanges of C1"),
        ("acct-001-00008", "carries none of its exchanges"),
        ("acct-001-00096", "the owner is a victim"),
        ("acct-001-00060", "not accused"),
    ],
)
def test_an_account_is_told_its_part(account: str, part: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Drivers, carriers, owners of stolen keys, adjacent and clear accounts each hear their own reason."""
    assert explain(account, from_=folder) == 0
    assert part in " ".join(capsys.readouterr().out.split())


@pytest.mark.usefixtures("wide")
def test_an_account_of_a_small_part_is_told_that_bar(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What its group lacks is told once, by the group's own bar: no second sentence counts by another."""
    scan = read_scan(folder)
    group = Group(
        **{"coordination_bits": 21.5, "extraction_bits": 7.0, "margin_bits": 5.0, "needed_bits": 7.6},
        **{"small_part": True, "accounts": 12, "exchanges": 400, "verdict": "clear"},
    )
    row = {"account_id": "part", "verdict": "clear", "coordination_bits": 21.5, "extraction_bits": 7.2, "exchanges": 40}
    more = replace(
        scan,
        findings=msgspec.structs.replace(scan.findings, tested=[*scan.findings.tested, group]),
        accounts=pa.concat_tables([scan.accounts, pa.Table.from_pylist([row], schema.ACCOUNTS)]),
    )
    said = answer(more, "part")
    assert isinstance(said, AccountAnswer)
    assert said.extraction_takes == 7.6
    assert said.reasons[-1] == (
        "Its group has the 17.5 bits of coordination that a verdict takes, yet is no finding: it lacks 0.6 bits of "
        "extraction, 2.6 bits over the best honest explanation and answers (fewer than 1,000). Being alike is no "
        "finding."
    )
    assert len(said.reasons) == 2


@pytest.mark.usefixtures("wide")
def test_a_network_is_no_accusation(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A network is told without a probability of being a campaign."""
    assert explain("N1", from_=folder) == 0
    said = capsys.readouterr().out
    assert "no accusation" in said
    assert "probability" not in said


@pytest.mark.usefixtures("wide")
def test_a_hostile_id_cannot_drive_the_terminal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Control and direction characters of an id are shown by their numbers."""
    assert explain(HOSTILE_ID, from_=folder) == 0
    said = capsys.readouterr().out
    assert "⟨U+001B⟩" in said
    assert "\x1b" not in said
    assert "\u202e" not in said


@pytest.mark.parametrize("what", ["C1", "nearly", HOSTILE_ID])
def test_json_is_one_object(what: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For other programs: one JSON object on standard output."""
    assert explain(what, from_=folder, json=True) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["kind"] == ("finding" if what == "C1" else "account")


@pytest.mark.parametrize(
    ("what", "says"),
    [
        pytest.param("acct-001", "begin with acct-001", id="ambiguous"),
        pytest.param("neerly", "near: nearly", id="misspelt"),
        pytest.param("C-000000000009", "near: .*C-0", id="no such finding"),
        pytest.param("zzzzzz", "16 findings and 2,508 accounts", id="nothing near"),
        pytest.param("", r"called \(empty\)", id="empty"),
        pytest.param("a\x1b[31m", "U\\+001B", id="escapes in the question"),
    ],
)
def test_an_unknown_id_is_an_error_with_what_is_near(what: str, says: str, folder: Path) -> None:
    """A name that is none is an error that names what is near."""
    with pytest.raises(InputError, match=says):
        explain(what, from_=folder)


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("findings.json", None, MissingSource),
        ("findings.json", b'{"schema_version": 1, "findings": [', InputError),
        ("findings.json", b"\xff\xfe", InputError),
        ("findings.json", b'{"schema_version": 99, "findings": []}', InputError),
        ("scan.json", b"{}", InputError),
        ("accounts.parquet", b"PAR1 no table", InputError),
        ("finding_accounts.parquet", b"", InputError),
        ("finding_links.parquet", None, MissingSource),
    ],
)
def test_a_damaged_folder_is_a_clear_error(
    name: str, content: bytes | None, error: type[InputError], folder: Path, tmp_path: Path
) -> None:
    """A file that is missing, cut off, of another version or no table at all is named, with what to do."""
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / name).unlink()
    if content is not None:
        (copy / name).write_bytes(content)
    with pytest.raises(error) as raised:
        explain("nearly", from_=copy)
    assert name in str(raised.value)
    assert "scan the logs again" in str(raised.value)


def test_another_table_is_a_clear_error(folder: Path, tmp_path: Path) -> None:
    """A table with other columns is named with the column that it lacks."""
    copy = shutil.copytree(folder, tmp_path / "copy")
    shutil.copy(copy / "finding_links.parquet", copy / "accounts.parquet")
    with pytest.raises(InputError, match="lacks the column account_id"):
        explain("nearly", from_=copy)


def test_no_folder_is_a_clear_error(tmp_path: Path) -> None:
    """Without a scan there is nothing to explain, and the error says how to name one."""
    with pytest.raises(MissingSource, match="--from"):
        explain("nearly", from_=tmp_path / "nowhere")


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("what", ["C1", "N1", "H1", "nearly", "acct-001-00096"])
def test_it_keeps_to_the_terminal(
    what: str, columns: int, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No line is longer than the terminal is wide, and every piece of evidence has its sentence whole."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    assert explain(what, from_=folder) == 0
    said = capsys.readouterr().out
    assert max(len(line) for line in said.splitlines()) <= columns
    if what == "C1":
        assert "exchanges an account vary by 0.21 of their mean" in " ".join(said.split())
        assert "= 10.560 total" in " ".join(said.split())


@pytest.mark.usefixtures("wide")
def test_a_clear_account_is_told_its_nearest_group(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where a tested group gave the account its bits, that group is told, and that it is too small for a campaign."""
    scan = read_scan(folder)
    group = next(one for one in scan.findings.tested if one.verdict == "clear")
    row = {"account_id": ["near"], "verdict": ["clear"], "coordination_bits": [group.coordination_bits],
           "extraction_bits": [group.extraction_bits], "exchanges": [7]}  # fmt: skip
    told = answer(replace(scan, accounts=pa.table(row, schema.ACCOUNTS)), "near")
    assert isinstance(told, AccountAnswer)
    reasons = " ".join(told.reasons)
    assert f"has {group.accounts} accounts with 100 exchanges" in reasons
    assert "Fewer than 1,000 exchanges are no training set" in reasons


def test_an_account_with_an_owner_is_a_victim_first(folder: Path) -> None:
    """Whoever is a stolen key in one finding and a driver in another is told as a victim before all else."""
    scan = read_scan(folder)
    row = {"finding_id": ["C-000000000002"], "account_id": ["acct-001-00096"], "role": ["driver"], "bits": [9.0]}
    both = pa.concat_tables([scan.members, pa.table(row, schema.FINDING_ACCOUNTS)])
    told = answer(replace(scan, members=both), "acct-001-00096")
    assert isinstance(told, AccountAnswer)
    assert told.reasons[0].startswith("Take its owner for a victim")
