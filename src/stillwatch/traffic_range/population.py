"""Populations: one function each, in one short file of `populations/`, found here by name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from stillwatch.traffic_range.accounts import Accounts
from stillwatch.traffic_range.stage import Stage

Part = tuple[Accounts, Iterable[pa.Table]]
"""Some accounts of a population, and blocks of exchanges of theirs (`exchanges.BLOCK`), made one by one."""

Play = Callable[[Stage], Iterator[Part]]


@dataclass(frozen=True, slots=True)
class Campaign:
    """What the truth says of a campaign, where its world does not say otherwise."""

    operator: str
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Population:
    """A kind of accounts. play: its accounts and their exchanges; campaign: where it is one."""

    name: str
    title: str
    play: Play
    campaign: Campaign | None = None


_POPULATIONS: dict[str, Population] = {}


def population(name: str, *, campaign: Campaign | None = None) -> Callable[[Play], Play]:
    """Make a function known as a population; the first line of its docstring is its title."""

    def register(play: Play) -> Play:
        if name in _POPULATIONS:
            raise ValueError(f"population {name!r} is registered twice")
        title = (play.__doc__ or "").strip().partition("\n")[0]
        _POPULATIONS[name] = Population(name, title, play, campaign)
        return play

    return register


def populations() -> dict[str, Population]:
    """All populations by name."""
    package = importlib.import_module("stillwatch.traffic_range.populations")
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda one: one.name):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return dict(sorted(_POPULATIONS.items()))
