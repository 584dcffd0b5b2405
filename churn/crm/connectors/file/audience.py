"""Keeps an audience of hashed e-mail addresses as a file: one column of hashes, whoever leaves is taken out, nobody can be told from it."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from churn.config.connectors import FileConnector as Section
from churn.crm.connector import OutcomePage, RemoteField, ResultState, Row, RowResult, Value, WriteMode
from churn.crm.connectors.file.folders import Folder
from churn.crm.lookup import NOT_FOUND
from churn.errors import DataError
from churn.files import csv_text

_BATCH = 100_000
_DIGITS = 64  # of SHA-256


class AudienceFile:
    """`NAME.csv` holds the hashes of those who are on the list, in their own order and once each.

    A row's one value is the hash, which is its remote id too: by that alone a hash that changed or left is found again, since the
    file names no customer.
    """

    kind = "file"
    needs_remote_id = False

    def __init__(self, name: str, settings: Section, folder: Folder) -> None:
        self._name, self._folder = name, folder
        self.batch_size = settings.batch_size or _BATCH
        self.check, self.close = folder.check, folder.close
        self._hashes: frozenset[str] | None = None

    def __repr__(self) -> str:
        return f"AudienceFile({self._name!r}, {self._folder!r})"

    def fields(self) -> Mapping[str, RemoteField] | None:
        """There is one column, by any name."""
        return None

    def find(self, customer_ids: Sequence[str]) -> Mapping[str, tuple[str, ...]]:  # noqa: ARG002 - it names no customer
        """Nobody can be found by our key."""
        return {}

    def write(self, rows: Sequence[Row], *, mode: WriteMode, run_id: str) -> list[RowResult]:  # noqa: ARG002 - one list for all runs
        """Put the rows' hashes into the file, and take out those that they had before; the same rows again change nothing."""
        hashes = set(self._held())
        results = []
        column = next((name for row in rows for name in row.values), "email")
        for row in rows:
            digest = next((str(value) for value in row.values.values() if value is not None), None)
            if mode == "insert" and row.remote_id is not None:
                results.append(RowResult(row.customer_id, "unchanged", row.remote_id))
                continue
            if row.remote_id is not None and row.remote_id != digest:
                hashes.discard(row.remote_id)
            if digest is None and row.remote_id is None:
                results.append(RowResult(row.customer_id, "rejected", code=NOT_FOUND, message="was never in it"))
                continue
            if digest is not None:
                hashes.add(digest)
            state: ResultState = "created" if row.remote_id is None else "updated"
            results.append(RowResult(row.customer_id, state, digest or row.remote_id))
        self._save(column, hashes)
        self._hashes = frozenset(hashes)
        return results

    def read(self, remote_ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, Mapping[str, Value]]:
        """Read the file anew and return which of the hashes are in it."""
        hashes = self._load()
        return {digest: dict.fromkeys(fields, digest) for digest in remote_ids if digest in hashes}

    def outcomes(self, cursor: str | None) -> OutcomePage:
        """Nothing comes back from an ad platform's file."""
        return OutcomePage((), cursor, is_last=True)

    @property
    def _file(self) -> str:
        return f"{self._name}.csv"

    def _held(self) -> frozenset[str]:
        if self._hashes is None:
            self._hashes = self._load()
        return self._hashes

    def _load(self) -> frozenset[str]:
        content = self._folder.read(self._file)
        if content is None:
            return frozenset()
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig", errors="replace"), newline="")))[1:]
        if any(len(row) != 1 or len(row[0]) != _DIGITS for row in rows):
            raise DataError(
                "is not an audience of ours",
                where=f"{self._folder!r}, {self._file}",
                remedy="It needs one column of SHA-256. Move it away to begin anew.",
            )
        return frozenset(row[0] for row in rows)

    def _save(self, column: str, hashes: set[str]) -> None:
        text = csv_text([[column], *([digest] for digest in sorted(hashes))])
        self._folder.write(self._file, text.encode("utf-8"))
