"""Tables in Parquet files that Spark reads and writes on the way from one database to another: each type comes back as it was."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from churn.warehouse import Warehouse
from churn.warehouse.connection import literal, quoted

# Types that Parquet and Spark keep as they are. All other plain types go as text.
_KEPT: Final = re.compile(
    r"BOOLEAN|TINYINT|SMALLINT|INTEGER|BIGINT|FLOAT|DOUBLE|DATE|TIMESTAMP|VARCHAR|DECIMAL\(\d+,\d+\)"
)
_NESTED: Final = re.compile(r".*\]|(STRUCT|MAP|UNION).*", re.DOTALL)
# The same within nested types, where a name may look like a type, but is followed by one.
_ODD: Final = re.compile(
    r'"(?:[^"]|"")*"|\b(U?HUGEINT|U(?:BIG|SMALL|TINY)INT|UINTEGER|JSON|UUID|INTERVAL|BLOB|BIT|BIGNUM|TIME(?:STAMP)? WITH TIME ZONE'
    r"|TIMESTAMP_N?M?S|TIME|ENUM\((?:'(?:[^']|'')*'(?:, )?)*\))(?=[,)\[]|$)"
)
CUSTOMER: Final = "customer_id"
# Of how files are written that only we read: times and numbers as differences, which takes two thirds of the room.
AS_PARQUET: Final = "format parquet, parquet_version v2"


@dataclass(frozen=True)
class FiledColumn:
    """A column, its type, and its name in files, where a name may hold no odd characters."""

    name: str
    type: str
    in_file: str

    @property
    def written(self) -> str:
        """SQL that gives the column as files hold it."""
        value = quoted(self.name)
        if _NESTED.fullmatch(self.type):
            plain = _ODD.sub(lambda match: "VARCHAR" if match[1] else match[0], self.type)
            value = value if plain == self.type else f"cast({value} as {plain})"
        elif not _KEPT.fullmatch(self.type):
            value = f"cast({value} as varchar)"
        return f"{value} as {quoted(self.in_file)}"

    @property
    def read(self) -> str:
        """SQL that gives it back."""
        value = quoted(self.in_file)
        if self.type != "VARCHAR":
            value = f"cast({value} as {self.type})"
        return f"{value} as {quoted(self.name)}"


@dataclass(frozen=True)
class RowState:
    """How many rows, and a sum that changes with them in whatever order."""

    rows: int
    total: int

    def __add__(self, other: RowState) -> RowState:
        return RowState(self.rows + other.rows, self.total + other.total)


@dataclass(frozen=True)
class FiledTable:
    """A table by name with its columns, in order."""

    name: str
    columns: tuple[FiledColumn, ...]

    @classmethod
    def of(cls, warehouse: Warehouse, name: str) -> FiledTable:
        """Return how the table `schema.table` of `warehouse` is written to files."""
        return cls.with_columns(name, {row[0]: row[1] for row in warehouse.rows(f"describe {sql_name(name)}")})

    @classmethod
    def with_columns(cls, name: str, kinds: Mapping[str, str]) -> FiledTable:
        """Return how rows with columns of these types are written to files."""
        return cls(
            name,
            tuple(
                FiledColumn(column, kind, CUSTOMER if column == CUSTOMER else f"c{number}")
                for number, (column, kind) in enumerate(kinds.items())
            ),
        )

    @property
    def is_by_customer(self) -> bool:
        """Whether each row belongs to a customer."""
        return any(column.name == CUSTOMER for column in self.columns)

    def in_file(self, name: str) -> str | None:
        """Return what the column `name` is called in files; None where there is no such column."""
        return next((column.in_file for column in self.columns if column.name == name), None)

    @property
    def written(self) -> str:
        """SQL that lists the columns as files hold them."""
        return ", ".join(column.written for column in self.columns)

    def write(
        self, warehouse: Warehouse, path: Path, *, parts: Mapping[str, str] | None = None, where: str = ""
    ) -> None:
        """Write the table to the file `path`; by `parts`, names with SQL, to files in folders `NAME=.../NAME=...` below it."""
        named = parts or {}
        listed = ", ".join([self.written, *(f"{sql} as {name}" for name, sql in named.items())])
        source = f"{sql_name(self.name)}" + (f" where {where}" if where else "")
        how = AS_PARQUET + (f", partition_by ({', '.join(named)})" if named else "")
        with warehouse.unordered():
            warehouse.execute(f"copy (select {listed} from {source}) to {literal(str(path))} ({how})")

    def relation(self, files: list[Path]) -> str:
        """Return a select of the rows in `files`."""
        if not files:
            listed = ", ".join(f"cast(null as {column.type}) as {quoted(column.name)}" for column in self.columns)
            return f"select {listed} where false"
        paths = ", ".join(literal(str(path)) for path in files)
        listed = ", ".join(column.read for column in self.columns)
        return f"select {listed} from read_parquet([{paths}], hive_partitioning = false)"

    def states(self, warehouse: Warehouse, part: str, where: str = "true") -> dict[int, RowState]:
        """Return the state of each part of the table, which the SQL `part` numbers; of rows `where` a condition holds."""
        listed = ", ".join(quoted(column.name) for column in self.columns)
        counted = warehouse.rows(
            f"select {part} as part, count(*), sum(cast(hash({listed}) as hugeint)) from {sql_name(self.name)}"
            f" where {where} group by 1 order by 1"
        )
        return {int(number): RowState(rows, int(total)) for number, rows, total in counted}

    def state_of(self, part: int, state: RowState) -> str:
        """Return what changes with the rows of a part, or with the table's columns."""
        kinds = [(column.name, column.type) for column in self.columns]
        return repr((self.name, kinds, part, state.rows, state.total))

    def state(self, warehouse: Warehouse) -> str:
        """Return what changes with the rows of the whole table."""
        return repr([self.state_of(part, state) for part, state in self.states(warehouse, "0").items()])


def sql_name(name: str) -> str:
    """Return `schema.table` as an SQL identifier."""
    schema, _, table = name.partition(".")
    return f"{quoted(schema)}.{quoted(table)}"
