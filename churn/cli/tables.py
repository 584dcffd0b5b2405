"""Shows results on a terminal: tables, key-value lists, and numbers as people write them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

WIDTH_OF_PLAIN_OUTPUT = 140


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[int] = ()) -> None:
    """Print a table; the columns at the positions `right` are aligned to the right."""
    from rich import box
    from rich.table import Table

    shown = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False)
    for position, name in enumerate(columns):
        shown.add_column(name, justify="right" if position in right else "left", overflow="fold")
    for row in rows:
        shown.add_row(*("" if value is None else str(value) for value in row))
    _console().print(shown)


def facts(rows: Iterable[tuple[str, object]]) -> None:
    """Print name and value, a line each."""
    from rich.table import Table

    shown = Table(box=None, show_header=False, pad_edge=False)
    shown.add_column(style="dim", no_wrap=True)
    shown.add_column(overflow="fold")
    for name, value in rows:
        shown.add_row(name, str(value))
    _console().print(shown)


def _console() -> Console:
    """Return the terminal with its own width; for a file or a pipe, one wide enough that no table wraps."""
    from rich.console import Console

    return Console() if sys.stdout.isatty() else Console(width=max(WIDTH_OF_PLAIN_OUTPUT, Console().width))


def line(text: str) -> None:
    """Print one line, unadorned."""
    print(text, flush=True)  # noqa: T201  # the one place where plain text is printed; a pipe would hold it back


def percent(share: float | None, digits: int = 1) -> str:
    """Return `share` (0..1) as a percentage; a dash for None."""
    return "-" if share is None else f"{100 * share:.{digits}f} %"
