"""Rounds of programmes, the log of assignment probabilities, and what was decided at a moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa
from pydantic import JsonValue

from churn.documents.height import HeightDocument
from churn.documents.programme import ProgrammeDefinition
from churn.documents.programme_findings import EvaluatedPolicy
from churn.documents.programme_round import RoundDocument, RoundState
from churn.store.database import Database
from churn.store.frames import fetch, insert_new, typed, upsert
from churn.store.programme_records import (
    LOG_COLUMNS,
    OPTIONAL_LOG_COLUMNS,
    LoggedChoice,
    MomentDecision,
    ProgrammeRound,
)
from churn.store.programme_tables import programme_decisions, programme_findings, programme_log, programme_rounds

if TYPE_CHECKING:
    import polars as pl


HEIGHT = "height"
_ROUND_COLUMNS = [programme_rounds.c[field.name] for field in fields(ProgrammeRound)]
_CHOICE_COLUMNS = [programme_log.c[field.name] for field in fields(LoggedChoice)]
_DECISION_COLUMNS = [programme_decisions.c[field.name] for field in fields(MomentDecision)]


class ProgrammeRepository:
    """Reads and writes `programme_rounds`, `programme_log` and `programme_decisions`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, planned: ProgrammeRound, log: pl.DataFrame) -> int:
        """Keep a round and its log in one transaction, in place of a draft that waits; return how many rows the log has.

        `log` has the columns of `LOG_COLUMNS`; programme, round and snapshot_date come from the round.
        """
        import polars as pl

        constants = {
            "programme": planned.programme,
            "round": planned.round,
            "snapshot_date": planned.snapshot_date,
        }
        rows = typed(
            log.with_columns(pl.lit(value).alias(name) for name, value in constants.items()),
            LOG_COLUMNS,
            optional=OPTIONAL_LOG_COLUMNS,
            where=f"log of {planned.programme}, round {planned.round}",
        ).sort("customer_id")
        values = {field.name: getattr(planned, field.name) for field in fields(ProgrammeRound)}
        values |= {"definition": planned.definition.as_json(), "result": planned.result.as_json()}
        is_waiting = sa.and_(programme_rounds.c.programme == planned.programme, programme_rounds.c.state == "draft")
        with self._database.write(lock=programme_rounds) as connection:
            connection.execute(
                sa.update(programme_rounds)
                .where(is_waiting)
                .values(state="superseded", decided_at=planned.planned_at, note=f"round {planned.round} was planned")
            )
            connection.execute(sa.insert(programme_rounds).values(values))
            return insert_new(connection, programme_log, rows)

    def names(self) -> list[str]:
        """Return every programme that has a round, in order."""
        query = sa.select(programme_rounds.c.programme).distinct().order_by(programme_rounds.c.programme)
        with self._database.read() as connection:
            return [str(name) for name in connection.execute(query).scalars()]

    def rounds(
        self, programme: str | None = None, *, state: RoundState | None = None, limit: int | None = None
    ) -> list[ProgrammeRound]:
        """Return the rounds, newest first, of one programme or of all, in one state or in any."""
        newest = (programme_rounds.c.planned_at.desc(), programme_rounds.c.round.desc())
        query = sa.select(*_ROUND_COLUMNS).order_by(*newest).limit(limit)
        if programme is not None:
            query = query.where(programme_rounds.c.programme == programme)
        if state is not None:
            query = query.where(programme_rounds.c.state == state)
        with self._database.read() as connection:
            return [_record(row) for row in connection.execute(query).mappings()]

    def approvals(self) -> tuple[int, datetime | None]:
        """Return how many rounds are approved and when the last one was: it changes whenever another is."""
        query = sa.select(sa.func.count(), sa.func.max(programme_rounds.c.decided_at))
        with self._database.read() as connection:
            row = connection.execute(query.where(programme_rounds.c.state == "approved")).one()
        return int(row[0]), row[1]

    def round(self, programme: str, number: int) -> ProgrammeRound | None:
        """Return one round; None if there is no such one."""
        query = sa.select(*_ROUND_COLUMNS).where(_is_it(programme, number))
        with self._database.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else _record(row)

    def decide(
        self, programme: str, number: int, state: RoundState, *, who: str, at: datetime, note: str | None
    ) -> bool:
        """Turn a draft into `state`; False where it is no draft any more."""
        change = (
            sa.update(programme_rounds)
            .where(_is_it(programme, number), programme_rounds.c.state == "draft")
            .values(state=state, decided_by=who, decided_at=at, note=note)
        )
        with self._database.write(lock=programme_rounds) as connection:
            return connection.execute(change).rowcount > 0

    def expire(self, now: datetime) -> list[tuple[str, int]]:
        """Turn every draft whose time is over into `expired`; return programme and round of each."""
        is_over = sa.and_(programme_rounds.c.state == "draft", programme_rounds.c.expires_at < now)
        with self._database.write(lock=programme_rounds) as connection:
            query = sa.select(programme_rounds.c.programme, programme_rounds.c.round).where(is_over)
            lapsed = [(str(row[0]), int(row[1])) for row in connection.execute(query).all()]
            if lapsed:
                connection.execute(sa.update(programme_rounds).where(is_over).values(state="expired", decided_at=now))
        return lapsed

    def keep_height(self, programme: str, height: HeightDocument, at: datetime) -> None:
        """Keep whether a programme is tall enough, in place of what was kept before."""
        self._keep(programme, HEIGHT, height.as_json(), at)

    def height(self, programme: str) -> HeightDocument | None:
        """Return whether a programme was found tall enough; None where nobody has asked."""
        rows = self._findings(programme, programme_findings.c.name == HEIGHT)
        return HeightDocument.read(rows[0], where=f"height of programme {programme}") if rows else None

    def keep_evaluation(self, evaluated: EvaluatedPolicy, at: datetime) -> None:
        """Keep what a policy would have earned, in place of what was kept of the same comparison."""
        name = f"policy {evaluated.answer.policy} against {evaluated.answer.against}"
        self._keep(evaluated.programme, name, evaluated.as_json(), at)

    def evaluations(self, programme: str) -> list[EvaluatedPolicy]:
        """Return what was kept of other policies, newest first."""
        rows = self._findings(programme, programme_findings.c.name != HEIGHT)
        return [EvaluatedPolicy.read(row, where=f"evaluation of programme {programme}") for row in rows]

    def _keep(self, programme: str, name: str, result: dict[str, JsonValue], at: datetime) -> None:
        row = {"programme": programme, "name": name, "made_at": at, "result": result}
        with self._database.write(lock=programme_findings) as connection:
            upsert(connection, programme_findings, [row])

    def _findings(self, programme: str, which: sa.ColumnElement[bool]) -> list[JsonValue]:
        query = (
            sa.select(programme_findings.c.result)
            .where(programme_findings.c.programme == programme, which)
            .order_by(programme_findings.c.made_at.desc(), programme_findings.c.name)
        )
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def log(self, programme: str, number: int, columns: Sequence[str] = tuple(LOG_COLUMNS)) -> pl.DataFrame:
        """Return the log of a round by customer, with all the columns of `LOG_COLUMNS` or some."""
        query = (
            sa.select(*(programme_log.c[name] for name in columns))
            .where(programme_log.c.programme == programme, programme_log.c.round == number)
            .order_by(programme_log.c.customer_id)
        )
        with self._database.read() as connection:
            return fetch(connection, query, {name: LOG_COLUMNS[name] for name in columns})

    def choices(self, customer_id: str) -> list[LoggedChoice]:
        """Return how a customer fared in every round, newest first."""
        query = (
            sa.select(*_CHOICE_COLUMNS)
            .where(programme_log.c.customer_id == customer_id)
            .order_by(programme_log.c.snapshot_date.desc(), programme_log.c.round.desc())
        )
        with self._database.read() as connection:
            return [LoggedChoice(**row) for row in connection.execute(query).mappings()]

    def note_decision(self, decision: MomentDecision) -> MomentDecision:
        """Keep a decision; return the one kept under the same id before, where there is one."""
        query = sa.select(*_DECISION_COLUMNS).where(programme_decisions.c.decision_id == decision.decision_id)
        with self._database.write(lock=programme_decisions) as connection:
            row = connection.execute(query).mappings().one_or_none()
            if row is not None:
                return MomentDecision(**row)
            connection.execute(sa.insert(programme_decisions).values(asdict(decision)))
        return decision

    def decisions(self, programme: str, *, limit: int | None = None) -> list[MomentDecision]:
        """Return the newest decisions of a programme first."""
        query = (
            sa.select(*_DECISION_COLUMNS)
            .where(programme_decisions.c.programme == programme)
            .order_by(programme_decisions.c.decided_at.desc(), programme_decisions.c.decision_id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [MomentDecision(**row) for row in connection.execute(query).mappings()]


def _is_it(programme: str, number: int) -> sa.ColumnElement[bool]:
    return sa.and_(programme_rounds.c.programme == programme, programme_rounds.c.round == number)


def _record(row: sa.RowMapping) -> ProgrammeRound:
    where = f"round {row['round']} of programme {row['programme']}"
    documents = {
        "definition": ProgrammeDefinition.read(row["definition"], where=where),
        "result": RoundDocument.read(row["result"], where=where),
    }
    return ProgrammeRound(**{**row, **documents})
