"""What can go wrong, as one tree. Every message says what, where in the user's input, and the next step.

StillwatchError                 anything that we tell a user about; the command line prints it without a traceback
├── InputError                  the logs, the registry or a mapping cannot be used at all
│   ├── MissingSource           a path that is not there, or cannot be opened
│   ├── NoExchange              the logs can be read, and hold no exchange
│   ├── UnknownFormat           a name that is no format, or a file whose format cannot be told
│   └── MissingColumn           a column that the whole step needs
├── OutputError                 the output folder cannot be used: other files in it, disk full, no permission
├── BusyError                   another run is writing to the same place
└── UsageError                  options that do not go together (exit status 2)

BadRecord                       one record cannot be read: it goes to quarantine, and the scan goes on
"""

from __future__ import annotations


class StillwatchError(Exception):
    """A message for a person: what went wrong, where, and what to do next."""

    exit_status = 1

    def __init__(self, what: str, *, source: str | None = None, line: int | None = None, hint: str | None = None):
        self.what, self.source, self.line, self.hint = what, source, line, hint
        place = "" if source is None else f"{source}: " if line is None else f"{source}:{line}: "
        super().__init__(f"{place}{what}" + (f"\n  {hint}" if hint else ""))


class InputError(StillwatchError):
    """The logs, the registry or a mapping cannot be used at all."""


class MissingSource(InputError):
    """A path that is not there, or cannot be opened."""


class NoExchange(InputError):
    """The logs can be read, and hold no exchange."""


class UnknownFormat(InputError):
    """A name that is no format, or a file whose format cannot be told."""


class MissingColumn(InputError):
    """A column that a whole step needs is not in the input."""


class OutputError(StillwatchError):
    """The output folder cannot be used: other files in it, disk full, no permission."""


class BusyError(StillwatchError):
    """Another run is writing to the same place."""


class UsageError(StillwatchError):
    """Options that do not go together."""

    exit_status = 2


class BadRecord(ValueError):
    """One record cannot be read; its text is the reason that goes to quarantine."""
