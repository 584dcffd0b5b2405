"""Does the same for many items, some at a time; one signal to wait, or that nobody answers, stops all not yet begun."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import Generic, TypeVar

from churn.errors import ConnectorError

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True)
class Finished(Generic[A, B]):
    """What was done before all were done, or before `stop`, which concerns everything that is missing."""

    results: dict[A, B]
    stop: ConnectorError | None = None


def at_once(work: Callable[[A], B], items: Sequence[A], threads: int) -> Finished[A, B]:
    """Do `work` for each item. A ConnectorError stops what has not begun; any other error is raised."""
    results: dict[A, B] = {}
    stops: list[ConnectorError] = []
    lock = threading.Lock()

    def begin(item: A) -> None:
        if stops:
            return
        try:
            result = work(item)
        except ConnectorError as error:
            with lock:
                stops.append(error)
            return
        with lock:
            results[item] = result

    if min(threads, len(items)) <= 1:
        for item in items:
            begin(item)
    else:
        with ThreadPoolExecutor(min(threads, len(items))) as pool:
            begun = [pool.submit(copy_context().run, begin, item) for item in items]
            try:
                for future in begun:
                    future.result()
            except BaseException:
                stops.append(ConnectorError("stopped"))
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    return Finished(results, stops[0] if stops else None)
