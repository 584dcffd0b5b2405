"""Shows results on a terminal: tables, cards where a table would not fit, key-value lists, and numbers as people write them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

_ENDLESS = 100_000  # columns of a file or a pipe, where no table wraps
_GAP = 3  # blanks between two columns
_READABLE = 20  # a column of text is not made narrower, if its text is longer
# Characters that tell a terminal what to do, and those that turn the direction of what follows: none of them is text.
_COMMANDS = {
    code: "\N{REPLACEMENT CHARACTER}"
    for code in (*range(0x20), *range(0x7F, 0xA0), 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
    if chr(code) not in "\n\t"
}


def shown(value: object) -> str:
    """Return a value as it may be printed: data never command the terminal."""
    return str(value).translate(_COMMANDS)


def table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Sequence[int] = (),
    nothing: str | None = None,
) -> None:
    """Print a table; the columns at the positions `right` are aligned to the right. Without rows `nothing` is said instead.

    On a terminal too narrow for it, only texts wrap, between words; where that is not enough, each row becomes a card: a line for each
    column. In a file or a pipe nothing wraps.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    terminal, title, columns = console(), shown(title), [shown(name) for name in columns]
    cells = [tuple("" if value is None else shown(value) for value in row) for row in rows]
    if not cells and nothing is not None:
        terminal.print(shown(nothing))
        return
    widths = _widths(columns, cells, frozenset(right), terminal.width)
    if widths is None:
        _cards(terminal, title, columns, cells)
        return
    if title:  # a line of its own: as the table's it would be broken to the table's width
        terminal.print(Text(title, style="bold"))
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for position, (name, width) in enumerate(zip(columns, widths, strict=True)):
        grid.add_column(name, justify="right" if position in right else "left", overflow="fold", width=width)
    for row in cells:
        grid.add_row(*row)
    terminal.print(grid)


def _widths(
    columns: Sequence[str], cells: Sequence[Sequence[str]], right: frozenset[int], room: int
) -> list[int] | None:
    """Return the width of each column; None where not even wrapped texts fit into `room`."""
    from rich.cells import cell_len

    whole, least = [], []
    for position, name in enumerate(columns):
        values = [row[position] for row in cells]
        words = [cell_len(word) for word in name.split()]
        lengths = [cell_len(part) for value in values for part in value.splitlines()]
        widest = max([*lengths, cell_len(name)], default=0)
        if position in right:  # a number is never cut in two
            narrowest = max([*lengths, *words], default=0)
        else:
            words += [cell_len(word) for value in values for word in value.split()]
            narrowest = max([*words, min(max(lengths, default=0), _READABLE)], default=0)
        whole.append(widest)
        least.append(min(narrowest, widest))
    left = room - _GAP * len(columns)
    if sum(whole) <= left:
        return whole
    spare = left - sum(least)
    if spare < 0:
        return None
    for position in sorted(range(len(columns)), key=lambda at: whole[at] - least[at]):
        # The shortest are made whole first, so that what wraps is the longest text.
        more = min(whole[position] - least[position], spare)
        least[position] += more
        spare -= more
    return least


def _cards(terminal: Console, title: str, columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    if title:
        terminal.print(Text(title, style="bold"))
    for row in cells:
        terminal.print()
        terminal.print(Text(row[0], style="bold"))
        grid = Table(box=None, show_header=False, pad_edge=False)
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column(overflow="fold")
        for name, value in zip(columns[1:], row[1:], strict=True):
            if value:
                grid.add_row(f"  {name}", value)
        terminal.print(grid)
    terminal.print()


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
    """Return the terminal with its own width; for a file or a pipe, one wide enough that nothing wraps.

    What is printed is text as it stands: `Basic [/legacy]` closes no tag, and `:smile:` is no picture.
    """
    from rich.console import Console

    width = None if sys.stdout.isatty() else _ENDLESS
    return Console(width=width, markup=False, emoji=False)


def line(text: str) -> None:
    """Print one line, unadorned."""
    print(shown(text), flush=True)  # noqa: T201  # the one place where plain text is printed; a pipe would hold it back


def percent(share: float | None, digits: int = 1) -> str:
    """Return `share` (0..1) as a percentage; a dash for None."""
    return "-" if share is None else f"{100 * share:.{digits}f} %"
