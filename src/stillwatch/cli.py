"""The command line: names and helps of the commands; a command is imported only when it is called."""

from __future__ import annotations

import os
import sys

from cyclopts import App, CycloptsError, Parameter

from stillwatch import __version__
from stillwatch.errors import StillwatchError, UsageError

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo:demo", "Make a small world, scan it, and write its report."),
    "check": ("check:check", "Say what logs hold, before a scan."),
    "scan": ("scan:scan", "Find campaigns in logs, and write findings and a report."),
    "explain": ("explain:explain", "Say why an account or a finding was found, or why not."),
    "review": ("review:review", "Confirm or dismiss a finding, for the scans to come."),
    "audit": ("audit:audit", "Draw a random sample of a scan for blind review, and say what its answers show."),
    "forget": ("forget:forget", "Remove one account's data from a store."),
    "formats": ("formats:formats", "List the log formats, and what each can support."),
    "range": ("range_:range_", "Write a labelled world's logs, to see what a scan would find."),
    "evaluate": ("evaluate:evaluate", "Score a scan against the truth of a labelled world."),
    "bench": ("bench:bench", "Measure its own speed on this machine, beside peers."),
}
"""Command -> where it is, and its line in the help."""

STOPPED = "stopped; nothing was published. The same command goes on where it can."

HIDDEN: dict[str, str] = {"warm": "warm:warm"}
"""For set-up, not for people."""


def make_app() -> App:
    """The command line's application."""
    app = App(
        name="stillwatch",
        help="Find illicit distillation in the request logs of an LLM API.",
        version=__version__,
        default_parameter=Parameter(negative=()),
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )
    for name, (place, text) in COMMANDS.items():
        app.command(f"stillwatch.commands.{place}", name=name, help=text)
    for name, place in HIDDEN.items():
        app.command(f"stillwatch.commands.{place}", name=name, show=False)
    return app


def main() -> None:
    """Run a command and leave with its exit status: 0 it ran, 1 an error, 2 wrong usage, 3 found (`--fail-on`)."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """The exit status of one command line; messages are on standard error, and never a traceback."""
    try:
        # A lone hyphen would be taken for an option; the system has another name for what it means.
        named = ["/dev/stdin" if one == "-" else one for one in arguments]
        status = make_app()(named, exit_on_error=False, print_error=True)
        sys.stdout.flush()
    except UsageError as error:
        return _say(error, 2)
    except StillwatchError as error:
        return _say(error, error.exit_status)
    except CycloptsError:
        return 2
    except KeyboardInterrupt:
        return _say(STOPPED, 130)
    except BrokenPipeError:
        # The reader of our output went away; Python's own flush at exit must not complain about it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _say(f"{error.filename or 'the system says'}: {error.strerror or error}", 1)
    except MemoryError:
        return _say("out of memory: give the scan less to hold with --memory, or a larger machine", 1)
    except Exception as error:
        # DuckDB makes an error of its own of Ctrl-C while a query runs.
        if "Query interrupted" in str(error) or type(error).__name__ == "InterruptException":
            return _say(STOPPED, 130)
        raise
    return status if isinstance(status, int) else 0


def _say(error: object, status: int) -> int:
    print(f"stillwatch: {error}", file=sys.stderr)
    return status
