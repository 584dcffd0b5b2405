"""Moves one delivery into its raw table: typed, with where each row came from, and every refused row kept with its reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime

from churn.config import SourceSettings
from churn.errors import ConfigError, ContractBroken, DataError
from churn.warehouse.connection import Warehouse, literal, quoted
from churn.warehouse.facts import parts
from churn.warehouse.facts.storing import Storing, as_they_are, store
from churn.warehouse.loading import date_forms
from churn.warehouse.loading.casts import cast, kept_type, widened
from churn.warehouse.loading.column_map import Selected, refuse_nested, select_list
from churn.warehouse.loading.contracts import BOOKKEEPING, Table
from churn.warehouse.loading.currencies import refuse_mixed
from churn.warehouse.loading.erased import NOBODY, Erased
from churn.warehouse.loading.expressions import expression, theirs
from churn.warehouse.loading.ledger import create_raw, note_rewrite, record
from churn.warehouse.loading.lost_columns import note_filled, refuse_emptied, refuse_lost
from churn.warehouse.loading.tombstones import refuse_deleted
from churn.warehouse.loading.unread import (
    DeliveredRows,
    is_unread,
    reason_of,
    refuse_texts_that_are_numbers,
    refuse_two_readings,
    refuse_unread_columns,
    stored_value,
)
from churn.warehouse.reading.delivery import Delivery
from churn.warehouse.reading.scanning import unreadable_delivery
from churn.warehouse.reading.text_types import typed
from churn.warehouse.reading.values import PLAIN, Reading

_TOTALS = ("total", "totals", "grand total", "subtotal", "sum", "summe", "gesamt", "gesamtsumme", "insgesamt", "somme")
# Below the rows, or above a second header: when and by what the file was made, how many rows it has.
_NOTE = (
    r"^(generated|exported|created|printed|report|page|source|filters?|as of|erstellt|exportiert|stand|seite|quelle)\b.*[0-9:]"
    r"|^[(]?[0-9]+ (rows?|records?|customers?|zeilen?|datensätze|kunden)\b"
)
_WORST_SHARE = 0.5  # of a file's rows rejected: beyond that the file is taken to be something else
_SHOWN_COLUMNS = 100  # of a rejected row's text


@dataclass(frozen=True)
class Load:
    """One source on its way into its raw table: where to, from what, and when; rows of the `erased` stay outside.

    `reading` says how the source's values are written; `has_earlier_files`, that some were loaded by these settings;
    `is_needed`, that churn is told by this table; `filled`, the columns that earlier files had values in; `replaced`,
    the files that come whole again.
    """

    warehouse: Warehouse
    table: Table
    source: SourceSettings
    settings_hash: str
    now: datetime
    erased: Erased = NOBODY
    reading: Reading = PLAIN
    has_earlier_files: bool = False
    is_needed: bool = False
    filled: frozenset[str] = frozenset()
    replaced: frozenset[str] = frozenset()

    @property
    def is_essential(self) -> bool:
        """Whether nothing goes without rows of this table."""
        return self.table.is_essential or self.is_needed


@dataclass(frozen=True)
class Loaded:
    """What came of one file: rows now in the raw table, and rows kept aside with a reason."""

    file: str
    rows: int
    rejected: int


def load_delivery(load: Load, delivery: Delivery, load_id: int) -> list[Loaded]:
    """Put a delivery into its raw table, note its files in the ledger, and return what came of each.

    Raises ContractBroken if a file cannot be read, a required column is missing or more than half of a file's rows are
    rejected.
    """
    try:
        return _load(load, delivery, load_id)
    except DataError as error:
        if error.where is not None:
            raise
        raise unreadable_delivery(load.warehouse, delivery, error.what) from error


def _load(load: Load, delivery: Delivery, load_id: int) -> list[Loaded]:
    warehouse, table, source = load.warehouse, load.table, load.source
    first = delivery.files[0].name
    refuse_mixed(warehouse, table.name, source, delivery)
    as_delivered = delivery
    delivery = typed(
        warehouse,
        delivery,
        load.reading,
        as_text=kept_as_text(table, source, delivery.columns, tells_days=bool(load.reading.company)),
        fixed=declared_types(source, delivery.columns),
    )
    delivery = _without_types_that_nothing_tells(load, delivery)
    listed = _listed(load, delivery)
    load = replace(load, reading=_with_orders(load, delivery, _resolved(load, delivery, listed)))
    load = replace(load, reading=_with_days(load, delivery, _resolved(load, delivery, listed)))
    listed = _listed(load, delivery)
    columns = _resolved(load, delivery, listed)
    chosen = [column.name for column in columns]
    if not delivery.has_open_keys or first in load.replaced:
        refuse_lost(table, load.filled, chosen, delivery.columns, first)
    condition = "true"
    if source.where:
        condition = expression(source.where, delivery.columns, where=f"sources.{table.name}.where", file=first).sql
    for column in columns:
        if column.name.lower() == "customer_id" and _names_erased(load, delivery, column):
            condition = f"({condition}) and {load.erased.kept(column.sql)}"
    refuse_deleted(DeliveredRows(warehouse, table.name, delivery, condition, load.reading), columns, source)
    _evolve(warehouse, table, columns, load_id)
    try:
        if table.is_kept_in_files:
            copied = as_they_are(warehouse, as_delivered, columns, load.reading) if condition == "true" else frozenset()
            if len(copied) == len(delivery.files):  # what would be stored stands there: it need not be worked out
                delivery, columns = as_delivered, [replace(column, sql=column.delivered) for column in columns]
            counts = store(
                Storing(
                    warehouse,
                    table,
                    delivery,
                    [replace(column, sql=stored_value(column)) for column in columns],
                    condition,
                    _refused(table, [replace(column, sql=quoted(column.name)) for column in columns]),
                    load_id,
                    load.now,
                    copied,
                )
            )
        else:
            counts = _insert(load, delivery, columns, condition, load_id)
    except ConfigError as error:
        raise ConfigError(error.what, where=f"sources.{table.name}", remedy="Mend `columns` or `where`.") from error
    done = _settle(load, delivery, columns, counts, condition=condition, load_id=load_id)
    if first in load.replaced:
        refuse_emptied(warehouse, table, load.filled, load_id, first)
    note_filled(warehouse, table, chosen, load_id, first)
    for file, loaded in zip(delivery.files, done, strict=True):
        record(
            warehouse,
            table.name,
            file,
            load_id=load_id,
            settings_hash=load.settings_hash,
            rows=loaded.rows,
            rejected=loaded.rejected,
            now=load.now,
        )
    return done


def _may_lack(load: Load, delivery: Delivery) -> bool:
    return delivery.has_open_keys and load.has_earlier_files


def _listed(load: Load, delivery: Delivery) -> list[Selected]:
    return select_list(
        load.table,
        delivery.columns,
        load.source.columns,
        where=delivery.files[0].name,
        reading=load.reading,
        may_lack=_may_lack(load, delivery),
        in_two_spellings=delivery.in_two_spellings,
    )


def _resolved(load: Load, delivery: Delivery, columns: Sequence[Selected]) -> list[Selected]:
    """Find the types of mapped expressions, which only DuckDB knows, and cast them to what the table wants."""
    warehouse, table = load.warehouse, load.table
    done = []
    for column in columns:
        if column.sql:
            done.append(column)
            continue
        try:
            kind = warehouse.type_of(
                column.delivered, {**delivery.columns, "_churn_file": "VARCHAR", "_churn_row": "BIGINT"}
            )
        except ConfigError as error:
            if _may_lack(load, delivery) and not column.is_required:
                continue  # a key below another that no row of this file has
            remedy = (
                "Mend the expression: `cast(NAME as double)` makes a number of a column that is text, and "
                "`options = { all_varchar = true }` reads every column of a CSV file as text."
            )
            raise ConfigError(error.what, where=f"sources.{table.name}.columns.{column.name}", remedy=remedy) from error
        refuse_nested(table, column.name, column.type, column.delivered[1:-1], kind, delivery.files[0].name)
        wanted = column.type or kept_type(kind)
        made = cast(column.delivered, kind, wanted, column.name, load.reading)
        # The expression itself may fail on a value (strptime of a broken date): then the row is the thing at fault.
        done.append(replace(column, delivered=f"try({column.delivered})", sql=f"try({made.sql})", type=wanted))
    return done


def _without_types_that_nothing_tells(load: Load, delivery: Delivery) -> Delivery:
    """Give text columns without any value no type where an expression needs another than text: it runs on files in which they have some."""
    listed = _listed(load, delivery)
    if not delivery.is_text or all(column.sql for column in listed):
        return delivery
    try:
        _resolved(load, delivery, listed)
    except ConfigError:
        texts = [name for name, kind in delivery.columns.items() if kind == "VARCHAR"]
        counts = ", ".join(f"count({quoted(name)})" for name in texts) or "0"
        held = load.warehouse.rows(f"select {counts} from ({delivery.sql})")[0]
        empty = [name for name, count in zip(texts, held, strict=False) if not count]
        if not empty:
            raise
        nulls = ", ".join(f"null as {quoted(name)}" for name in empty)
        return replace(
            delivery,
            sql=f"select * replace ({nulls}) from ({delivery.sql})",
            columns={name: '"NULL"' if name in empty else kind for name, kind in delivery.columns.items()},
        )
    return delivery


def kept_as_text(
    table: Table, source: SourceSettings, columns: Mapping[str, str], *, tells_days: bool = False
) -> set[str]:
    """Return the delivered columns whose text our own rules read: ids with leading zeros, days, words for yes and no.

    With `tells_days` times too, since only a text tells a day from its midnight.
    """
    if source.options.get("all_varchar"):
        return set(columns)
    kinds = {"VARCHAR", "DATE", "BOOLEAN", *(["TIMESTAMP"] if tells_days else [])}
    own_rules = [column.name for column in table.columns if column.type in kinds]
    mapped = [source.columns.get(name, name) for name in [*own_rules, *source.codes]]
    return {name for name in (theirs(named, columns) for named in mapped) if name is not None}


def declared_types(source: SourceSettings, columns: Mapping[str, str]) -> dict[str, str]:
    """Return the types that the source's options give to columns of theirs."""
    given = dict(source.options.get("types", {}))
    return {name: str(kind) for column, kind in given.items() if (name := theirs(str(column), columns)) is not None}


def _with_orders(load: Load, delivery: Delivery, columns: Sequence[Selected]) -> Reading:
    """Settle, for columns of dates in numbers, whether day or month comes first. Raises ContractBroken where both may."""
    warehouse, name = load.warehouse, load.table.name
    known = date_forms.known_forms(warehouse, name)
    orders = dict(known)
    for column in columns:
        if column.type not in {"TIMESTAMP", "DATE"} or not column.is_fallible or load.reading.codes.get(column.name):
            continue
        text = f"try(cast({column.delivered} as varchar))"
        if not warehouse.rows(f"select 1 from ({delivery.sql}) where {is_unread(column)} limit 1") and not known.get(
            column.name
        ):
            continue
        order = date_forms.settled(
            date_forms.shapes(warehouse, delivery.sql, text),
            known.get(column.name, ""),
            has_form=bool(load.reading.date_forms(column.name)),
            where=delivery.files[0].name,
            column=column.name,
            table=name,
        )
        if order:
            orders[column.name] = order
            if order != known.get(column.name):
                date_forms.keep_form(warehouse, name, column.name, order, delivery.files[0].name)
    return replace(load.reading, found=orders)


def _with_days(load: Load, delivery: Delivery, columns: Sequence[Selected]) -> Reading:
    """Find the columns of times that are all midnight: a company's days, which are no instants of another zone."""
    if not load.reading.company:
        return load.reading
    days = set()
    for column in columns:
        if column.type != "TIMESTAMP":
            continue
        value = f"try_cast({column.delivered} as timestamp)"
        is_days = (
            f"select any_value(typeof({column.delivered})) like 'TIMESTAMP%' and any_value(typeof({column.delivered}))"
            f" not like '%ZONE' and bool_and({value} = date_trunc('day', {value})) from ({delivery.sql})"
        )
        if load.warehouse.rows(is_days)[0][0]:
            days.add(column.name)
    return replace(load.reading, days=frozenset(days))


def _names_erased(load: Load, delivery: Delivery, column: Selected) -> bool:
    """Say whether a delivery has rows of somebody erased: as a rule it has none, and can be kept as it is."""
    if not load.erased.hashes:
        return False
    ids = f"select distinct {column.sql} as customer_id from ({delivery.sql})"
    return bool(load.warehouse.rows(f"select 1 from ({ids}) where not {load.erased.kept('customer_id')} limit 1"))


def _insert(
    load: Load, delivery: Delivery, columns: Sequence[Selected], condition: str, load_id: int
) -> dict[str, tuple[int, int]]:
    """Insert the rows of a delivery that are facts; return for each file how many these are, and how many are none."""
    refused = _refused(load.table, columns)
    counted = load.warehouse.rows(
        f"select _churn_file, count(*), count(*) filter (where {refused}) from ({delivery.sql}) where {condition} group by _churn_file"
    )
    kept = f"({condition}) and not ({refused})" if any(bad for *_, bad in counted) else condition
    names = ", ".join(quoted(column.name) for column in columns)
    stored = ", ".join(stored_value(column) for column in columns)
    stamp = f"{load_id}, timestamp '{load.now:%Y-%m-%d %H:%M:%S.%f}', _churn_file, _churn_row, null"
    # A text file's rows are numbered as they are read; a Parquet file knows its numbers.
    is_numbered_here = "row_number()" in delivery.sql
    with nullcontext() if is_numbered_here else load.warehouse.unordered():
        load.warehouse.execute(
            f"insert into raw.{quoted(load.table.name)} ({names}, {', '.join(BOOKKEEPING)})"
            f" select {stored}, {stamp} from ({delivery.sql}) where {kept}"
        )
    return {name: (rows - bad, bad) for name, rows, bad in counted}


def _evolve(warehouse: Warehouse, table: Table, columns: Sequence[Selected], load_id: int) -> None:
    """Add columns the raw table has not met, and widen extra ones whose type differs this time."""
    raw = f"raw.{quoted(table.name)}"
    have = {name.lower(): kind for name, kind in warehouse.columns(f"raw.{table.name}").items()}
    new = [column for column in columns if column.name.lower() not in have]
    wider = {
        column.name: widened(have[column.name.lower()], column.type)
        for column in columns
        if column not in new and column.name not in table.types
    }
    changed = {column.name: column.type for column in new}
    changed |= {name: kind for name, kind in wider.items() if kind != have[name.lower()]}
    if table.is_kept_in_files:
        for name, kind in changed.items():
            parts.set_column(warehouse, table, name, kind)
    elif new and not warehouse.rows(f"select count(*) from {raw}")[0][0]:
        create_raw(warehouse, table, {column.name: column.type for column in columns if column.name not in table.types})
    else:
        for name, kind in changed.items():
            how = (
                f"add column {quoted(name)}"
                if name.lower() not in have
                else f"alter column {quoted(name)} set data type"
            )
            warehouse.execute(f"alter table {raw} {how} {kind}")
    if changed:
        note_rewrite(warehouse, table.name, load_id)


def _is_missing(column: Selected) -> str:
    return f"({column.sql} is null or {column.sql} = '')" if column.type == "VARCHAR" else f"{column.sql} is null"


@dataclass(frozen=True)
class _Refusal:
    """SQL that says which rows of a delivery are no facts, and why, in words."""

    condition: str
    reason: str


def _refusals(table: Table, columns: Sequence[Selected]) -> list[_Refusal]:
    """Return what a row is refused for: a required value that is missing, and dates in an impossible order."""
    refusals = [_Refusal(_is_missing(column), reason_of(column)) for column in columns if column.is_required]
    given = {column.name: column for column in columns}
    for name, earliest in table.never_before:
        if name in given and earliest in given:
            reason = f"cast(({given[name].sql}) as varchar) || ' is before {earliest} ' || cast(({given[earliest].sql}) as varchar)"
            refusals.append(_Refusal(_is_before(given[name].sql, given[earliest].sql), f"'{name} ' || {reason}"))
    if table.required == ("customer_id",):
        others = [column.sql for column in columns if column.name != "customer_id"]
        refusals.append(_of_the_file(given["customer_id"], others))
    return refusals


def _of_the_file(column: Selected, others: Sequence[str]) -> _Refusal:
    """Refuse rows about the file itself, which no missing date tells from customers: its total, its header once more, a note below."""
    words = ", ".join(literal(word) for word in (*_TOTALS, "customer_id", column.delivered.strip('"').lower()))
    text = f"lower({column.sql})"
    is_about = f"{text} in ({words}) or regexp_matches({text}, '^({'|'.join(_TOTALS)})\\s*[:=(\\[]')"
    if others:
        is_alone = " and ".join(f"{sql} is null" for sql in others)
        is_about += f" or (regexp_matches({text}, {literal(_NOTE)}) and {is_alone})"
    reason = f"'customer_id: ''' || left({column.sql}, 80) || ''' is a total, a note or a header, no customer'"
    return _Refusal(f"coalesce({is_about}, false)", reason)


def _refused(table: Table, columns: Sequence[Selected]) -> str:
    """Return the SQL condition of all rows that are no facts."""
    return " or ".join(refusal.condition for refusal in _refusals(table, columns)) or "false"


def _is_before(value: str, earliest: str) -> str:
    """Compare days: where only one of two times has an hour, the same day is no contradiction."""
    return f"coalesce(cast(({value}) as date) < cast(({earliest}) as date), false)"


def _settle(
    load: Load,
    delivery: Delivery,
    columns: Sequence[Selected],
    counts: Mapping[str, tuple[int, int]],
    *,
    condition: str,
    load_id: int,
) -> list[Loaded]:
    """Note refused rows, unreadable values and broken lines, and say of each file what came of it."""
    warehouse, table = load.warehouse, load.table
    refusals = _refusals(table, columns)
    refused = _refused(table, columns)
    if any(bad for _, bad in counts.values()):
        reasons = [f"case when {refusal.condition} then {refusal.reason} end" for refusal in refusals]
        _keep(load, delivery, f"{condition} and ({refused})", reasons, load_id=load_id, is_kept=False)
    rows = DeliveredRows(warehouse, table.name, delivery, condition, load.reading)
    refuse_two_readings(rows, columns)
    if not load.source.options.get("all_varchar"):
        refuse_texts_that_are_numbers(rows, columns, declared=declared_types(load.source, delivery.columns))
    blanks = [
        f"case when {is_unread(c)} then {reason_of(c)} end" for c in columns if c.is_fallible and not c.is_required
    ]
    if blanks and _keep(load, delivery, f"{condition} and not ({refused})", blanks, load_id=load_id, is_kept=True):
        refuse_unread_columns(replace(rows, condition=f"({condition}) and not ({refused})"), columns)
    for line in delivery.bad_lines:
        if load.erased.names(line.text):
            continue
        warehouse.execute(
            "insert into raw.rejected_rows values (?, ?, ?, ?, ?, false, ?, ?)",
            [table.name, line.file, line.row_number, line.reason, line.text, load_id, load.now],
        )
    rejected = dict(
        warehouse.rows(
            "select file, count(*) from raw.rejected_rows where source = ? and load_id = ? and not is_kept group by 1",
            [table.name, load_id],
        )
    )
    done = [Loaded(file.name, counts.get(file.name, (0, 0))[0], rejected.get(file.name, 0)) for file in delivery.files]
    for loaded in done:
        _refuse_mostly_bad(warehouse, table, loaded, load_id)
    return done


def _keep(
    load: Load, delivery: Delivery, condition: str, reasons: Sequence[str], *, load_id: int, is_kept: bool
) -> int:
    """Write the rows that have a reason into raw.rejected_rows, with what they held; return how many these are."""
    text = ", ".join(f"{literal(name)}: {quoted(name)}" for name in list(delivery.columns)[:_SHOWN_COLUMNS])
    written: list[tuple[int, ...]] = load.warehouse.rows(
        f"insert into raw.rejected_rows select ?, _churn_file, _churn_row, reason, row_text, {str(is_kept).lower()}, ?, ? from ("
        f"select _churn_file, _churn_row, nullif(concat_ws('; ', {', '.join(reasons)}), '') as reason,"
        f" cast(to_json({{{text}}}) as varchar) as row_text from ({delivery.sql}) where {condition})"
        " where reason is not null",
        [load.table.name, load_id, load.now],
    )
    return written[0][0]


def _refuse_mostly_bad(warehouse: Warehouse, table: Table, loaded: Loaded, load_id: int) -> None:
    if loaded.rejected <= _WORST_SHARE * (loaded.rows + loaded.rejected):
        return
    # Reasons that differ in the value alone are one reason.
    reason, count = warehouse.rows(
        "select min(reason), count(*) from raw.rejected_rows where source = ? and load_id = ? and file = ? and not is_kept"
        " group by regexp_replace(reason, '''.*''', '') order by 2 desc, 1 limit 1",
        [table.name, load_id, loaded.file],
    )[0]
    raise ContractBroken(
        f"{loaded.rejected} of {loaded.rows + loaded.rejected} rows cannot be used for {table.name}, the most common reason"
        f" ({count} times): {reason}",
        where=loaded.file,
        remedy=f"Check [sources.{table.name}] `columns` and `options` in churn.toml, or mend the file.",
    )
