"""The model registry: every trained version, which one is champion, and the full history of who made it so and why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from churn.documents.candidate_figures import CandidateFigures
from churn.errors import ConfigError, NoChampion
from churn.store.database import Database
from churn.store.records import ModelChange, ModelStatus, ModelVersion
from churn.store.tables import model_changes, model_versions


class ModelRepository:
    """Reads and writes `model_versions` and `model_changes`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, model: ModelVersion) -> None:
        """Add a version as challenger. Raises ConfigError when its name is taken."""
        with self._database.write(lock=model_versions) as connection:
            if _version_row(connection, model.version) is not None:
                raise ConfigError("a model version of this name exists", where=model.version)
            connection.execute(
                sa.insert(model_versions).values(
                    version=model.version,
                    kind=model.kind,
                    created_at=model.created_at,
                    fingerprint=model.fingerprint,
                    bundle=model.bundle,
                    metrics={} if model.metrics is None else model.metrics.as_json(),
                    reason=model.reason,
                )
            )

    def list(self) -> list[ModelVersion]:
        """Return every version, newest first."""
        query = sa.select(model_versions).order_by(model_versions.c.created_at.desc(), model_versions.c.version.desc())
        with self._database.read() as connection:
            changes = _changes(connection)
            return [_model(row, changes) for row in connection.execute(query).mappings()]

    def get(self, version: str) -> ModelVersion:
        """Return one version. Raises ConfigError naming the known ones."""
        with self._database.read() as connection:
            return _model(_known_row(connection, version), _changes(connection))

    def champion(self) -> ModelVersion | None:
        """Return the version that scores; None before the first promotion."""
        with self._database.read() as connection:
            changes = _changes(connection)
            if not changes:
                return None
            return _model(_known_row(connection, str(changes[-1]["version"])), changes)

    def promote(self, version: str, who: str, why: str, at: datetime) -> ModelVersion:
        """Make `version` the champion, from `at` on. Nothing is noted when it is that already.

        Raises ConfigError for an unknown version.
        """
        with self._database.write(lock=model_changes) as connection:
            row, changes = _known_row(connection, version), _changes(connection)
            if not changes or changes[-1]["version"] != version:
                _note(connection, changes, version=version, action="promote", who=who, why=why, changed_at=at)
            return _model(row, _changes(connection))

    def rollback(self, who: str, why: str, at: datetime) -> ModelVersion:
        """Go back to the champion before the present one, and again one further when called again.

        Raises NoChampion when there was none before.
        """
        with self._database.write(lock=model_changes) as connection:
            changes = _changes(connection)
            line = _succession(changes)
            if len(line) < 2:
                raise NoChampion(
                    "there is no earlier champion to go back to",
                    where="registry",
                    remedy="Promote another version instead.",
                )
            row = _known_row(connection, line[-2])
            _note(connection, changes, version=line[-2], action="rollback", who=who, why=why, changed_at=at)
            return _model(row, _changes(connection))

    def history(self) -> Sequence[ModelChange]:
        """Return every change of champion, newest first, each with the time it served."""
        with self._database.read() as connection:
            changes = _changes(connection)
        ends: list[datetime | None] = [*(row["changed_at"] for row in changes[1:]), None]
        served = [
            ModelChange(
                version=row["version"],
                replaced_version=row["replaced_version"],
                action=row["action"],
                who=row["who"],
                why=row["why"],
                served_from=row["changed_at"],
                served_until=end,
            )
            for row, end in zip(changes, ends, strict=False)
        ]
        return served[::-1]


def _changes(connection: sa.Connection) -> list[sa.RowMapping]:
    """Return the changes of champion, oldest first."""
    return list(connection.execute(sa.select(model_changes).order_by(model_changes.c.change_id)).mappings())


def _succession(changes: list[sa.RowMapping]) -> list[str]:
    """Return the champions one could go back through, the present one last: a rollback takes back one promotion."""
    line: list[str] = []
    for row in changes:
        if row["action"] == "promote":
            line.append(row["version"])
        else:
            line.pop()
    return line


def _note(connection: sa.Connection, changes: list[sa.RowMapping], **values: Any) -> None:
    replaced = changes[-1]["version"] if changes else None
    connection.execute(sa.insert(model_changes).values(replaced_version=replaced, **values))


def _version_row(connection: sa.Connection, version: str) -> sa.RowMapping | None:
    query = sa.select(model_versions).where(model_versions.c.version == version)
    return connection.execute(query).mappings().one_or_none()


def _known_row(connection: sa.Connection, version: str) -> sa.RowMapping:
    row = _version_row(connection, version)
    if row is None:
        query = sa.select(model_versions.c.version).order_by(model_versions.c.created_at.desc())
        names = list(connection.execute(query).scalars())
        known = f"Known are: {', '.join(names)}." if names else "None is registered yet: run `churn train`."
        raise ConfigError("no such model version", where=version, remedy=known)
    return row


def _model(row: sa.RowMapping, changes: list[sa.RowMapping]) -> ModelVersion:
    where = f"model {row['version']}"
    metrics = CandidateFigures.read(row["metrics"], where=where) if row["metrics"] else None
    return ModelVersion(**(dict(row) | {"metrics": metrics}), status=_status(row["version"], changes))


def _status(version: str, changes: list[sa.RowMapping]) -> ModelStatus:
    if changes and changes[-1]["version"] == version:
        return "champion"
    return "retired" if any(change["version"] == version for change in changes) else "challenger"
