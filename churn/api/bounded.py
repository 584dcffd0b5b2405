"""Asks other systems on behalf of a page without holding it up: a few at a time, each for so long and no longer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from churn.errors import RateLimited, Unreachable

T = TypeVar("T")


class Bounded:
    """Runs questions in threads of their own, `most` at a time, and waits `seconds` for each.

    One that takes longer goes on until the other system answers or its own patience ends, and keeps its place until then, so that
    a system that hangs takes no more than its share of threads.
    """

    def __init__(self, *, most: int, seconds: float) -> None:
        self._places, self._seconds = threading.BoundedSemaphore(most), seconds

    def ask(self, question: Callable[[], T], *, of: str) -> T:
        """Return what `question` returns, or raise what it raises. Raises Unreachable after the time, RateLimited without a place."""
        if not self._places.acquire(blocking=False):
            raise RateLimited(
                "others are being asked, and are slow to answer", where=of, remedy="Try again in half a minute."
            )
        answer: Future[T] = Future()

        def run() -> None:
            try:
                result = question()
            except BaseException as error:  # noqa: BLE001 - handed to whoever waits for the answer
                answer.set_exception(error)
            else:
                answer.set_result(result)
            finally:
                self._places.release()

        threading.Thread(target=run, name=f"ask {of}", daemon=True).start()
        try:
            return answer.result(timeout=self._seconds)
        except TimeoutError as error:
            raise Unreachable(
                f"has not answered within {self._seconds:.0f} seconds",
                where=of,
                remedy="Try again later, or look at it there.",
            ) from error
