"""What the readers of all formats share: a parsed table, its columns, and options as SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from churn.errors import ConfigError, ContractBroken, DataError
from churn.warehouse.connection import Warehouse, literal
from churn.warehouse.reading.delivery import BadLine, Delivery, SourceFile

DELIVERED = "delivered_rows"  # temporary: what a text file or a query held, so that it is read once


def columns_of(warehouse: Warehouse, sql: str, file: SourceFile) -> dict[str, str]:
    """Return the delivered columns of a select, name to DuckDB type. Raises ContractBroken if the file cannot be read."""
    try:
        described = warehouse.rows(f"describe {sql}")
    except (DataError, ConfigError) as error:
        raise unreadable(error.what, file) from error
    return {name: kind for name, kind, *_ in described if name not in {"_churn_file", "_churn_row"}}


def parsed(warehouse: Warehouse, file: SourceFile, sql: str, bad: tuple[BadLine, ...] = ()) -> Delivery:
    """Run `sql` into the temporary table of delivered rows and return that. Raises as `columns_of`."""
    try:
        warehouse.execute(f"create or replace temp table {DELIVERED} as {sql}")
    except (DataError, ConfigError) as error:
        raise unreadable(error.what, file) from error
    stored = f"select * from {DELIVERED}"
    return Delivery((file,), stored, columns_of(warehouse, stored, file), bad)


def unreadable(what: str, file: SourceFile) -> ContractBroken:
    """Return the error for a file that is not what it should be."""
    remedy = "Check that the file is whole and of the declared format, and the source's `options`."
    return ContractBroken(f"cannot be read: {what}", where=file.name, remedy=remedy)


def unreadable_delivery(warehouse: Warehouse, delivery: Delivery, what: str) -> ContractBroken:
    """Return the error for a delivery whose rows cannot be read to the end, by the file that is at fault.

    DuckDB names the file in most of its messages, but not where the head of a Parquet page or its compressed bytes are broken.
    """
    for file in delivery.files:
        every_value = (
            f"select max(hash(delivered)) from ({delivery.sql}) as delivered where _churn_file = {literal(file.name)}"
        )
        if len(delivery.files) == 1 or file.name in what or warehouse.fault_of(every_value) is not None:
            return unreadable(what, file)
    return unreadable(what, delivery.files[0])


def arguments(options: Mapping[str, object]) -> str:
    """Return reader options as further arguments of a table function: `, name = value, ...`."""
    return "".join(f", {name} = {value(given)}" for name, given in options.items())


def value(given: object) -> str:
    """Return a TOML value as an SQL literal."""
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, (int, float)):
        return str(given)
    if isinstance(given, Mapping):
        return "{" + ", ".join(f"{literal(str(k))}: {value(v)}" for k, v in given.items()) + "}"
    if isinstance(given, Sequence) and not isinstance(given, str):
        return "[" + ", ".join(value(item) for item in given) + "]"
    return literal(str(given))
