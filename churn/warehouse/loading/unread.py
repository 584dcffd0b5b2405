"""Values that cannot be read: which they are, what counts in their place, and when a whole file is refused for them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from churn.errors import ContractBroken
from churn.warehouse.connection import Warehouse
from churn.warehouse.loading.casts import is_no_value
from churn.warehouse.loading.column_map import Selected
from churn.warehouse.reading import values
from churn.warehouse.reading.delivery import Delivery
from churn.warehouse.reading.values import Reading

CONSENT: Final = "marketing_consent"
OBJECTION: Final = "objected_at"
_LABEL: Final = "has_churned"
_NO_OBJECTION: Final = "('0', '0.0', 'no', 'n', 'false', 'f')"
_FEW: Final = 3  # values that cannot be read may be odd ones; from here on they are how the column is written
_SAMPLE: Final = 2_000
_AT_ONCE: Final = 25  # columns of one query about the first rows


@dataclass(frozen=True)
class DeliveredRows:
    """The rows of a delivery to `table` that meet a condition, and how its values are written."""

    warehouse: Warehouse
    table: str
    delivery: Delivery
    condition: str
    reading: Reading

    @property
    def file(self) -> str:
        """The name of the first file."""
        return self.delivery.files[0].name

    @property
    def section(self) -> str:
        """The section of the settings, as a remedy names it."""
        return f"[sources.{self.table}]"

    def select(self, selected: str, condition: str = "true", end: str = "") -> list[tuple[object, ...]]:
        """Return what a query over the rows finds."""
        return self.warehouse.rows(
            f"select {selected} from ({self.delivery.sql}) where ({self.condition}) and ({condition}) {end}"
        )


def is_unread(column: Selected) -> str:
    """Return SQL that is true where a value stands that cannot be read."""
    text = f"cast({column.delivered} as varchar)"
    no_value = is_no_value(text, column.type)
    if column.name == OBJECTION:
        no_value = f"({no_value} or lower(trim({text})) in {_NO_OBJECTION})"
    return f"({column.sql}) is null and {column.delivered} is not null and not {no_value}"


def stored_value(column: Selected) -> str:
    """Return the SQL of a stored value: a consent that cannot be read is none, though somebody said something.

    An objection whose time cannot be read stands from the beginning.
    """
    if not column.is_fallible or column.name not in {CONSENT, OBJECTION}:
        return column.sql
    assumed = "false" if column.name == CONSENT else "timestamp '1970-01-01'"
    return f"case when {is_unread(column)} then {assumed} else {column.sql} end"


def reason_of(column: Selected) -> str:
    """Return SQL that says of a value why it is not there."""
    given = f"cast({column.delivered} as varchar)"
    assumed = {CONSENT: ", which counts as no consent", OBJECTION: ", which counts as an objection from the beginning"}
    if column.type != "VARCHAR":
        wanted = f"not a {column.type}"
    elif column.name.endswith("_id"):
        wanted = "not an id: its digits were cut off, or it is missing"
    else:
        wanted = "none of the words that `codes` maps"
    unread = f"'{column.name}: ''' || left({given}, 80) || ''' is {wanted}{assumed.get(column.name, '')}'"
    return f"case when nullif({given}, '') is null then '{column.name} is missing' else {unread} end"


def refuse_two_readings(rows: DeliveredRows, columns: Sequence[Selected]) -> None:
    """Raise ContractBroken for numbers that mean two things, and for labels that are neither yes nor no."""
    for column in columns:
        text = f"try(cast({column.delivered} as varchar))"
        if column.type == "DOUBLE" and column.is_fallible:
            unclear = f"{is_unread(column)} and {values.ambiguous_number(text, rows.reading)}"
            for (value,) in rows.select(text, unclear, "limit 1"):
                raise _two_readings(rows, column, str(value))
        if column.name == _LABEL and column.is_fallible:
            unread = rows.select(f"distinct {text}", is_unread(column), "order by 1 limit 5")
            if unread:
                shown = ", ".join(f"`{value}`" for (value,) in unread)
                held = [
                    str(value) for (value,) in rows.select(f"distinct {text}", f"{text} <> ''", "order by 1 limit 2")
                ]
                codes = ", ".join(f'"{value}" = {word}' for value, word in zip(held, ("true", "false"), strict=False))
                raise ContractBroken(
                    f"`{_LABEL}` holds {shown}: a label is 0 or 1, true or false, yes or no",
                    where=rows.file,
                    remedy=f"Say what they mean: {rows.section} codes = {{ {_LABEL} = {{ {codes} }} }}, or the other way round.",
                )


def _two_readings(rows: DeliveredRows, column: Selected, value: str, more: str = "") -> ContractBroken:
    return ContractBroken(
        f"`{value}` in `{column.name}` is a number with two readings",
        where=rows.file,
        remedy=f"Say how numbers are written: {rows.section} {values.number_options(value)}{more}.",
    )


def refuse_texts_that_are_numbers(
    rows: DeliveredRows, columns: Sequence[Selected], *, declared: Collection[str]
) -> None:
    """Raise ContractBroken where all values of a column of one's own are numbers, and some of them have two readings.

    `declared` are the columns whose type the source gives.
    """
    texts = [column for column in columns if _is_own_text(rows, column) and column.name not in declared]
    for start in range(0, len(texts), _AT_ONCE):
        some = texts[start : start + _AT_ONCE]
        likely = [column for column, unclear in zip(some, _unclear(rows, some, _SAMPLE), strict=True) if unclear]
        for column, unclear in zip(likely, _unclear(rows, likely, None), strict=True):
            if unclear:
                raise _two_readings(
                    rows, column, unclear, f', or options = {{ types = {{ {column.name} = "VARCHAR" }} }}'
                )


def _is_own_text(rows: DeliveredRows, column: Selected) -> bool:
    return rows.delivery.is_text and column.is_own and column.type == "VARCHAR" and column.delivered == column.sql


def _unclear(rows: DeliveredRows, columns: Sequence[Selected], limit: int | None) -> list[str | None]:
    """Return of each column a number with two readings, None where it has none, or values that are no numbers."""
    if not columns:
        return []
    questions = []
    for column in columns:
        ambiguous = values.ambiguous_number(column.sql, rows.reading)
        is_number = f"{values.number(column.sql, rows.reading)} is not null or {ambiguous}"
        is_other = f"{column.sql} is not null and not {is_no_value(column.sql, 'DOUBLE')} and not ({is_number})"
        questions.append(f"if(count_if({is_other}) = 0, any_value({column.sql}) filter ({ambiguous}), null)")
    held = f"select * from ({rows.delivery.sql})" + (f" limit {limit}" if limit else "")
    (answer,) = rows.warehouse.rows(f"select {', '.join(questions)} from ({held})")
    return list(answer)


def refuse_unread_columns(rows: DeliveredRows, columns: Sequence[Selected]) -> None:
    """Raise ContractBroken for an optional column of ours of which more values cannot be read than can."""
    optional = [c for c in columns if c.is_fallible and not c.is_required and c.name not in {CONSENT, OBJECTION}]
    if not optional:
        return
    listed = ", ".join(", ".join(_counted(column)) for column in optional)
    (answer,) = rows.select(listed)
    for column, (unread, read, example) in zip(optional, _threes(answer), strict=True):
        if int(str(unread)) >= _FEW and int(str(unread)) > int(str(read)):
            raise ContractBroken(
                f"{unread} of {int(str(unread)) + int(str(read))} values of `{column.name}` cannot be read, such as `{example}`",
                where=rows.file,
                remedy=f"Say how they are written: {rows.section} {_how_to_say(column, str(example))}; "
                f'columns = {{ {column.name} = "null" }} leaves the column out.',
            )


def _counted(column: Selected) -> tuple[str, str, str]:
    unread = is_unread(column)
    text = f"left(try(cast({column.delivered} as varchar)), 80)"
    return f"count_if({unread})", f"count({column.sql})", f"min({text}) filter ({unread})"


def _threes(answer: Sequence[object]) -> Iterator[tuple[object, object, object]]:
    yield from zip(answer[::3], answer[1::3], answer[2::3], strict=True)


def _how_to_say(column: Selected, example: str) -> str:
    if column.type in {"TIMESTAMP", "DATE"} and re.fullmatch(r"[2-7]\d{4}([.]\d+)?", example):
        return f"columns = {{ {column.name} = \"date '1899-12-30' + cast(THEIR_COLUMN as int)\" }}, days as a spreadsheet counts them"
    if column.type in {"TIMESTAMP", "DATE"}:
        return f'dates = {{ {column.name} = "%d. %B %Y" }} or the like, or an expression in `columns`'
    if column.type == "DOUBLE":
        return f"columns = {{ {column.name} = \"replace(THEIR_COLUMN, 'USD ', '')\" }} or the like"
    return f"codes = {{ {column.name} = {{ ... }} }}, or an expression in `columns`"
