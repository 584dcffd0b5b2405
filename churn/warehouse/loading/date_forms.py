"""Settles in what order day and month stand in a column of dates, from all of its values, or refuses to guess.

One form holds for a column of a source over all of its files: what earlier files settled is kept in the warehouse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from churn.errors import ContractBroken
from churn.warehouse.connection import Warehouse

YEAR_OF_TWO: Final = 2
DAY_FIRST: Final = "day first"
MONTH_FIRST: Final = "month first"
_NUMERIC: Final = r"^[0-9]{1,4}[./-][0-9]{1,2}[./-]([0-9]{4}|[0-9]{2})([ T,].*)?$"
_NAMED: Final = r"'^[0-9]{1,2}([ -])[A-Za-z]{3,9}[ -][0-9]{2}( .*)?$'"  # 3-Feb-26
_SCHEMA: Final = "create table if not exists raw.date_forms (source varchar, column_name varchar, form varchar, example varchar, file varchar)"


@dataclass(frozen=True)
class DateShape:
    """Dates of one column that are written alike: their first two numbers, the separator, and an example."""

    separator: str
    first: int
    second: int
    year_digits: int
    example: str

    @property
    def form(self) -> str:
        """The form with the day first, as the settings write it."""
        month = "%m" if self.first else "%b"
        return f"%d{self.separator}{month}{self.separator}%{'y' if self.year_digits == YEAR_OF_TWO else 'Y'}"


def shapes(warehouse: Warehouse, sql: str, expression: str) -> list[DateShape]:
    """Return how the dates are written that are numbers in an order of their own; one shape per separator and width."""
    bare = f"trim({expression})"
    parts = f"regexp_extract({bare}, '^([0-9]{{1,4}})([./-])([0-9]{{1,2}})[./-]([0-9]+)', [{', '.join(map(repr, ('a', 's', 'b', 'y')))}])"
    rows = warehouse.rows(
        f"select p.s, max(cast(p.a as integer)), max(cast(p.b as integer)), length(p.y), min(example) from ("
        f"select {parts} as p, {bare} as example from ({sql}) where regexp_full_match({bare}, '{_NUMERIC}')"
        " and not regexp_matches(" + bare + ", '^[0-9]{4}')) group by p.s, length(p.y) order by 1, 4"
    )
    named = warehouse.rows(
        f"select p.s, min(example) from (select {bare} as example, regexp_extract({bare}, {_NAMED}, ['s']) as p from ({sql})"
        f" where regexp_full_match({bare}, {_NAMED})) group by p.s"
    )
    return [*(DateShape(*row) for row in rows), *(DateShape(sign, 0, 0, 2, example) for sign, example in named)]


def settled(shapes: Sequence[DateShape], known: str, *, has_form: bool, where: str, column: str, table: str) -> str:
    """Return the order of day and month: `known` from earlier files, or what the values prove; "" where none is needed.

    Raises ContractBroken where two orders fit, where the values contradict each other or earlier files, and for years
    of two digits, unless the source declares a form (`has_form`).
    """
    if has_form:
        return ""
    short = next((shape for shape in shapes if shape.year_digits == YEAR_OF_TWO), None)
    if short is not None:
        raise ContractBroken(
            f"`{short.example}` in `{column}` has a year of two digits",
            where=where,
            remedy=f'Say how it is written: [sources.{table}] dates = {{ {column} = "{short.form}" }}'
            " and pivot_year = 2030, the latest year that two digits mean.",
        )
    open_orders = [shape for shape in shapes if shape.separator != "."]  # with points the day comes first everywhere
    if not open_orders:
        return known
    first, second = max(shape.first for shape in open_orders), max(shape.second for shape in open_orders)
    example, sign = open_orders[0].example, open_orders[0].separator
    proven = {DAY_FIRST: first > 12, MONTH_FIRST: second > 12}
    if all(proven.values()) or (known and proven[MONTH_FIRST if known == DAY_FIRST else DAY_FIRST]):
        earlier = f"; earlier files had the {known}" if known else ""
        what = f"`{column}` holds dates with the day first and dates with the month first, such as `{example}`{earlier}"
        raise ContractBroken(what, where=where, remedy=_remedy(table, column, sign))
    if known:
        return known
    for order, is_proven in proven.items():
        if is_proven:
            return order
    readings = " or ".join(_in_words(example, order) for order in (DAY_FIRST, MONTH_FIRST))
    raise ContractBroken(
        f"`{example}` in `{column}` may be {readings}", where=where, remedy=_remedy(table, column, sign)
    )


def _remedy(table: str, column: str, sign: str) -> str:
    day, month = f"%d{sign}%m{sign}%Y", f"%m{sign}%d{sign}%Y"
    return f'Say which: [sources.{table}] dates = {{ {column} = "{day}" }}, or "{month}".'


def _in_words(example: str, order: str) -> str:
    numbers = [int(part) for part in example.replace(".", "/").replace("-", "/").split(" ")[0].split("/")[:2]]
    day, month = numbers if order == DAY_FIRST else reversed(numbers)
    return f"{day} {date(2000, month, 1):%B}" if 1 <= month <= 12 else example


def known_forms(warehouse: Warehouse, source: str) -> dict[str, str]:
    """Return the orders that earlier files of a source settled, by column of ours."""
    warehouse.execute(_SCHEMA)
    rows = warehouse.rows("select column_name, form from raw.date_forms where source = ?", [source])
    return dict(rows)


def keep_form(warehouse: Warehouse, source: str, column: str, form: str, file: str) -> None:
    """Note the order that a file settled for a column."""
    warehouse.execute("delete from raw.date_forms where source = ? and column_name = ?", [source, column])
    warehouse.execute("insert into raw.date_forms values (?, ?, ?, '', ?)", [source, column, form, file])


def forget_forms(warehouse: Warehouse, source: str) -> None:
    """Forget what was settled: the source is read anew, by other settings."""
    warehouse.execute(_SCHEMA)
    warehouse.execute("delete from raw.date_forms where source = ?", [source])
