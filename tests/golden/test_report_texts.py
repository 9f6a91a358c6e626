"""Key texts of a small scan's report, whole: they change only where somebody means them to."""

from __future__ import annotations

import html as escapes
import os
import re
from pathlib import Path

import msgspec
import pytest
from report_samples import Scan, empty_scan, rich_scan

from stillwatch.report.write import write_report

FOLDER = Path(__file__).parent / "report"
PARTS = {
    "head": (r'<header class="top">', r"</header>"),
    "findings": (r'<section id="findings"', r"</section>"),
    "campaign": (r'<section class="finding" id="finding-c2"', r"</section>"),
    "method": (r'id="method"', r"</section>"),
    "coverage": (r'id="coverage"', r"</section>"),
}


def small_scan() -> Scan:
    """One campaign, one network and a harvest."""
    whole = rich_scan(1)
    kept = [one for one in whole.findings.findings if one.finding_id != "C-000000000002"]
    ids = {one.finding_id for one in kept}
    tested = [one for one in whole.findings.tested if one.finding_id is None or one.finding_id in ids]
    few = msgspec.structs.replace(whole.findings, findings=kept, tested=tested)
    return Scan(few, whole.summary, whole.members, whole.links, whole.quarantine, whole.accounts)


def key_texts(html: str) -> str:
    """The texts of the parts that a director and an engineer read, a line each; pictures by what they say."""
    lines = []
    for name, (begin, end) in PARTS.items():
        found = re.search(f"{begin}.*?{end}", html, re.S)
        if found is None:
            continue
        part = re.sub(r'<svg.*?aria-label="([^"]*)".*?</svg>', r"<p>[picture] \1</p>", found[0], flags=re.S)
        part = re.sub(r"</(?:p|h\d|tr|dt|dd|li|figcaption|caption|pre|div|summary)>|<br>", "\n", part)
        text = escapes.unescape(re.sub(r"<[^>]*>|^[^<]*>", " ", part))
        body = [re.sub(r"\s+", " ", line).strip() for line in text.split("\n")]
        lines += [f"== {name}", *(line for line in body if line), ""]
    return "\n".join(lines)


@pytest.mark.parametrize("name", ["small", "nothing"])
def test_key_texts_are_as_they_were(name: str, tmp_path: Path) -> None:
    """The page's words are those of the golden file; STILLWATCH_GOLDEN=write writes it anew, to be read as a diff."""
    scan = small_scan() if name == "small" else empty_scan(40)
    write_report(scan.findings, scan.summary, scan.members, scan.links, scan.quarantine, tmp_path)
    said = key_texts((tmp_path / "report.html").read_text(encoding="utf-8"))
    golden = FOLDER / f"{name}.txt"
    if os.environ.get("STILLWATCH_GOLDEN") == "write":
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(said, encoding="utf-8")
    assert golden.read_text(encoding="utf-8") == said
