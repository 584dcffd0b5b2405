"""Hands an interruption on to the queries under way: DuckDB itself looks for one between its tasks only, and one may take minutes."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

_STOPPING = frozenset({signal.SIGINT, signal.SIGTERM})


class Interruptions:
    """Interrupts the watched connections as soon as a signal asks this process to stop.

    Python writes the number of each signal to a pipe at once, while the main thread may be busy within DuckDB for long.
    Where somebody else listens to that pipe already, or the connection is used by another thread, DuckDB's own way stays.
    """

    def __init__(self) -> None:
        self._connections: dict[int, duckdb.DuckDBPyConnection] = {}
        self._pipe: tuple[int, int] | None = None
        self._thread: threading.Thread | None = None

    def watch(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Interrupt `connection` too from now on."""
        if threading.current_thread() is not threading.main_thread():
            return
        if self._pipe is None and not self._listen():
            return
        self._connections[id(connection)] = connection

    def leave(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Leave `connection` alone from now on; the last one to go ends the watch."""
        watched = self._connections.pop(id(connection), None)
        if watched is not None and not self._connections:
            self._stop_listening()

    def _listen(self) -> bool:
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        if before != -1:
            signal.set_wakeup_fd(before)
            os.close(reader)
            os.close(writer)
            return False
        self._pipe = reader, writer
        self._thread = threading.Thread(target=self._wait, args=(reader,), name="interruptions", daemon=True)
        self._thread.start()
        return True

    def _stop_listening(self) -> None:
        pipe, self._pipe = self._pipe, None
        if pipe is None:
            return
        if threading.current_thread() is threading.main_thread():
            now = signal.set_wakeup_fd(-1)
            if now not in {pipe[1], -1}:
                signal.set_wakeup_fd(now)  # somebody else listens since
        os.close(pipe[1])  # the thread reads the end of the pipe, which ends it
        if self._thread is not None:
            self._thread.join()

    def _wait(self, reader: int) -> None:
        try:
            while numbers := os.read(reader, 64):
                if not _STOPPING.isdisjoint(numbers):
                    for connection in list(self._connections.values()):
                        connection.interrupt()
        finally:
            os.close(reader)


INTERRUPTIONS = Interruptions()
