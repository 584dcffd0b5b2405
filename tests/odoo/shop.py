"""A company with a campaign and nothing else: scores and assignments straight in a store, pushed by `churn sync`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from churn.store import ScoreRun, Store, open_store
from tests.documents.samples import plan_record
from tests.odoo.server import PASSWORD, USER, Database
from tests.store.builders import score_list

NOT_ALL_OF_IT = 6  # exit code
CAMPAIGN = "winback"
FIELDS = {
    "churn_probability": "x_churn_probability",
    "risk_band": "x_risk_band",
    "percentile": "x_percentile",
    "expected_profit": "x_expected_profit",
    "reasons": "x_reasons",
    "recommended_action": "x_action",
    "campaign": "x_campaign",
    "model_version": "x_model",
    "scored_at": "x_scored_at",
    "run_id": "x_run",
}
DAY = date(2026, 7, 1)
_CAMPAIGN = """
[campaign]
title = "Call them"
owner = "marketing"

[offer]
channel = "phone"
contact_cost = 6.00

[crm]
connector = "crm"
mode = "{mode}"
on_leave = "clear"
fields = {{ {fields} }}
"""


@dataclass
class Done:
    """How a command ended: its exit code, its document if it went well, and what it said."""

    code: int
    document: dict[str, Any]
    words: str


class Shop:
    """A home, and the command line in it."""

    def __init__(self, home: Path, odoo: Database) -> None:
        self.home, self.odoo, self.secret = home, odoo, PASSWORD
        self.settings: dict[str, Any] = {}
        self.fields = dict(FIELDS)
        home.mkdir(parents=True, exist_ok=True)
        self.configure()

    def configure(self, *, mode: str = "upsert", **settings: Any) -> None:
        """Write churn.toml and the campaign."""
        self.settings |= settings
        section = {"kind": "odoo", "url": self.odoo.url, "database": self.odoo.name, "user": USER} | self.settings
        lines = [f"{name} = {json.dumps(value)}" for name, value in section.items()]
        (self.home / "churn.toml").write_text("[connectors.crm]\n" + "\n".join(lines) + "\n")
        folder = self.home / "campaigns"
        folder.mkdir(exist_ok=True)
        fields = ", ".join(f'{ours} = "{theirs}"' for ours, theirs in self.fields.items())
        (folder / f"{CAMPAIGN}.toml").write_text(_CAMPAIGN.format(mode=mode, fields=fields))

    def store(self) -> Store:
        """Open the store."""
        return open_store(f"sqlite:///{self.home / 'store.sqlite'}")

    def assign(self, customers: Sequence[str], *, holdout: Sequence[str] = ()) -> None:
        """Score everybody and assign them: some to the holdout."""
        everybody = [*customers, *holdout]
        self.score(everybody)
        rows = pl.DataFrame(
            {
                "customer_id": everybody,
                "arm": ["treatment"] * len(customers) + ["holdout"] * len(holdout),
                "stratum": ["high"] * len(everybody),
            }
        ).join(
            self.scores.select("customer_id", "churn_probability", "risk_band", "percentile", "expected_profit"),
            on="customer_id",
        )
        rows = rows.with_columns(
            pl.lit(60.0).alias("value_of_save"), pl.lit(6.0).alias("contact_cost"), pl.lit(0.0).alias("incentive_cost")
        )
        plan = plan_record("p1", CAMPAIGN, planned_at=datetime(2026, 7, 1, 5), snapshot_date=DAY)
        with self.store() as store:
            store.plans.save(plan, rows)

    def score(self, customers: Sequence[str], **changed: pl.Expr) -> None:
        """Publish a score run; every further one is a minute later and of the same model."""
        frame = score_list(len(customers), customer_id=list(customers), plan=["basic"] * len(customers))
        share = (0.3 + 0.6 * pl.col("churn_probability")).round(4)
        self.scores = frame.with_columns(churn_probability=share).with_columns(**changed)
        with self.store() as store:
            current = store.scores.current_run()
            now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
            first = ScoreRun("run-1", DAY, "m1", now, datetime(2026, 7, 1), len(customers), "abc")
            if current is not None:
                number = int(current.run_id.partition("-")[2]) + 1
                first = replace(first, run_id=f"run-{number}", scored_at=current.scored_at + timedelta(minutes=1))
            store.scores.publish(first, self.scores)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Begin a command."""
        environment = {**os.environ, "CHURN_CONNECTOR_CRM_SECRET": self.secret, "CHURN_HOME": str(self.home)}
        return subprocess.Popen(
            [sys.executable, "-m", "churn", *words, "--json"],
            cwd=self.home,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str) -> Done:
        """Carry a command out and return how it ended; the secret is in nothing that it says or keeps."""
        process = self.start(*words)
        told, words_said = process.communicate(timeout=240)
        assert self.secret == PASSWORD or self.secret not in told + words_said
        document = json.loads(told) if process.returncode in {0, NOT_ALL_OF_IT} and told else {}
        return Done(process.returncode, document, told + words_said)

    def sync(self, *words: str, code: int = 0) -> dict[str, Any]:
        """Push the campaign, which must go well; or, with `code` 6, but for rows that Odoo refuses."""
        done = self.run("sync", CAMPAIGN, *words)
        assert done.code == code, done.words
        return done.document

    def held(self) -> dict[str, tuple[Any, ...]]:
        """Return what Odoo's database holds of ours: external id -> the campaign's fields."""
        names = ", ".join(f"p.{name}" for name in self.fields.values())
        found = self.odoo.rows(
            f"select d.name, {names} from ir_model_data d join res_partner p on p.id = d.res_id "
            "where d.module = 'churn' and d.model = 'res.partner'"
        )
        return {row[0]: row[1:] for row in found}
