"""Translates DuckDB's exceptions, once, into the product's own: short of disk or memory, damaged file, wrong SQL, wrong data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from churn.errors import ChurnError, ConfigError, DataError, ResourceError, WarehouseBusy

if TYPE_CHECKING:
    import duckdb

_NO_SPACE = ("no space left", "disk full")
_FILE = re.compile(r'file "([^"]+)"')
_INTERRUPTED = "Query interrupted"
_LOCKED = "could not set lock on file"
_HOLDER = re.compile(r"held in (?P<program>.+?) \(PID (?P<pid>\d+)\)", re.IGNORECASE)
_DISK_FULL = (
    *_NO_SPACE,
    "failed to offload",
    "not enough disk",
    "max_temp_directory_size",
    "file too large",  # a limit on the size of files, or of the file system
    "quota exceeded",
)
_MISSING, _FACTS = "no files found that match", "/facts/"
_BROKEN_PARQUET = (
    "failed to read file",
    "invalid string encoding found in parquet",
    "tprotocolexception",  # these three name no file: the head of a page, or its compressed bytes, make no sense
    "out of buffer",
    "don't know what type",
)
_DAMAGED = (
    "not a valid duckdb",
    "corrupt",
    "checksum",
    "failed to load metadata",
    "cannot be read by this version",
    "database file version",
)


def translated(error: duckdb.Error, where: str | None = None) -> ChurnError:
    """Return our error for one of DuckDB's; `where` names the file, table or rule at hand."""
    import duckdb

    wrong_sql = (
        duckdb.ParserException,
        duckdb.BinderException,
        duckdb.CatalogException,
        duckdb.SyntaxException,
        duckdb.NotImplementedException,
        duckdb.InvalidTypeException,
    )
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    text = str(error).lower()
    if any(sign in text for sign in _DISK_FULL):
        return _disk_full(first, where, is_without_space=any(sign in text for sign in _NO_SPACE))
    if isinstance(error, duckdb.OutOfMemoryException):
        remedy = "Raise resources.memory_limit, or lower resources.threads."
        return ResourceError(first, where=where, remedy=remedy)
    is_of_a_file = isinstance(error, (duckdb.IOException, duckdb.SerializationException))
    if damage := (_damage(first, where) if is_of_a_file else None) or _broken_parquet(first, where):
        return damage
    if isinstance(error, duckdb.IOException) and (known := _from_file(first, where)) is not None:
        return known
    if isinstance(error, wrong_sql):
        return ConfigError(f"the SQL does not run: {first}", where=where, remedy="Mend the SQL or the column it names.")
    return DataError(first, where=where)


def _damage(first: str, where: str | None) -> DataError | None:
    """Return the error for a file that is not what it was, or not there any more; None for any other trouble."""
    text = first.lower()
    if any(sign in text for sign in _DAMAGED):
        remedy = "Restore it from a backup, or move it away and run `churn refresh --full`."
        return DataError(f"the warehouse file cannot be read: {first}", where=where, remedy=remedy)
    if _MISSING in text and _FACTS in text:
        remedy = "Restore the folder of facts from the backup of the database, or run `churn refresh --full`."
        return DataError(f"a file of facts is missing: {first}", where=where, remedy=remedy)
    return None


def _broken_parquet(first: str, where: str | None) -> DataError | None:
    """Return the error for a Parquet file whose rows make no sense, a delivered one or one of the home's facts."""
    if not any(sign in first.lower() for sign in _BROKEN_PARQUET):
        return None
    remedy = None
    if _FACTS in first:
        remedy = "Restore the folder of facts from the backup of the database, or run `churn refresh --full`."
    elif where is None and ".parquet" not in first:
        remedy = "Check that the delivered Parquet files are whole; for those in the home's `facts`, run `churn refresh --full`."
    return DataError(f"a Parquet file is damaged: {first}", where=where, remedy=remedy)


def _from_file(text: str, where: str | None) -> ChurnError | None:
    """Return our error for a file that is not let open, None for any other trouble with one."""
    if _LOCKED in text.lower():
        return _held(text, where)
    if "permission denied" in text.lower() or "read-only file system" in text.lower():
        return ResourceError(text, where=where, remedy="Make the folder writable for this user.")
    return None


def _held(text: str, where: str | None) -> WarehouseBusy:
    """Return the error for a file that another program has open: a notebook, a shell, an editor of databases."""
    path, holder = _FILE.search(text), _HOLDER.search(text)
    who = f"`{holder['program']}` (process {holder['pid']})" if holder else "another program"
    return WarehouseBusy(
        f"{who} has the file open",
        where=where or (path[1] if path else None),
        remedy="Try again when it is closed there; to look into a database beside the jobs, open a copy of the file.",
    )


def _disk_full(text: str, where: str | None, *, is_without_space: bool) -> ResourceError:
    """Return the error for a full disk, without the class name that DuckDB's message begins with."""
    path = _FILE.search(text)
    if is_without_space:
        text, where = "the disk is full", where or (path[1] if path else None)
    return ResourceError(text, where=where, remedy="Free disk space, or set resources.temp_directory elsewhere.")


@contextmanager
def translating(where: str | None = None) -> Iterator[None]:
    """Raise ResourceError, ConfigError or DataError for whatever DuckDB raises inside.

    Raises KeyboardInterrupt when a signal interrupts a query, as everywhere else: DuckDB makes other errors of it.
    """
    import duckdb

    try:
        yield
    except duckdb.InterruptException as error:
        raise KeyboardInterrupt from error
    except duckdb.Error as error:
        raise translated(error, where) from error
    except RuntimeError as error:
        if str(error) == _INTERRUPTED:
            raise KeyboardInterrupt from error
        raise
