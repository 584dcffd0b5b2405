"""Writes the files of parts: a byte-for-byte copy of a delivered file, or rows converted once, in order of time."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from churn.errors import ContractBroken, ResourceError
from churn.warehouse.connection import Warehouse, literal, quoted
from churn.warehouse.facts import parts
from churn.warehouse.facts.parts import Part, Stored
from churn.warehouse.loading.contracts import Table
from churn.warehouse.reading.delivery import SourceFile

_FORM: Final = "format parquet, compression zstd, compression_level 1"
_WORTH_SORTING: Final = 3  # groups of rows in a file: of fewer, none could be left out by its times


def copy(warehouse: Warehouse, source: str, file: SourceFile) -> Part:
    """Copy a delivered file as it is and return it as a part without columns yet.

    A hard link would follow a writer who overwrites the file where it lies, and take earlier versions with it. Raises
    ContractBroken if it changed since it was hashed, ResourceError when the disk is full.
    """
    number = parts.next_number(warehouse)
    path = parts.path_of(source, number)
    target = warehouse.facts / path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file.path, target)  # within the kernel, where it can
        with target.open("rb") as copied:
            content = hashlib.file_digest(copied, "sha256")
            os.fsync(copied.fileno())  # the database that lists the file waits for its own bytes too
        _name_to_disk(target)
    except OSError as error:
        raise _full(error, target) from error
    if len(file.content_hash) == 2 * content.digest_size and content.hexdigest() != file.content_hash:
        raise ContractBroken("the file changed while it was read", where=file.name, remedy="Load it once it is whole.")
    return Part(number, path, file.name, None, None, is_copy=True, columns=())


def write(
    warehouse: Warehouse, table: Table, rows: str, columns: Sequence[tuple[str, str]], *, keeps_order: bool = False
) -> Part:
    """Write a select of rows, their columns (name and type) and `row_number`, as a part without an origin yet.

    Rows that are not in order of time are put into it, so that a reader of some days leaves the others out, unless it
    `keeps_order`.
    """
    number = parts.next_number(warehouse)
    path = parts.path_of(table.name, number)
    target = warehouse.facts / path
    stored = tuple(Stored(name, name, kind) for name, kind in columns)
    part = Part(number, path, None, None, None, is_copy=False, columns=stored)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _full(error, target) from error
    warehouse.execute(f"copy ({rows}) to {literal(str(target))} ({_FORM})")
    if not keeps_order and table.occurred_at is not None and _is_mixed(warehouse, target, table.occurred_at):
        mixed = target.with_name(f"{target.name}.mixed")
        target.replace(mixed)
        warehouse.execute(
            f"copy (select * from read_parquet({literal(str(mixed))}, hive_partitioning = false)"
            f" order by {quoted(table.occurred_at)}) to {literal(str(target))} ({_FORM})"
        )
        mixed.unlink()
    with target.open("rb") as written:
        os.fsync(written.fileno())
    _name_to_disk(target)
    return part


def _is_mixed(warehouse: Warehouse, path: Path, column: str) -> bool:
    """Say whether the groups of rows of a file each hold a good part of all its times."""
    groups, share = warehouse.rows(
        "select count(*), avg(epoch_us(last) - epoch_us(first)) / nullif(max(epoch_us(last)) - min(epoch_us(first)), 0)"
        " from (select try_cast(stats_min_value as timestamp) as first, try_cast(stats_max_value as timestamp) as last"
        f" from parquet_metadata({literal(str(path))}) where path_in_schema = ?)"
        " where isfinite(first) and isfinite(last)",
        [column],
    )[0]
    return bool(groups >= _WORTH_SORTING and share is not None and share > 0.5)


def _name_to_disk(target: Path) -> None:
    """Wait until the folder's entry for a file is safe, where folders can be asked to."""
    if os.name == "posix":
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _full(error: OSError, target: Path) -> ResourceError:
    remedy = "Free disk space, or choose a home on another disk."
    return ResourceError(f"cannot be written: {error.strerror}", where=str(target), remedy=remedy)
