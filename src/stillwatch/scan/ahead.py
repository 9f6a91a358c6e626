"""Reading, kernels and writing at the same time: each in its own thread, in the order in which one would do them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from queue import Empty, Full, Queue
from threading import Event, Thread
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")

_WAIT_SECONDS = 0.1


class Ahead(Generic[T]):
    """The items of an iterator, of which the next one is made while the last one is used.

    Errors of the iterator are raised where its items are asked for. On leaving, it is closed in the thread it ran in.
    """

    def __init__(self, items: Iterator[T]) -> None:
        self._items, self._made = items, Queue[tuple[T | None, BaseException | None]](1)
        self._over = Event()
        self._thread = Thread(target=self._make, daemon=True)

    def __enter__(self) -> Iterator[T]:
        self._thread.start()
        return self._taken()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _taken(self) -> Iterator[T]:
        while True:
            # With a limit, so that whoever presses Ctrl-C is heard.
            try:
                item, error = self._made.get(timeout=_WAIT_SECONDS)
            except Empty:
                continue
            if error is not None:
                raise error
            if item is None:
                return
            yield item

    def _make(self) -> None:
        try:
            for item in self._items:
                if not self._put(item, None):
                    break
            self._put(None, None)
        except BaseException as error:
            self._put(None, error)
        finally:
            close = getattr(self._items, "close", None)
            if close is not None:
                close()

    def _put(self, item: T | None, error: BaseException | None) -> bool:
        """Wait until the item before was taken; False where nobody wants more."""
        while not self._over.is_set():
            try:
                self._made.put((item, error), timeout=_WAIT_SECONDS)
            except Full:
                continue
            return True
        return False


class Behind:
    """Does one piece of work after the other in a thread, while the next one is prepared.

    at_once: do each where it is asked for instead, for whoever has one thread only.
    """

    def __init__(self, *, at_once: bool) -> None:
        self._closing = ExitStack()
        self._pool = None if at_once else self._closing.enter_context(ThreadPoolExecutor(1))
        self._under_way: Future[None] | None = None

    def do(self, work: Callable[[], None]) -> None:
        """Have a piece of work done when the one before it is. Raises: what that one raised."""
        if self._pool is None:
            work()
            return
        self.settle()
        self._under_way = self._pool.submit(work)

    def settle(self) -> None:
        """Wait until all is done. Raises: what the last piece raised."""
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.result()

    def close(self) -> None:
        """Wait until all is done, whatever comes of it."""
        self._closing.close()
