"""Shows results on a terminal: tables, key-value lists, and numbers as people write them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

WIDTH_OF_PLAIN_OUTPUT = 140
# Characters that tell a terminal what to do, and those that turn the direction of what follows: none of them is text.
_COMMANDS = {
    code: "\N{REPLACEMENT CHARACTER}"
    for code in (*range(0x20), *range(0x7F, 0xA0), 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
    if chr(code) not in "\n\t"
}


def shown(value: object) -> str:
    """Return a value as it may be printed: data never command the terminal."""
    return str(value).translate(_COMMANDS)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[int] = ()) -> None:
    """Print a table; the columns at the positions `right` are aligned to the right."""
    from rich import box
    from rich.table import Table

    title = shown(title)
    grid = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False)
    for position, name in enumerate(columns):
        grid.add_column(shown(name), justify="right" if position in right else "left", overflow="fold")
    for row in rows:
        grid.add_row(*("" if value is None else shown(value) for value in row))
    console().print(grid)


def facts(rows: Iterable[tuple[str, object]]) -> None:
    """Print name and value, a line each."""
    from rich.table import Table

    grid = Table(box=None, show_header=False, pad_edge=False)
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows:
        grid.add_row(shown(name), shown(value))
    console().print(grid)


def console() -> Console:
    """Return the terminal with its own width; for a file or a pipe, one wide enough that no table wraps.

    What is printed is text as it stands: `Basic [/legacy]` closes no tag, and `:smile:` is no picture.
    """
    from rich.console import Console

    width = None if sys.stdout.isatty() else max(WIDTH_OF_PLAIN_OUTPUT, Console().width)
    return Console(width=width, markup=False, emoji=False)


def line(text: str) -> None:
    """Print one line, unadorned."""
    print(shown(text), flush=True)  # noqa: T201  # the one place where plain text is printed; a pipe would hold it back


def percent(share: float | None, digits: int = 1) -> str:
    """Return `share` (0..1) as a percentage; a dash for None."""
    return "-" if share is None else f"{100 * share:.{digits}f} %"
