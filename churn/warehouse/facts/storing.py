"""Puts a delivery into the parts of its fact table: files that already are what the table wants as they are, others converted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from churn.warehouse.connection import Warehouse, literal, quoted
from churn.warehouse.facts import parts, writing
from churn.warehouse.facts.parts import Part, Stored
from churn.warehouse.facts.rewriting import leave_out
from churn.warehouse.loading.casts import cast
from churn.warehouse.loading.column_map import Selected
from churn.warehouse.loading.contracts import Table
from churn.warehouse.reading import values
from churn.warehouse.reading.delivery import Delivery
from churn.warehouse.reading.values import Reading

_OF_THE_READER = {"file_row_number", "file_index", "filename", "row_number"}


@dataclass(frozen=True)
class Storing:
    """Rows on their way into parts: `columns` as the table stores them, `condition` what the source says of its rows.

    `refused` is the condition of stored rows that are no facts; `copied` names the files that are kept as they were
    delivered.
    """

    warehouse: Warehouse
    table: Table
    delivery: Delivery
    columns: Sequence[Selected]
    condition: str
    refused: str
    load_id: int
    loaded_at: datetime
    copied: frozenset[str]


def store(storing: Storing) -> dict[str, tuple[int, int]]:
    """Add a part for each file of the delivery, and show them in the table; return how many rows are facts, and how many not.

    Whether rows are facts is asked of what was written, where that is cheap. Raises ContractBroken, ResourceError.
    """
    warehouse, table = storing.warehouse, storing.table
    counts = {}
    for file in storing.delivery.files:
        if file.name in storing.copied:
            names = {quoted(name): name for name in storing.delivery.columns}
            stored = tuple(Stored(column.name, names[column.delivered], column.type) for column in storing.columns)
            part = replace(writing.copy(warehouse, table.name, file), columns=stored)
        else:
            part = _converted(storing, file.name)
        part = replace(part, source_file=file.name, load_id=storing.load_id, loaded_at=storing.loaded_at)
        rows = parts.add(warehouse, table, part)
        bad = 0 if _is_filled(storing, part) else _refused_in(storing, part)
        if bad:
            leave_out(warehouse, table, part, storing.refused)
        counts[file.name] = (rows - bad, bad)
    parts.show(warehouse, table)
    return counts


def _is_filled(storing: Storing, part: Part) -> bool:
    """Say whether a file's statistics tell that it lacks no required value; a text that is kept as it is, is no empty one."""
    if storing.table.never_before or not part.is_copy:
        return False
    required = [column.in_file for column in part.columns if column.name in storing.table.required]
    path = literal(str(storing.warehouse.facts / part.path))
    ((lacking,),) = storing.warehouse.rows(
        f"select count(*) filter (where stats_null_count is distinct from 0) from parquet_metadata({path})"
        f" where path_in_schema in ({', '.join(literal(name) for name in required)})"
    )
    return int(lacking) == 0


def _refused_in(storing: Storing, part: Part) -> int:
    rows = parts.relation(storing.warehouse, storing.table, [part])
    return int(storing.warehouse.rows(f"select count(*) from ({rows}) as r where {storing.refused}")[0][0])


def _converted(storing: Storing, file: str) -> Part:
    chosen = ", ".join(f"{column.sql} as {quoted(column.name)}" for column in storing.columns)
    of_file = f" and _churn_file = {literal(file)}" if len(storing.delivery.files) > 1 else ""
    rows = f"select {chosen}, _churn_row as row_number from ({storing.delivery.sql}) where {storing.condition}{of_file}"
    columns = [(column.name, column.type) for column in storing.columns]
    return writing.write(storing.warehouse, storing.table, rows, columns)


def as_they_are(
    warehouse: Warehouse, delivery: Delivery, columns: Sequence[Selected], reading: Reading
) -> frozenset[str]:
    """Return the names of the files of a delivery, before any value was read, whose values all are what would be stored."""
    kinds = {quoted(name): kind for name, kind in delivery.columns.items()}
    if not delivery.is_parquet or any(name.lower() in _OF_THE_READER for name in delivery.columns):
        return frozenset()
    if any(kinds.get(column.delivered) != column.type for column in columns):
        return frozenset()
    stored = {column.delivered: column.sql for column in columns}
    texts = [name for name, kind in kinds.items() if kind == "VARCHAR"]
    bare = {name: values.without_missing(name, reading, is_trimmed=False) for name in texts}
    names = [
        name
        for name, kind in kinds.items()
        if name not in texts and stored.get(name, name) not in {name, f"cast({name} as {kind})"}
    ]
    for name in texts:
        if _is_plain(warehouse, delivery, name, stored.get(name, name), reading):
            continue
        # Few texts are different: where these stay as they are, no row has to be looked at.
        different = f"select distinct {name}, '' as _churn_file from ({delivery.sql})"
        if warehouse.rows(f"{_changed(different, [name], stored, bare)} limit 1"):
            names.append(name)
    files = {file.name for file in delivery.files}
    if names:
        files -= {name for (name,) in warehouse.rows(_changed(delivery.sql, names, stored, bare))}
    return frozenset(files)


def _is_plain(warehouse: Warehouse, delivery: Delivery, name: str, stored: str, reading: Reading) -> bool:
    """Say whether no text of a column can be a word for no value, padded, or a number that stands for an id.

    This is cheap to ask, and true of most ids; where it is not, what would be stored has to be worked out.
    """
    as_id = cast(name, "VARCHAR", "VARCHAR", "customer_id").sql
    if stored not in {name, f"trim({name})", as_id}:
        return False
    longest = max(len(word.encode()) for word in (*values.MISSING_WORDS, *reading.missing))
    # What casts.py makes of a text, asked in the cheapest way.
    is_odd = f"strlen({name}) <= {longest} or {name} <> trim({name})"
    if stored == as_id:
        is_odd = (
            f"strlen({name}) <= {longest} or strlen({name}) <> length({name}) or contains({name}, ' ')"
            f" or contains({name}, '+') or (ends_with({name}, '0') and contains({name}, '.'))"
        )
    return not warehouse.rows(f"select 1 from ({delivery.sql}) where {is_odd} limit 1")


def _changed(sql: str, names: Sequence[str], stored: Mapping[str, str], bare: Mapping[str, str]) -> str:
    """Return a select of the files in which one of the columns `names` would be stored as something else."""
    before = ", ".join(f"{name} as {_before(name)}" for name in names)
    rows = f"select *, {before} from ({sql})"
    if made := ", ".join(f"{bare[name]} as {name}" for name in names if name in bare):
        rows = f"select * replace ({made}) from ({rows})"
    differs = " or ".join(f"({stored.get(name, name)}) is distinct from {_before(name)}" for name in names)
    return f"select distinct _churn_file from ({rows}) where {differs}"


def _before(name: str) -> str:
    return quoted(f"{name} before")
