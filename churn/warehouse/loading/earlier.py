"""Keeps earlier versions of the rows of a file or result that comes whole again: what was known then stays known.

A row that comes again as it was keeps the load it came with; a row that changed stays beside its successor, also where
its `known_at` moved on with it; a row that is gone is gone, since the file no longer says it. Where a key has several
rows in one file, the file tells its history itself: `known_at` tells its versions apart, and what cannot be told apart
is replaced by the file's new rows. Where several files tell of it and come again at once, each goes by what it said itself.

An export of the last days moves on: where both its first and its newest fact are later than before, and the days between
came again, what lies before the first is none of its business any more, and stays, also when the same days come again.
So do earlier dates of a flat table whose file goes on to later ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from churn.warehouse.connection import Warehouse, literal, quoted
from churn.warehouse.facts import parts
from churn.warehouse.facts.parts import PLACE, ROWS_OF_A_PART
from churn.warehouse.facts.rewriting import leave_out
from churn.warehouse.facts.writing import write
from churn.warehouse.loading import date_forms, ledger
from churn.warehouse.loading.contracts import BOOKKEEPING, Table
from churn.warehouse.loading.gone import find_gone, forget_gone, is_watched, refuse_purged
from churn.warehouse.reading.delivery import SourceFile

# What tells one fact of a table from another. Versions of a fact that carry `known_at` are told apart by it.
KEYS: Final[dict[str, tuple[str, ...]]] = {
    "customers": ("customer_id",),
    "subscriptions": ("subscription_id",),
    "payments": ("payment_id",),
    "sessions": ("customer_id", "started_at"),
    "support_tickets": ("ticket_id",),
    "contacts": ("customer_id", "contacted_at", "campaign", "channel"),
    "events": ("event_id",),
    "churn_events": ("customer_id", "churned_at"),
}
_WINDOWS: Final = {  # the times of facts, by which an export may hold the last days alone
    "payments": "attempted_at",
    "sessions": "started_at",
    "support_tickets": "opened_at",
    "contacts": "contacted_at",
    "events": "occurred_at",
    "churn_events": "churned_at",
}
_DATES: Final = {"customer_snapshots": "snapshot_date"}  # flat tables: each date is told once, by whole rows
_ROWS, _SLOTS, _STATES, _PARTS = "earlier_rows", "earlier_slots", "earlier_states", "earlier_parts"  # temporary
_MOVED, _ELSEWHERE = "earlier_windows", "earlier_elsewhere"  # temporary too
_FIRST: Final = "first of "  # what is kept beside the forms of dates: with which time a file last began


@contextmanager
def replacing(
    warehouse: Warehouse,
    table: Table,
    file: SourceFile,
    load_id: int,
    *,
    is_known: bool,
    is_alike: bool,
    full: bool,
    keep_gone: bool | None,
) -> Iterator[None]:
    """Take out the rows of a result that comes whole again, and keep its earlier versions beside what the block loads.

    `is_known` says whether it was loaded before, `is_alike` whether by the same settings: read by others, its earlier
    rows were misread. `full` takes it at its word: nothing stays that it does not hold.
    """
    has_earlier = put_aside(warehouse, table, (file,) if is_known and is_alike else ())
    ledger.remove(warehouse, table.name, (file,) if is_known else (), load_id)
    yield
    if has_earlier:
        bring_back(warehouse, table, (file,), load_id, full=full, keep_gone=keep_gone)


def put_aside(warehouse: Warehouse, table: Table, files: Sequence[SourceFile]) -> bool:
    """Copy the rows that came from `files` before they are taken out. Return whether there is anything to bring back."""
    if not files or table.name not in KEYS | _DATES:
        return False
    listed = ", ".join(literal(file.name) for file in files)
    warehouse.execute(
        f"create or replace temp table {_ROWS} as select * from raw.{quoted(table.name)} where source_file in ({listed})"
    )
    if table.is_kept_in_files:
        warehouse.execute(
            f"create or replace temp table {_PARTS} as select * from facts.parts where source = ? and source_file in ({listed})",
            [table.name],
        )
    return bool(warehouse.rows(f"select count(*) from {_ROWS}")[0][0])


def bring_back(
    warehouse: Warehouse,
    table: Table,
    files: Sequence[SourceFile],
    first_load: int,
    *,
    full: bool,
    keep_gone: bool | None = None,
) -> None:
    """Put the earlier versions back beside what was loaded from `files` by loads from `first_load` on.

    Unless all is loaded in `full`, so does what lies before the first day of an export of the last days, and with
    `keep_gone` what they do not tell any more. Raises ContractBroken where nobody said and who has left seems deleted.
    """
    raw = f"raw.{quoted(table.name)}"
    mine = f"load_id >= {first_load} and source_file in ({', '.join(literal(file.name) for file in files)})"
    if table.name in _DATES:
        if not full:
            _bring_back_dates(warehouse, table, mine)
        warehouse.execute(f"drop table {_ROWS}")
        return
    is_same, is_earlier = _versions(warehouse, table, mine)
    if not full and (keep_gone or is_watched(table)):
        is_gone = find_gone(warehouse, table, _ROWS, KEYS[table.name])
        if keep_gone is None:
            refuse_purged(warehouse, _ROWS, files[0].name)
        is_earlier = f"({is_earlier} or {is_gone})" if keep_gone else is_earlier
    if table.name in _WINDOWS and not full:
        is_earlier = f"({is_earlier} or {_is_before_its_window(warehouse, table, mine, first_load)})"
    if table.is_kept_in_files:
        _bring_back_parts(warehouse, table, mine, is_same, is_earlier)
    else:
        warehouse.execute(f"delete from {raw} as r where {mine} and {is_same}")
        warehouse.execute(f"insert into {raw} by name select e.* from {_ROWS} as e where {is_earlier}")
    for made in (_SLOTS, _STATES, _MOVED, _ELSEWHERE, _ROWS):
        warehouse.execute(f"drop table if exists {made}")
    forget_gone(warehouse)


def _bring_back_dates(warehouse: Warehouse, table: Table, mine: str) -> None:
    """Put back the dates that lie before all of a file that tells of the same newest date as before, or of a later one."""
    date = quoted(_DATES[table.name])
    spans = f"select source_file, min({date}) as first_on, max({date}) as last_on from {{}} group by source_file"
    warehouse.execute(
        f"insert into raw.{quoted(table.name)} by name select e.* from {_ROWS} as e"
        f" inner join ({spans.format(f'raw.{quoted(table.name)} where {mine}')}) as n on e.source_file = n.source_file"
        f" inner join ({spans.format(_ROWS)}) as o on e.source_file = o.source_file"
        f" where e.{date} < n.first_on and n.last_on >= o.last_on"
    )


def _is_before_its_window(warehouse: Warehouse, table: Table, mine: str, first_load: int) -> str:
    """Return the condition of an earlier row that lies before all that its file tells of, which has moved on, or had before.

    Not of one that another file brings now: logs are rotated, so that what a name stood for goes by the next one.
    """
    time = quoted(_WINDOWS[table.name])
    spans = f"select source_file, min({time}) as first_at, max({time}) as last_at from {{}} group by source_file"
    known = date_forms.known_forms(warehouse, table.name)
    kept = [(name.removeprefix(_FIRST), at) for name, at in known.items() if name.startswith(_FIRST)]
    listed = ", ".join(f"({literal(file)}, {literal(at)})" for file, at in kept) or "('', null)"
    warehouse.execute(
        f"create or replace temp table {_MOVED} as with begun (source_file, first_at) as (values {listed}),"
        f" delivered as ({spans.format(f'raw.{quoted(table.name)} where {mine}')}), before as ({spans.format(_ROWS)})"
        " select n.source_file, n.first_at as begins_at, coalesce(try_cast(b.first_at as timestamp), o.first_at) as began_at,"
        " o.first_at < began_at and n.last_at = o.last_at as is_quiet,"  # it has moved before, and nothing is new
        " if(begins_at > began_at and (n.last_at > o.last_at or is_quiet), begins_at,"
        " least(begins_at, began_at)) as first_at"
        " from delivered as n inner join before as o on n.source_file = o.source_file"
        " left join begun as b on n.source_file = b.source_file where n.first_at is not null"
    )
    for file, at in warehouse.rows(f"select source_file, cast(begins_at as varchar) from {_MOVED}"):
        date_forms.keep_form(warehouse, table.name, f"{_FIRST}{file}", at, file)
    columns = [name for name in warehouse.columns(f"raw.{table.name}") if name not in BOOKKEEPING]
    warehouse.execute(
        f"create or replace temp table {_ELSEWHERE} as select distinct source_file, {_content(columns, columns)} as content"
        f" from raw.{quoted(table.name)} where load_id >= {first_load} and {time} < (select max(first_at) from {_MOVED})"
        f" and exists (select 1 from {_ROWS} as e inner join {_MOVED} as m on m.source_file = e.source_file"
        f" where e.{time} < m.first_at)"
    )
    content = _content(columns, warehouse.columns(_ROWS), "e.")
    return (
        f"(exists (select 1 from {_MOVED} as m where m.source_file = e.source_file and e.{time} < m.first_at)"
        f" and not exists (select 1 from {_ELSEWHERE} as w where w.source_file <> e.source_file and w.content = {content}))"
    )


def _versions(warehouse: Warehouse, table: Table, mine: str) -> tuple[str, str]:
    """Return the conditions of a new row `r` that says what was known, and of an earlier one `e` that stays as a version."""
    raw = f"raw.{quoted(table.name)}"
    columns = [name for name in warehouse.columns(f"raw.{table.name}") if name not in BOOKKEEPING]
    before = warehouse.columns(_ROWS)
    slot = [*KEYS[table.name], "known_at"]
    listed = ", ".join(quoted(name) for name in slot)
    same_slot = " and ".join(f"{{0}}.{quoted(name)} is not distinct from s.{quoted(name)}" for name in slot)
    arrived, earlier = _content(columns, columns), _content(columns, before)
    # Of a fact that several files tell, each file is compared with itself; of another it does not matter which file it is in.
    warehouse.execute(
        f"create or replace temp table {_SLOTS} as with delivered as (select {listed}, source_file, count(*) as rows_of_slot,"
        f" any_value({arrived}) as content from {raw} where {mine} group by {listed}, source_file),"
        f" arrived as (select * exclude (source_file), if(count(*) over (partition by {listed}) > 1, source_file, null) as file"
        f" from delivered), known as (select {listed}, load_id, source_file, count(*) as rows_of_slot,"
        f" any_value({earlier}) as content from {_ROWS} group by {listed}, load_id, source_file),"
        f" newest as (select {listed}, null as file, sum(rows_of_slot) as rows_of_slot, any_value(content) as content"
        f" from known group by {listed}, load_id qualify row_number() over (partition by {listed} order by load_id desc) = 1"
        f" union all select {listed}, source_file, rows_of_slot, content from known"
        f" qualify row_number() over (partition by {listed}, source_file order by load_id desc) = 1)"
        f" select {', '.join(f'a.{quoted(name)}' for name in slot)}, a.file, a.content = s.content as is_same"
        f" from arrived as a inner join newest as s on {same_slot.format('a')} and a.file is not distinct from s.file"
        f" where a.rows_of_slot = 1 and s.rows_of_slot = 1 and a.{quoted(slot[0])} is not null"
    )
    same_slot += " and {0}.source_file = coalesce(s.file, {0}.source_file)"
    is_same = f"exists (select 1 from {_SLOTS} as s where s.is_same and {same_slot.format('r')})"
    is_earlier = f"exists (select 1 from {_SLOTS} as s where {same_slot.format('e')})"
    if warehouse.rows(f"select 1 from {_ROWS} where known_at is not null limit 1"):
        same_key = _find_states(warehouse, table, mine, columns)
        is_same = f"({is_same} or exists (select 1 from {_STATES} as s where s.is_same and {same_key.format('r')}))"
        is_earlier = f"({is_earlier} or exists (select 1 from {_STATES} as s where {same_key.format('e')}))"
    return is_same, is_earlier


def _find_states(warehouse: Warehouse, table: Table, mine: str, columns: Sequence[str]) -> str:
    """Find the keys of which a file says only how they stand, and whether they stand as before; return the condition of one key.

    These have one row in the file and had one in its last load. With each change their `known_at` moves on, and the
    file forgets what it said before.
    """
    key = [quoted(name) for name in KEYS[table.name]]
    listed, contents = ", ".join(key), [name for name in columns if name != "known_at"]
    same_key = " and ".join(f"{{0}}.{name} is not distinct from s.{name}" for name in key)
    content = _content(contents, [name for name in warehouse.columns(_ROWS) if name not in BOOKKEEPING])
    warehouse.execute(
        f"create or replace temp table {_STATES} as with arrived as (select {listed}, count(*) as rows_of_key,"
        f" any_value(known_at) as known_at, any_value({_content(contents, contents)}) as content"
        f" from raw.{quoted(table.name)} where {mine} group by {listed}),"
        f" newest as (select {listed}, load_id, count(*) as rows_of_key, any_value(known_at) as known_at,"
        f" any_value({content}) as content from {_ROWS} group by {listed}, load_id"
        f" qualify row_number() over (partition by {listed} order by load_id desc) = 1)"
        f" select {', '.join(f'a.{name}' for name in key)},"
        " a.content = s.content and coalesce(a.known_at >= s.known_at, a.known_at is null and s.known_at is null) as is_same"
        f" from arrived as a inner join newest as s on {same_key.format('a')}"
        f" where a.rows_of_key = 1 and s.rows_of_key = 1 and a.{key[0]} is not null"
    )
    return same_key


def _bring_back_parts(warehouse: Warehouse, table: Table, mine: str, is_same: str, is_earlier: str) -> None:
    """Do the same with parts: new ones lose what is as it was, earlier ones come back, whole where all of it stays."""
    arrived = warehouse.rows(
        f"select distinct {PLACE} // {ROWS_OF_A_PART} from facts.{quoted(table.name)} as r where {mine} and {is_same}"
    )
    touched = {part_id for (part_id,) in arrived}
    for part in parts.parts_of(warehouse, table.name):
        if part.part_id in touched:
            leave_out(warehouse, table, part, is_same)
    kinds = {name: kind for name, kind in warehouse.columns(_ROWS).items() if name not in BOOKKEEPING}
    kinds["unknown_until"] = BOOKKEEPING["unknown_until"]
    listed = ", ".join(quoted(name) for name in kinds)
    for file, load_id, loaded_at, rows in warehouse.rows(
        f"select source_file, load_id, loaded_at, count(*) from {_ROWS} as e where {is_earlier} group by all order by load_id"
    ):
        origin = f"e.source_file = {literal(file)} and e.load_id = {load_id} and e.loaded_at = timestamp '{loaded_at}'"
        whole = warehouse.rows(f"select part_id, rows from {_PARTS} as e where {origin}")
        if len(whole) == 1 and whole[0][1] == rows:
            warehouse.execute(f"insert into facts.parts select * from {_PARTS} as e where {origin}")
            continue
        part = write(
            warehouse,
            table,
            f"select {listed}, row_number from {_ROWS} as e where {origin} and {is_earlier}",
            list(kinds.items()),
        )
        parts.add(warehouse, table, replace(part, source_file=file, load_id=load_id, loaded_at=loaded_at))
    warehouse.execute(f"drop table {_PARTS}")
    parts.show(warehouse, table)


def _content(columns: Sequence[str], present: Sequence[str] | dict[str, str], of: str = "") -> str:
    """Return SQL for a hash of what a row says, `of` a relation with its point; a column that it lacks is null."""
    values = [f"cast({of}{quoted(name)} as varchar)" if name in present else "null" for name in columns]
    return f"hash([{', '.join(values)}])"
