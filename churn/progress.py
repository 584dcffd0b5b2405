"""How long work tells whoever watches what it is doing: one method, so that a bar, a log line, or nothing can listen."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives what is being done, and how far it is (0..1) where that is known."""

    def step(self, message: str, done: float | None = None) -> None:
        """Note that `message` is now being done."""


class _Silent:
    def step(self, message: str, done: float | None = None) -> None:
        """Listen to nothing."""


SILENT: Progress = _Silent()
