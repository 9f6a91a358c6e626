"""Declared uses are read alike from every format, and what is no declared use is told with its place."""

from __future__ import annotations

import json
from datetime import date

import pytest

from stillwatch.errors import InputError, MissingSource
from stillwatch.review.declared import read_declared

TOML = """
[[declared]]
account_id = ["a-1", "a-2"]
use = "red team"
owner = "jane"
until = 2026-12-31

[[declared]]
org_id = "acme"
use = "training data with permission"
owner = "joe"
until = "2026-06-30"
why = "contract 7"
"""
ENTRIES = [
    {"account_id": ["a-1", "a-2"], "use": "red team", "owner": "jane", "until": "2026-12-31"},
    {
        "org_id": "acme",
        "use": "training data with permission",
        "owner": "joe",
        "until": "2026-06-30",
        "why": "contract 7",
    },
]
YAML = """
declared:
  - account_id: [a-1, a-2]
    use: red team
    owner: jane
    until: 2026-12-31
  - {org_id: acme, use: training data with permission, owner: joe, until: "2026-06-30", why: contract 7}
"""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("d.toml", TOML),
        ("d.json", json.dumps(ENTRIES)),
        ("d.json", json.dumps({"declared": ENTRIES})),
        ("d.yaml", YAML),
    ],
    ids=["toml", "json list", "json object", "yaml"],
)
def test_formats_say_the_same(tmp_path, name, text):
    """TOML, JSON and YAML hold the same entries."""
    if name.endswith("yaml"):
        pytest.importorskip("yaml", reason="pyyaml is not installed")
    path = tmp_path / name
    path.write_text(text)
    first, second = read_declared(path)[0]
    assert first.who == {"account_id": ("a-1", "a-2")}
    assert (first.use, first.owner, first.until) == ("red team", "jane", date(2026, 12, 31))
    assert second.who == {"org_id": ("acme",)}
    assert second.why == "contract 7"


def test_a_row_of_csv_is_an_entry(tmp_path):
    """Empty cells are absent."""
    path = tmp_path / "d.csv"
    path.write_text("account_id,org_id,use,owner,until\na-1,,class,jane,2026-12-31\n,acme,agency,joe,2026-06-30\n")
    found = read_declared(path)[0]
    assert [one.who for one in found] == [{"account_id": ("a-1",)}, {"org_id": ("acme",)}]


GOOD = {"account_id": "a", "use": "class", "owner": "jane", "until": "2026-12-31"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"until": None}, "lacks until"),
        ({"until": "next year"}, "no day"),
        ({"owner": " "}, "lacks owner"),
        ({"use": ""}, "lacks use"),
        ({"account_id": []}, "names nobody"),
        ({"account_id": [{"a": 1}]}, "no id"),
        ({"email_domain": "a.test"}, "unknown field email_domain"),
        ({"template": "a mould"}, "no template's id"),
    ],
)
def test_what_is_no_declared_use_is_told_with_its_number(tmp_path, change, said):
    """A declared use without an owner or an end is none."""
    path = tmp_path / "d.json"
    path.write_text(json.dumps([GOOD, {**GOOD, **change}]))
    with pytest.raises(InputError, match=f"entry 2: .*{said}"):
        read_declared(path)


@pytest.mark.parametrize(("name", "text"), [("d.toml", "a = ["), ("d.json", "{}"), ("d.txt", "a"), ("d.json", "[1]")])
def test_what_cannot_be_read_is_said(tmp_path, name, text):
    """Damaged, another shape, another format."""
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError):
        read_declared(tmp_path / name)
    with pytest.raises(MissingSource):
        read_declared(tmp_path / "nothing.toml")
