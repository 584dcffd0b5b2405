"""Campaign plans and their assignments: saved together, and never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from churn.documents.definition import CampaignDefinition
from churn.documents.plan import PlanDocument, PlanInputs
from churn.errors import ContractBroken
from churn.store.database import Database
from churn.store.frames import fetch, insert_new, typed
from churn.store.programme_tables import programme_log, programme_rounds
from churn.store.records import (
    ASSIGNMENT_COLUMNS,
    OPTIONAL_ASSIGNMENT_COLUMNS,
    Arm,
    AssignmentCounts,
    CustomerAssignment,
    PlanRecord,
)
from churn.store.tables import assignments, campaign_plans

if TYPE_CHECKING:
    import polars as pl

    from churn.documents.programme_round import RoundDocument


_AT_ONCE = 500  # customers named in one statement
_PLAN_COLUMNS = [campaign_plans.c[field.name] for field in fields(PlanRecord)]
_CUSTOMER_COLUMNS = ("campaign", "customer_id", "arm", "snapshot_date", "assigned_at")


class PlanRepository:
    """Reads and writes `campaign_plans`, and writes `assignments`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, plan: PlanRecord, rows: pl.DataFrame) -> int:
        """Keep a plan and its assignments in one transaction; return how many assignments were new."""
        return self.save_all([(plan, rows)])[0]

    def save_all(self, plans: Sequence[tuple[PlanRecord, pl.DataFrame]]) -> list[int]:
        """Keep several plans with the assignments of each, all or none; return how many were new for each.

        `rows` has the columns of `ASSIGNMENT_COLUMNS`; campaign, plan_id, snapshot_date and assigned_at come from the
        plan where it lacks them. Whoever is assigned to the campaign already stays as assigned. A plan saved twice
        is kept as it was. Raises ContractBroken for a missing column, an empty value, an arm that is none, or a
        customer who comes twice.
        """
        checked = [(plan, _checked(plan, rows)) for plan, rows in plans]
        with self._database.write(lock=assignments) as connection:
            return [_insert(connection, plan, rows) for plan, rows in checked]

    def save_round(
        self,
        plans: Sequence[tuple[PlanRecord, pl.DataFrame]],
        *,
        programme: str,
        number: int,
        result: RoundDocument,
        left_out: Sequence[str] = (),
        who: str | None,
        at: datetime,
        note: str | None,
    ) -> bool:
        """Keep the plans of a programme's round as `save_all` does, and mark the draft approved, in one transaction.

        `result` is the round as it is approved, `left_out` are customers who leave its log. False, and nothing is kept,
        where the round is no draft any more.
        """
        checked = [(plan, _checked(plan, rows)) for plan, rows in plans]
        table = programme_rounds.c
        is_draft = sa.and_(table.programme == programme, table.round == number, table.state == "draft")
        change = sa.update(programme_rounds).where(is_draft)
        with self._database.write(lock=assignments) as connection:
            values = {
                "state": "approved",
                "decided_by": who,
                "decided_at": at,
                "note": note,
                "result": result.as_json(),
            }
            if not connection.execute(change.values(**values)).rowcount:
                return False
            mine = sa.and_(programme_log.c.programme == programme, programme_log.c.round == number)
            for start in range(0, len(left_out), _AT_ONCE):
                gone = programme_log.c.customer_id.in_(left_out[start : start + _AT_ONCE])
                connection.execute(sa.delete(programme_log).where(mine, gone))
            for plan, rows in checked:
                _insert(connection, plan, rows)
        return True

    def list(self, campaign: str | None = None, *, limit: int | None = None) -> list[PlanRecord]:
        """Return every plan, or the newest `limit`, newest first, of one campaign or of all."""
        newest = (campaign_plans.c.planned_at.desc(), campaign_plans.c.plan_id)
        query = sa.select(*_PLAN_COLUMNS).order_by(*newest).limit(limit)
        if campaign is not None:
            query = query.where(campaign_plans.c.campaign == campaign)
        with self._database.read() as connection:
            return [_record(row) for row in connection.execute(query).mappings()]

    def get(self, plan_id: str) -> PlanRecord | None:
        """Return one plan; None if there is no such one."""
        query = sa.select(*_PLAN_COLUMNS).where(campaign_plans.c.plan_id == plan_id)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return _record(row) if row is not None else None

    def latest(self, campaign: str) -> PlanRecord | None:
        """Return the newest plan of a campaign; None if it was never planned."""
        newest = self.list(campaign, limit=1)
        return newest[0] if newest else None


class AssignmentRepository:
    """Reads `assignments`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, campaign: str) -> pl.DataFrame:
        """Return every assignment of a campaign, by customer, with all the columns of `ASSIGNMENT_COLUMNS`."""
        return self._fetch(tuple(ASSIGNMENT_COLUMNS), [assignments.c.campaign == campaign])

    def customers(self, campaigns: Sequence[str] | None = None, arm: Arm | None = None) -> pl.DataFrame:
        """Return who is in which campaign: campaign, customer_id, arm, snapshot_date, assigned_at.

        Of the campaigns named, or of all; of one arm, or of both.
        """
        filters: list[sa.ColumnElement[bool]] = []
        if campaigns is not None:
            filters.append(assignments.c.campaign.in_(list(campaigns)))
        if arm is not None:
            filters.append(assignments.c.arm == arm)
        return self._fetch(_CUSTOMER_COLUMNS, filters)

    def of_customers(self, customer_ids: Sequence[str]) -> dict[str, list[CustomerAssignment]]:
        """Return the campaigns of some thousand customers at most, oldest first; nothing for those in none."""
        query = (
            sa.select(assignments.c.customer_id, assignments.c.campaign, assignments.c.arm, assignments.c.assigned_at)
            .where(assignments.c.customer_id.in_(list(customer_ids)))
            .order_by(assignments.c.assigned_at, assignments.c.campaign)
        )
        by_customer: dict[str, list[CustomerAssignment]] = {}
        with self._database.read() as connection:
            for customer_id, campaign, arm, assigned_at in connection.execute(query):
                by_customer.setdefault(customer_id, []).append(CustomerAssignment(campaign, arm, assigned_at))
        return by_customer

    def counts(self) -> dict[str, AssignmentCounts]:
        """Return by campaign how many are in each arm; a campaign that nobody was assigned to is left out."""
        query = (
            sa.select(
                assignments.c.campaign,
                sa.func.sum(sa.case((assignments.c.arm == "treatment", 1), else_=0)).label("treatment"),
                sa.func.sum(sa.case((assignments.c.arm == "holdout", 1), else_=0)).label("holdout"),
                sa.func.min(assignments.c.snapshot_date).label("first_snapshot_date"),
                sa.func.max(assignments.c.snapshot_date).label("last_snapshot_date"),
            )
            .group_by(assignments.c.campaign)
            .order_by(assignments.c.campaign)
        )
        with self._database.read() as connection:
            return {campaign: AssignmentCounts(*counts) for campaign, *counts in connection.execute(query)}

    def _fetch(self, names: Sequence[str], filters: Sequence[sa.ColumnElement[bool]]) -> pl.DataFrame:
        query = (
            sa.select(*(assignments.c[name] for name in names))
            .where(*filters)
            .order_by(assignments.c.campaign, assignments.c.customer_id)
        )
        with self._database.read() as connection:
            return fetch(connection, query, {name: ASSIGNMENT_COLUMNS[name] for name in names})


def _insert(connection: sa.Connection, plan: PlanRecord, rows: pl.DataFrame) -> int:
    """Insert a plan that is not known yet, and the new ones of its assignments; return how many."""
    known = sa.select(campaign_plans.c.plan_id).where(campaign_plans.c.plan_id == plan.plan_id)
    if connection.execute(known).first() is None:
        connection.execute(sa.insert(campaign_plans).values(_values(plan)))
    return insert_new(connection, assignments, rows)


def _values(plan: PlanRecord) -> dict[str, object]:
    """Return the columns of a plan, its documents as JSON."""
    plain = {field.name: getattr(plan, field.name) for field in fields(PlanRecord)}
    return plain | {
        "definition": plan.definition.as_json(),
        "inputs": plan.inputs.as_json(),
        "result": plan.result.as_json(),
    }


def _record(row: sa.RowMapping) -> PlanRecord:
    """Return the plan of a row, its documents read. Raises ContractBroken for one that cannot be read."""
    where = f"plan {row['plan_id']}"
    documents = {
        "definition": CampaignDefinition.read(row["definition"], where=where),
        "inputs": PlanInputs.read(row["inputs"], where=where),
        "result": PlanDocument.read(row["result"], where=where),
    }
    return PlanRecord(**{**row, **documents})


def _checked(plan: PlanRecord, frame: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    constants: dict[str, object] = {"campaign": plan.campaign, "plan_id": plan.plan_id}
    constants |= {} if "snapshot_date" in frame.columns else {"snapshot_date": plan.snapshot_date}
    constants |= {} if "assigned_at" in frame.columns else {"assigned_at": plan.planned_at}
    frame = frame.with_columns(pl.lit(value).alias(name) for name, value in constants.items())
    where = f"assignments of {plan.campaign}"
    rows = typed(frame, ASSIGNMENT_COLUMNS, optional=OPTIONAL_ASSIGNMENT_COLUMNS, where=where).sort("customer_id")
    if (repeated := rows.height - rows["customer_id"].n_unique()) > 0:
        raise ContractBroken(f"{repeated} customers come more than once", where=where)
    if strange := set(rows["arm"]) - {"treatment", "holdout"}:
        raise ContractBroken(f"an arm is {min(strange)!r}, neither treatment nor holdout", where=where)
    return rows
