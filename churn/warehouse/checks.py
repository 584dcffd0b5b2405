"""Runs the quality rules of `sql/checks`: any row a rule returns is a defect, and the file's name states the rule."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal, cast

from churn.errors import ChurnError, ConfigError
from churn.warehouse.connection import Warehouse
from churn.warehouse.sql_models import SqlModel, in_order

Level = Literal["warn", "block"]


@dataclass(frozen=True)
class CheckResult:
    """What one rule found: 0 defects is a pass. `example` is one row it returned, `message` the rule in words."""

    rule: str
    level: Level
    defect_count: int
    example: dict[str, Any]
    message: str
    seconds: float = 0.0


def run_checks(
    warehouse: Warehouse, models: Mapping[str, SqlModel], *, now: datetime, level: Level | None = None
) -> list[CheckResult]:
    """Run every rule (of `level`) as of `now`, keep the findings in checks.results, return them, blocking ones first.

    A rule that sums its findings up says how many rows each line stands for in a column `defect_count`.
    Raises ConfigError naming the file of a rule that does not run or has no `Level: warn` or `Level: block`.
    """
    moment = now if now.tzinfo is None else now.astimezone(UTC).replace(tzinfo=None)
    rules = [rule for rule in in_order(models, ["checks"]) if level in {None, rule.settings.get("level")}]
    with warehouse.transaction():
        warehouse.execute("create schema if not exists checks")
        warehouse.execute("create or replace table checks.clock as select cast(? as timestamp) as now_at", [moment])
        results = sorted((_run(warehouse, rule) for rule in rules), key=lambda one: (one.level != "block", one.rule))
        _keep(warehouse, results, moment)
    return results


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
        level=cast("Level", level),
        defect_count=count,
        example=example,
        message=rule.description,
        seconds=time.perf_counter() - started,
    )


def _plain(value: object) -> Any:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)


def _keep(warehouse: Warehouse, results: list[CheckResult], moment: datetime) -> None:
    warehouse.execute(
        "create table if not exists checks.results ("
        "run_at timestamp, rule varchar, level varchar, defect_count bigint, example varchar, message varchar)"
    )
    for one in results:
        warehouse.execute("delete from checks.results where run_at = ? and rule = ?", [moment, one.rule])
        warehouse.execute(
            "insert into checks.results values (?, ?, ?, ?, ?, ?)",
            [moment, one.rule, one.level, one.defect_count, json.dumps(one.example), one.message],
        )
