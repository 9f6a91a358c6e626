"""A headless Chromium, driven over its own pipe: no other package, no port, no network."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DEADLINE_SECONDS = 30.0
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
_AT_FDS_3_AND_4 = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execvp(sys.argv[3], sys.argv[3:])"
)


@dataclass(slots=True)
class Tab:
    """One page. requests: addresses that it asked for; complaints: errors and warnings on its console."""

    browser: Browser
    session: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    loaded: bool = False

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The answer to one command of the DevTools protocol."""
        return self.browser.call(method, parameters, self.session)

    def open(self, path: Path) -> None:
        """Open a file and wait until it is loaded."""
        self.loaded = False
        self.call("Page.navigate", url=path.as_uri())
        self.browser.wait(lambda _: self.loaded)

    def value(self, expression: str) -> Any:
        """What a JavaScript expression comes to in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def heard(self, method: str, parameters: dict[str, Any]) -> None:
        """Note an event."""
        if method == "Page.loadEventFired":
            self.loaded = True
        elif method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(parameters["exceptionDetails"].get("text")))
        elif method == "Log.entryAdded":
            self.complaints.append(str(parameters["entry"].get("text")))
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(str(parameters["args"]))


class Browser:
    """A running Chromium."""

    def __init__(self, program: str, profile: Path) -> None:
        to_browser, ours_out = _pipe()
        ours_in, from_browser = _pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _AT_FDS_3_AND_4, str(to_browser), str(from_browser), program, *_FLAGS,
             f"--user-data-dir={profile}"],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_browser)
        os.close(from_browser)
        self._in, self._out, self._buffer, self._number = ours_in, ours_out, b"", 0
        self._tabs: dict[str, Tab] = {}
        os.set_blocking(self._in, False)

    def close(self) -> None:
        """Stop it."""
        with contextlib.suppress(OSError, AssertionError):
            self.call("Browser.close", {})
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._in)
        os.close(self._out)

    def tab(self, *, width: int = 1280, dark: bool = False, scripts: bool = True) -> Tab:
        """A new page of a width, light or dark, with or without scripts."""
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        tab = self._tabs[session] = Tab(self, session)
        for domain in ("Page", "Network", "Runtime", "Log"):
            tab.call(f"{domain}.enable")
        tab.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        tab.call("Emulation.setEmulatedMedia", features=[scheme])
        tab.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        return tab

    def call(self, method: str, parameters: dict[str, Any], session: str | None = None) -> dict[str, Any]:
        """The answer to one command."""
        self._number += 1
        number = self._number
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        answer: dict[str, Any] = {}

        def answered(messages: list[dict[str, Any]]) -> bool:
            for heard in messages:
                if heard.get("id") == number:
                    answer.update(heard)
            return bool(answer)

        self.wait(answered)
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def wait(self, done: Callable[[list[dict[str, Any]]], bool]) -> None:
        """Read until something is so; it is asked with the messages that came in."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not done(self._read()):
            assert time.monotonic() < deadline, "Chromium does not answer"
            time.sleep(0.01)

    def _read(self) -> list[dict[str, Any]]:
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(self._in, 1 << 20):
                self._buffer += piece
        *whole, self._buffer = self._buffer.split(b"\0")
        messages = [json.loads(one) for one in whole]
        for one in messages:
            tab = self._tabs.get(one.get("sessionId", ""))
            if tab is not None and "method" in one:
                tab.heard(one["method"], one["params"])
        return messages


def _pipe() -> tuple[int, int]:
    """A pipe whose ends are above the descriptors that Chromium wants."""
    ends = []
    for end in os.pipe():
        ends.append(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10))
        os.close(end)
    return ends[0], ends[1]


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium; without one the test is skipped, and with CI=true it fails."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        why = "no Chromium here: apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    running = Browser(program, tmp_path_factory.mktemp("profile"))
    try:
        yield running
    finally:
        running.close()
