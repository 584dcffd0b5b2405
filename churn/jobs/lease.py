"""Keeps a run's lease alive while it is worked, and stops the work when the lease is lost or its time is up."""

from __future__ import annotations

import _thread
import signal
import threading
import time
from types import TracebackType
from typing import Literal, Self

from churn.context import Context
from churn.errors import ChurnError

Reason = Literal["lost", "late", "stopped"]


class Stopped(BaseException):
    """The work was stopped from outside: `reason` lost (canceled or taken over), late (time limit) or stopped (asked to)."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class Lease:
    """Within the block a thread prolongs the lease; it interrupts the block, which then raises Stopped.

    The store may be away for a while: the lease is then prolonged when it is back, unless somebody took over.
    """

    def __init__(self, context: Context, run_id: int, owner: str, *, seconds: float, limit_seconds: float) -> None:
        self._context, self._run_id, self._owner = context, run_id, owner
        self._seconds, self._limit = seconds, limit_seconds
        self._ended = threading.Event()
        self._lock = threading.RLock()  # `stop` may be called from a signal that interrupts the block's end
        self._is_inside = False
        self.reason: Reason | None = None
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)

    def __enter__(self) -> Self:
        # A process begun in the background may ignore interruptions, and with them ours.
        self._handler = signal.getsignal(signal.SIGINT)
        if self._handler in {signal.SIG_IGN, signal.SIG_DFL}:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        self._is_inside = True
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        try:
            with self._lock:
                self._is_inside = False
            self._ended.set()
            self._thread.join()
        except KeyboardInterrupt:
            if self.reason is None:
                raise
        if self._handler in {signal.SIG_IGN, signal.SIG_DFL}:
            signal.signal(signal.SIGINT, self._handler)
        if self.reason is not None:  # whatever a library has made of the interruption
            raise Stopped(self.reason) from error

    def stop(self, reason: Reason) -> None:
        """Interrupt the block, for `reason`; once is enough."""
        with self._lock:
            if self._is_inside and self.reason is None:
                self.reason = reason
                _thread.interrupt_main()

    def _keep(self) -> None:
        began = time.monotonic()
        while not self._ended.wait(min(self._seconds / 3, max(self._limit - (time.monotonic() - began), 0.01))):
            if time.monotonic() - began >= self._limit:
                return self.stop("late")
            try:
                with self._context.open_store() as store:
                    is_held = store.jobs.heartbeat(
                        self._run_id, self._owner, now=self._context.clock(), lease_seconds=self._seconds
                    )
            except ChurnError as error:  # tried again in a moment
                self._context.log.note("heartbeat_missed", run_id=self._run_id, error=error.code)
                continue
            if not is_held:
                return self.stop("lost")
        return None
