"""P27 at a million: the bench's company copied customer by customer until there are so many, and a round of five offers planned for all.

To simulate, load and train a company of a million takes hours, and planning reads nothing but scores, consent, contacts and open
tickets: these are copied under new ids, as they are. `python -m benchmarks.programme_million` prints the seconds.
"""

from __future__ import annotations

import shutil
import sqlite3
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks.campaign_page import Lines
from benchmarks.company import company, trained
from benchmarks.measuring import seconds
from benchmarks.programmes import OFFERS, write_programme
from churn.bootstrap import build_context
from churn.config import load_settings
from churn.workflows.plan import PlanRequest, plan_campaigns

CUSTOMERS: Final = 1_000_000
ORIGINAL: Final = 120_000
_TABLES: Final = ("customers", "subscriptions", "subscription_events")
_VIEWS: Final = ("support_tickets", "contacts")


def main() -> int:
    """Copy, plan twice, and print the second time's seconds; exit code 1 above a minute."""
    progress = Lines()
    made = company(ORIGINAL, 18, progress)
    trained(made, progress)
    context = made.context()
    with tempfile.TemporaryDirectory(prefix="churn-bench-") as folder:
        home = Path(folder) / "home"
        shutil.copytree(context.settings.home, home, symlinks=True)
        progress.step(f"Copying customers until they are {CUSTOMERS:,}")
        copies = -(-CUSTOMERS // _expand_scores(home / "store.sqlite"))
        _expand_facts(home / "warehouse.duckdb", copies)
        write_programme(home, CUSTOMERS)
        settings = load_settings(config=home / "churn.toml", home=home, environ={})
        here = replace(build_context(settings=settings), clock=context.clock)
        progress.step(f"Planning {OFFERS} offers for {CUSTOMERS:,} customers")
        dry = PlanRequest(campaigns=("bench",), is_dry_run=True)
        taken = [seconds(lambda: plan_campaigns(here, dry)) for _ in range(2)]
    sys.stdout.write(f"{CUSTOMERS:,} customers x {OFFERS} offers: {taken[-1]:.1f} s (first {taken[0]:.1f} s)\n")
    return 0 if taken[-1] <= 60.0 else 1


def _expand_scores(path: Path) -> int:
    """Copy the scores of a store under new ids; return how many there were."""
    with sqlite3.connect(path) as store:
        names = [row[1] for row in store.execute("pragma table_info(scores)")]
        before = int(store.execute("select count(*) from scores").fetchone()[0])
        for copy in range(1, -(-CUSTOMERS // before)):
            columns = ", ".join(f"customer_id || '_{copy}'" if name == "customer_id" else f'"{name}"' for name in names)
            room = CUSTOMERS - copy * before
            store.execute(
                f"insert into scores select {columns} from scores where instr(customer_id, '_') = 0 limit {room}"
            )
    return before


def _expand_facts(path: Path, copies: int) -> None:
    """Copy what planning reads of a warehouse under the same new ids."""
    import duckdb

    with duckdb.connect(str(path)) as warehouse:
        for name in _TABLES:
            for copy in range(1, copies):
                warehouse.execute(
                    f"insert into staging.{name} by name select * replace (customer_id || '_{copy}' as customer_id) "
                    f"from staging.{name} where instr(customer_id, '_') = 0"
                )
        for name in _VIEWS:
            (view,) = warehouse.execute(
                "select sql from duckdb_views() where schema_name = 'staging' and view_name = ?", [name]
            ).fetchall()
            once = str(view[0]).replace(f"CREATE VIEW staging.{name} AS", f"create view staging.{name}_once as", 1)
            warehouse.execute(once)
            warehouse.execute(
                f"create or replace view staging.{name} as select o.* replace (case when k = 0 then o.customer_id "
                f"else o.customer_id || '_' || k end as customer_id) from staging.{name}_once as o cross join range({copies}) as t(k)"
            )


if __name__ == "__main__":
    sys.exit(main())
