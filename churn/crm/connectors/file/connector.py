"""The connector `file`: one list as it stands, and a file of changes for each run, in a folder here or on an SFTP server."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from churn.config.connectors import FileConnector as Section
from churn.config.connectors import secret_name
from churn.crm.connector import OutcomePage, RemoteField, Row, RowResult, Value, WriteMode
from churn.crm.connectors.file.audience import AudienceFile
from churn.crm.connectors.file.folders import Folder, open_folder
from churn.crm.opening import secret_of
from churn.errors import DataError

if TYPE_CHECKING:
    import httpx

_BATCH = 100_000
Records = dict[str, dict[str, Value]]


def connect(
    name: str,
    settings: Section,
    secrets: Mapping[str, str],
    *,
    clock: Callable[[], datetime],  # noqa: ARG001 - files need no clock of ours
    client: httpx.Client | None = None,  # noqa: ARG001 - nor HTTP
) -> FileLists | AudienceFile:
    """Return the lists, or the audience, in the folder that `settings` names. SFTP needs a secret, unless it has a key file."""
    is_remote = settings.path.startswith("sftp://")
    secret = secrets.get(secret_name(name), "")
    if is_remote and not settings.key_file:
        secret = secret_of(name, secrets)
    folder = open_folder(settings, SecretStr(secret), f"connector {name}")
    return AudienceFile(name, settings, folder) if settings.audience else FileLists(name, settings, folder)


class FileLists:
    """`NAME.csv` (or .parquet) holds every customer as last pushed, `changes/RUN.csv` what a run has changed.

    The list is nobody else's, so an update of somebody who is not in it adds them. Whoever is cleared stays with empty
    cells, so that whatever imports the file clears them too.
    """

    kind = "file"
    needs_remote_id = False

    def __init__(self, name: str, settings: Section, folder: Folder) -> None:
        self._name, self._settings, self._folder = name, settings, folder
        self.batch_size = settings.batch_size or _BATCH
        self._list: Records | None = None
        self._changes: dict[str, Records] = {}

    def __repr__(self) -> str:
        return f"FileLists({self._name!r}, {self._folder!r})"

    def check(self) -> None:
        """See whether files can be put there. Raises ResourceError, AuthFailed, Unreachable."""
        self._folder.check()

    def fields(self) -> Mapping[str, RemoteField] | None:
        """A file takes any column."""
        return None

    def find(self, customer_ids: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        """Return who is in the list; our key is its id."""
        held = self._held()
        return {key: (key,) for key in customer_ids if key in held}

    def write(self, rows: Sequence[Row], *, mode: WriteMode, run_id: str) -> list[RowResult]:
        """Lay the rows over the list and over the run's changes, and put both in place, the changes first.

        Writing the same rows again gives the same files.
        """
        held = dict(self._held())
        changes = dict(self._changes.get(run_id) or self._load(self._changes_name(run_id)))
        results = []
        for row in rows:
            key = row.customer_id
            if mode == "insert" and key in held and key not in changes:
                results.append(RowResult(key, "unchanged", remote_id=key))
                continue
            results.append(RowResult(key, "updated" if key in held else "created", remote_id=key))
            held[key] = {**held.get(key, {}), **row.values}
            changes[key] = {**changes.get(key, {}), **row.values}
        self._save(self._changes_name(run_id), changes)
        self._save(self._list_name, held)
        self._list, self._changes = held, {run_id: changes}
        return results

    def read(self, remote_ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, Mapping[str, Value]]:
        """Read the list anew and return what it holds."""
        held = self._load(self._list_name)
        return {key: {name: held[key].get(name) for name in fields} for key in remote_ids if key in held}

    def outcomes(self, cursor: str | None) -> OutcomePage:
        """Nothing comes back by this way: outcomes are read from files with `churn outcomes import`."""
        return OutcomePage((), cursor, is_last=True)

    def close(self) -> None:
        """Give back the connection to a server."""
        self._folder.close()

    @property
    def _list_name(self) -> str:
        return f"{self._name}.{self._settings.format}"

    def _changes_name(self, run_id: str) -> str:
        return f"changes/{run_id}.{self._settings.format}"

    def _held(self) -> Records:
        if self._list is None:
            self._list = self._load(self._list_name)
        return self._list

    def _load(self, name: str) -> Records:
        content = self._folder.read(name)
        if content is None:
            return {}
        key = self._settings.key_field
        try:
            rows = _from_csv(content) if self._settings.format == "csv" else _from_parquet(content)
            return {str(row.pop(key)): row for row in rows}
        except (KeyError, ValueError, UnicodeDecodeError, csv.Error) as error:
            raise DataError(
                f"is not a list of ours: {type(error).__name__}",
                where=f"{self._folder!r}, {name}",
                remedy=f"It needs a column {key}. Move it away to begin anew.",
            ) from error

    def _save(self, name: str, records: Records) -> None:
        key = self._settings.key_field
        names = [key, *sorted({column for values in records.values() for column in values} - {key})]
        rows = [{key: customer, **values} for customer, values in sorted(records.items())]
        write = _to_csv if self._settings.format == "csv" else _to_parquet
        self._folder.write(name, write(names, rows))


def _to_csv(names: Sequence[str], rows: Sequence[Mapping[str, Value]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue().encode("utf-8")


def _cell(value: Value) -> Any:
    if isinstance(value, datetime):
        return f"{value.isoformat(timespec='seconds')}Z"
    return value.isoformat() if isinstance(value, date) else value


def _from_csv(content: bytes) -> list[dict[str, Value]]:
    rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
    return [{name: value or None for name, value in row.items()} for row in rows]


def _to_parquet(names: Sequence[str], rows: Sequence[Mapping[str, Value]]) -> bytes:
    import polars as pl

    columns = {name: [row.get(name) for row in rows] for name in names}
    buffer = io.BytesIO()
    pl.DataFrame({name: pl.Series(name, values, strict=False) for name, values in columns.items()}).write_parquet(
        buffer
    )
    return buffer.getvalue()


def _from_parquet(content: bytes) -> list[dict[str, Any]]:  # free: the columns of somebody's file
    import polars as pl

    try:
        return pl.read_parquet(io.BytesIO(content)).to_dicts()
    except pl.exceptions.PolarsError as error:
        raise ValueError(type(error).__name__) from error
