"""The report in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_samples import empty_scan, large_scan, rich_scan

from stillwatch.report.write import write_report

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Reports of a rich scan, with hostile texts, and of one that found nothing."""
    out = {}
    for name, scan in {"rich": rich_scan(), "empty": empty_scan(), "clear": empty_scan(40)}.items():
        folder = tmp_path_factory.mktemp(name)
        write_report(scan.findings, scan.summary, scan.members, scan.links, scan.quarantine, folder)
        out[name] = folder / "report.html"
    return out


@pytest.mark.parametrize("name", ["rich", "empty", "clear"])
def test_it_opens_alone_and_without_a_complaint(name: str, reports: dict[str, Path], browser) -> None:
    """Opened as a file it asks for nothing else, and the console stays silent."""
    tab = browser.tab()
    tab.open(reports[name])
    assert tab.requests == [reports[name].as_uri()]
    assert tab.complaints == []
    assert "Stillwatch report" in tab.value("document.body.innerText")


def test_hostile_texts_do_nothing(reports: dict[str, Path], browser) -> None:
    """Markup and scripts in ids, examples and reasons are text: nothing of them ran, and nobody is asked to run it."""
    tab = browser.tab()
    tab.open(reports["rich"])
    assert tab.value("typeof window.hurt") == "undefined"
    assert tab.value("document.querySelectorAll('script').length") == 1
    assert tab.value("document.querySelectorAll('main img, main iframe, main script').length") == 0
    assert "<script>window.hurt=1</script>" in tab.value("document.body.textContent")


@pytest.mark.parametrize("width", [1280, 768, 390])
@pytest.mark.parametrize("name", ["rich", "clear"])
def test_nothing_sticks_out(name: str, width: int, reports: dict[str, Path], browser) -> None:
    """On a desk, a tablet and a phone the page is no wider than the window."""
    tab = browser.tab(width=width)
    tab.open(reports[name])
    assert tab.value("document.documentElement.scrollWidth") <= width


_CONTRAST = """
(() => {
  const parse = c => (c.match(/[\\d.]+/g) || [0, 0, 0]).map(Number);
  const light = c => { const [r, g, b] = parse(c).slice(0, 3).map(v => {
    v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
    if (parse(c).length < 4 || parse(c)[3] > 0.5) return c; } return 'rgb(255,255,255)'; };
  const out = new Set();
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || ['SCRIPT', 'STYLE', 'title'].includes(e.tagName) || e.matches('.bundle, .skip')) continue;
    const style = getComputedStyle(e), ink = e.namespaceURI.endsWith('svg') ? style.fill : style.color;
    const [a, b] = [light(ink), light(behind(e.closest('svg') ? e.closest('svg').parentElement : e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) out.add(`${e.tagName}.${e.getAttribute('class')} ${ratio.toFixed(2)}`);
  }
  return [...out];
})()
"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_all_text_can_be_read(dark: bool, reports: dict[str, Path], browser) -> None:
    """All text has a contrast of 4.5 at least (WCAG AA), in light and in dark."""
    tab = browser.tab(dark=dark)
    tab.open(reports["rich"])
    assert tab.value(_CONTRAST) == []


def test_print_opens_what_is_folded(reports: dict[str, Path], browser) -> None:
    """Networks are folded on the screen, open on paper, and folded again after."""
    tab = browser.tab()
    tab.open(reports["rich"])
    folded = "document.querySelectorAll('details.network:not([open])').length"
    assert tab.value(folded) == 12
    tab.value("window.dispatchEvent(new Event('beforeprint'))")
    assert tab.value(folded) == 0
    tab.value("window.dispatchEvent(new Event('afterprint'))")
    assert tab.value(folded) == 12
    paper = tab.call("Page.printToPDF", transferMode="ReturnAsBase64", displayHeaderFooter=False)
    assert len(paper["data"]) > 50_000


def test_a_link_to_a_folded_network_opens_it(reports: dict[str, Path], browser) -> None:
    """Whoever follows a link to a network sees it."""
    tab = browser.tab()
    tab.open(reports["rich"])
    tab.value("document.querySelector('a[href=\"#finding-n2\"]').click()")
    assert tab.value("document.getElementById('finding-n2').open") is True


def test_it_works_without_scripts(reports: dict[str, Path], browser) -> None:
    """With scripts switched off everything is there: text, pictures, and what unfolds."""
    tab = browser.tab(scripts=False)
    tab.open(reports["rich"])
    shown = tab.call("DOM.getDocument", depth=-1)["root"]
    found = tab.call("DOM.querySelectorAll", nodeId=shown["nodeId"], selector="svg")
    assert len(found["nodeIds"]) > 30
    assert tab.complaints == [] or all("script" in said.lower() for said in tab.complaints)


def test_the_keyboard_reaches_everything(reports: dict[str, Path], browser) -> None:
    """What scrolls can be focused and has a name."""
    tab = browser.tab(width=390)
    tab.open(reports["rich"])
    nameless = "[...document.querySelectorAll('[tabindex]')].filter(e => !e.getAttribute('aria-label')).length"
    assert tab.value(nameless) == 0
    assert tab.value("document.querySelector('.skip').getAttribute('href')") == "#findings"


def test_accounts_sort_and_filter(reports: dict[str, Path], browser) -> None:
    """All accounts of a finding, those beyond the table's rows included, are sorted and filtered in the page."""
    tab = browser.tab()
    tab.open(reports["rich"])
    box = "document.querySelector('#finding-c1 .members')"
    head = f"{box}.querySelectorAll('thead th')"
    first = f"{box}.querySelector('tbody td').textContent"
    assert tab.value(f"{box}.querySelectorAll('tbody tr').length") == 200
    tab.value(f"{head}[2].querySelector('button').click()")
    assert tab.value(f"{head}[2].getAttribute('aria-sort')") == "descending"
    tab.value(f"{head}[0].querySelector('button').click(), {head}[0].querySelector('button').click()")
    assert tab.value(f"{head}[0].getAttribute('aria-sort')") == "descending"
    assert tab.value(first) == "acct-001-01203"
    tab.value(f"(i => {{ i.value = '-00777'; i.dispatchEvent(new Event('input')) }})({box}.querySelector('input'))")
    assert tab.value(f"{box}.querySelectorAll('tbody tr').length") == 1
    assert tab.value(first) == "acct-001-00777"
    assert tab.value(f"{box}.querySelector('[role=status]').textContent") == "1 of 1 that match"


def test_accounts_are_saved_as_csv(reports: dict[str, Path], browser) -> None:
    """The button hands out all accounts as CSV, hostile ids as text, without asking any server."""
    tab = browser.tab()
    tab.open(reports["rich"])
    tab.value("URL.createObjectURL = blob => { window.saved = blob; return '#'; }")
    tab.value("document.querySelector('#finding-c3 .tools button').click()")
    tab.value("window.saved.text().then(text => { window.text = text; })")
    lines = tab.value("window.text").splitlines()
    assert lines[0] == "account,role,own_bits"
    assert len(lines) == 48
    assert [line for line in lines if "<script>window.hurt=1</script>" in line]
    assert len(tab.requests) == 1


def test_hostile_ids_stay_text_when_rows_are_drawn(reports: dict[str, Path], browser) -> None:
    """Rows that the script draws are text too."""
    tab = browser.tab()
    tab.open(reports["rich"])
    tab.value("document.querySelector('#finding-c3 thead button').click()")
    assert tab.value("typeof window.hurt") == "undefined"
    assert tab.value("document.querySelectorAll('#finding-c3 .members script, #finding-c3 .members img').length") == 0
    assert "<script>window.hurt=1</script>" in tab.value(
        "document.querySelector('#finding-c3 .members tbody').textContent"
    )


def test_twenty_thousand_accounts_open_at_once(tmp_path: Path, browser) -> None:
    """A finding of 20,000 accounts stays below 3 MB, opens within two seconds, and its last account is found."""
    scan = large_scan(20_000)
    write_report(scan.findings, scan.summary, scan.members, scan.links, scan.quarantine, tmp_path)
    page = tmp_path / "report.html"
    assert page.stat().st_size < 3_000_000
    tab = browser.tab()
    tab.open(page)
    assert tab.value("performance.timing.loadEventEnd - performance.timing.navigationStart") < 2_000
    box = "document.querySelector('#finding-c1 .members')"
    tab.value(f"(i => {{ i.value = '-19999'; i.dispatchEvent(new Event('input')) }})({box}.querySelector('input'))")
    assert tab.value(f"{box}.querySelector('tbody').textContent").startswith("acct-001-19999")


@pytest.mark.parametrize(("wish", "moves"), [("no-preference", "smooth"), ("reduce", "auto")])
def test_whoever_wants_no_motion_gets_none(wish: str, moves: str, reports: dict[str, Path], browser) -> None:
    """Links glide only for those who did not ask for less motion."""
    tab = browser.tab()
    tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": wish}])
    tab.open(reports["empty"])
    assert tab.value("getComputedStyle(document.documentElement).scrollBehavior") == moves


def test_the_keyboard_alone_suffices(reports: dict[str, Path], browser) -> None:
    """The first stop skips to the findings, folded things open with Enter, and columns sort with it."""
    tab = browser.tab()
    tab.open(reports["rich"])

    def press(key: str, code: int, text: str = "") -> None:
        for kind in ("keyDown", "keyUp"):
            tab.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code,
                **({"text": text} if text and kind == "keyDown" else {}),
            )  # fmt: skip

    press("Tab", 9)
    assert tab.value("document.activeElement.className") == "skip"
    press("Enter", 13, "\r")
    assert tab.value("location.hash") == "#findings"
    press("Tab", 9)
    assert tab.value("document.querySelector('#findings').contains(document.activeElement)") is True
    tab.value("document.querySelector('#finding-n1 summary').focus()")
    press("Enter", 13, "\r")
    assert tab.value("document.getElementById('finding-n1').open") is True
    tab.value("document.querySelector('#finding-c1 thead .sort').focus()")
    press("Enter", 13, "\r")
    assert tab.value("document.querySelector('#finding-c1 .members th').getAttribute('aria-sort')") == "ascending"


def test_dark_and_light_draw_pictures_in_their_own_colours(reports: dict[str, Path], browser) -> None:
    """Pictures take the page's colours, so that none is dark on dark."""
    seen = {}
    for dark in (False, True):
        tab = browser.tab(dark=dark)
        tab.open(reports["rich"])
        seen[dark] = tab.value("getComputedStyle(document.querySelector('.axes svg text')).fill")
    assert seen[False] != seen[True]
