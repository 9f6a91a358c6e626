"""Work side by side: order, errors and ends are those of doing one thing after the other."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from stillwatch.scan.ahead import Ahead, Behind


def test_items_come_in_order_from_another_thread() -> None:
    """All items, in their order, made by a thread that is not the caller's."""
    made_in: list[int] = []

    def items() -> Iterator[int]:
        for i in range(50):
            made_in.append(threading.get_ident())
            yield i

    with Ahead(items()) as taken:
        assert list(taken) == list(range(50))
    assert threading.get_ident() not in made_in


def test_an_error_is_raised_where_the_item_is_asked_for() -> None:
    """What came before the error is there, and then the error is."""

    def items() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    with Ahead(items()) as taken:
        assert next(taken) == 1
        with pytest.raises(ValueError, match="broken"):
            next(taken)


def test_leaving_early_closes_the_iterator() -> None:
    """Who stops in the middle, for an error of his own too, leaves no thread and no open iterator behind."""
    closed = []

    def items() -> Iterator[int]:
        try:
            yield from range(1000)
        finally:
            closed.append(True)

    with pytest.raises(KeyError), Ahead(items()) as taken:
        assert next(taken) == 0
        raise KeyError
    assert closed == [True]


@pytest.mark.parametrize("at_once", [True, False])
def test_work_is_done_in_order(at_once: bool) -> None:
    """Whether at once or behind, pieces come one after the other, and all are done when it has settled."""
    done: list[int] = []
    behind = Behind(at_once=at_once)
    for i in range(20):
        behind.do(lambda i=i: done.append(i))  # type: ignore[misc]
    behind.settle()
    assert done == list(range(20))
    behind.close()


def test_an_error_is_raised_by_the_next_one() -> None:
    """A piece of work that failed is not passed over: the next call says so, and what follows is not done."""

    def fail() -> None:
        raise OSError("full")

    done: list[int] = []
    behind = Behind(at_once=False)
    behind.do(fail)
    with pytest.raises(OSError, match="full"):
        behind.do(lambda: done.append(1))
    behind.settle()
    behind.close()
    assert done == []
