"""Runs the quality rules of `sql/checks`: any row a rule returns is a defect, and the file's name states the rule."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, cast

from churn.documents.quality import RuleLevel
from churn.errors import ChurnError, ConfigError
from churn.warehouse.connection import Warehouse, quoted
from churn.warehouse.models.sql_models import SqlModel, in_order

_RESULTS = """
create table if not exists checks.results (
    run_at timestamp, rule varchar, level varchar, defect_count bigint, example varchar, message varchar
);
alter table checks.results add column if not exists state varchar;
"""
_LOADED = ("raw.", "staging.", "totals.")  # what changes by a load only


@dataclass(frozen=True)
class CheckResult:
    """What one rule found: 0 defects is a pass. `example` is one row it returned, `message` the rule in words.

    `remedy` says what to do about it, as the rule's header does.
    """

    rule: str
    level: RuleLevel
    defect_count: int
    example: dict[str, Any]  # free: a row with the columns that the rule's SQL returns
    message: str
    seconds: float = 0.0
    remedy: str = ""


def run_checks(
    warehouse: Warehouse,
    models: Mapping[str, SqlModel],
    *,
    now: datetime,
    level: RuleLevel | None = None,
    reuse: bool = False,
) -> list[CheckResult]:
    """Run every rule (of `level`) as of `now`, keep the findings in checks.results, return them, blocking ones first.

    With `reuse`, a rule that was run as of the same day is not run again if nothing was loaded since.
    A rule that sums its findings up says how many rows each line stands for in a column `defect_count`.
    Raises ConfigError naming the file of a rule that does not run or has no `Level: warn` or `Level: block`.
    """
    moment = now if now.tzinfo is None else now.astimezone(UTC).replace(tzinfo=None)
    rules = [rule for rule in in_order(models, ["checks"]) if level in {None, rule.settings.get("level")}]
    with warehouse.transaction():
        warehouse.execute("create schema if not exists checks")
        warehouse.execute("create or replace table checks.clock as select cast(? as timestamp) as now_at", [moment])
        warehouse.execute(_RESULTS)
        data = _data_state(warehouse)
        results = []
        for rule in rules:
            state = _state(rule, models, data, moment)
            result = _kept(warehouse, rule, state) if reuse else None
            if result is None:
                result = _run(warehouse, rule)
                _keep(warehouse, result, moment, state)
            results.append(result)
    return sorted(results, key=lambda result: (result.level != "block", result.rule))


def _data_state(warehouse: Warehouse) -> str | None:
    """Return what tells one state of the loaded data from another; None where no load was noted."""
    if not warehouse.has_table("raw.loads"):
        return None
    loads = warehouse.rows("select max(load_id), count(*), max(loaded_at), sum(rows) from raw.loads")
    rewrites = warehouse.rows("select max(load_id) from raw.rewrites")
    tables = warehouse.rows(
        "select schema_name, table_name from duckdb_tables() "
        "where schema_name in ('raw', 'facts', 'staging', 'totals') order by all"
    )
    # DuckDB's own estimates count deleted rows until the next checkpoint, and so change without a load.
    counted = (f"(select count(*) from {quoted(schema)}.{quoted(table)})" for schema, table in tables)
    sizes = warehouse.rows(f"select {', '.join(counted)}")
    return repr([loads, rewrites, tables, sizes])


def _state(rule: SqlModel, models: Mapping[str, SqlModel], data: str | None, moment: datetime) -> str | None:
    """Return what a rule's finding depends on: its SQL, the data and their SQL, the day. None if there is more to it."""
    if data is None or any(not name.startswith((*_LOADED, "checks.clock")) for name in rule.depends_on):
        return None
    built = sorted(models[name].sql for name in models if name.startswith(_LOADED))
    return hashlib.sha256(repr([rule.sql, data, built, moment.date()]).encode()).hexdigest()


def _run(warehouse: Warehouse, rule: SqlModel) -> CheckResult:
    started = time.perf_counter()
    level = rule.settings.get("level", "")
    if level not in {"warn", "block"}:
        remedy = "Add a line `-- Level: warn` or `-- Level: block` to its header."
        raise ConfigError("a quality rule has no level", where=str(rule.path), remedy=remedy)
    try:
        warehouse.execute(f"create or replace temp table defects as\n{rule.sql}\n")
    except ChurnError as error:
        error.where = error.where or str(rule.path)
        raise
    columns = [row[0] for row in warehouse.rows("describe defects")]
    counted = "coalesce(sum(defect_count), 0)" if "defect_count" in columns else "count(*)"
    count = int(warehouse.rows(f"select {counted} from defects")[0][0])
    order = " order by defect_count desc" if "defect_count" in columns else ""
    first = warehouse.rows(f"select * from defects{order} limit 1") if count else []
    example = {name: _plain(value) for name, value in zip(columns, first[0], strict=True)} if first else {}
    return CheckResult(
        rule=rule.table,
        level=cast("RuleLevel", level),
        defect_count=count,
        example=example,
        message=rule.description,
        seconds=time.perf_counter() - started,
        remedy=rule.settings.get("remedy", ""),
    )


def _plain(value: object) -> Any:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)


def _keep(warehouse: Warehouse, result: CheckResult, moment: datetime, state: str | None) -> None:
    warehouse.execute("delete from checks.results where run_at = ? and rule = ?", [moment, result.rule])
    warehouse.execute(
        "insert into checks.results (run_at, rule, level, defect_count, example, message, state)"
        " values (?, ?, ?, ?, ?, ?, ?)",
        [moment, result.rule, result.level, result.defect_count, json.dumps(result.example), result.message, state],
    )


def _kept(warehouse: Warehouse, rule: SqlModel, state: str | None) -> CheckResult | None:
    """Return what the rule found when everything it depends on was as it is now; None if it was not run then."""
    rows = warehouse.rows(
        "select level, defect_count, example, message from checks.results where rule = ? and state = ?"
        " order by run_at desc limit 1",
        [rule.table, state],
    )
    if not rows:
        return None
    level, count, example, message = rows[0]
    return CheckResult(rule.table, level, count, json.loads(example), message, remedy=rule.settings.get("remedy", ""))
