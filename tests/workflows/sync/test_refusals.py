from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from churn.cli import build_app
from churn.config import Settings
from churn.errors import ConnectorError
from churn.views.sync import sync_status
from churn.workflows.sync import SyncResult, retry_rejected, sync_crm
from tests.crm.homes import NOW, build, context_of, publish
from tests.crm.memory import MemoryCrm

IDS = [f"c{n:02d}" if n < 100 else f"c{n}" for n in range(620)]
MANY = {f"c{n:02d}" for n in range(10, 50)}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    built = build(tmp_path / "home", customers=620, held_out=18)
    path = built / "campaigns" / "call.toml"
    path.write_text(path.read_text().replace('mode = "upsert"', 'mode = "update"'))
    return built


def crm_without(absent: set[str]) -> MemoryCrm:
    crm = MemoryCrm(batch_size=100)
    crm.records = {f"r{key}": {"key": key} for key in IDS if key not in absent}
    return crm


def night(home: Path, crm: MemoryCrm, number: int) -> SyncResult:
    context = context_of(home, crm)
    publish(context, IDS, 0.5 + 0.03 * number, run_id=f"n{number}")
    section = {"kind": "memory", "max_changed_share": 1.0}
    settings = Settings.model_validate({"home": home, "connectors": {"crm": section}})
    at = NOW + timedelta(hours=1 + number)
    return sync_crm(replace(context, settings=settings, clock=lambda: at), "call")


def test_rows_known_to_be_refused_stop_no_later_night(home: Path) -> None:
    crm = crm_without({f"c{n:02d}" for n in range(10, 22)})
    assert night(home, crm, 0).report.counts["rejected"] == 12
    quiet = sync_crm(context_of(home, crm), "call")  # nothing changed: the twelve are all that is asked for
    assert (quiet.report.state, quiet.report.refused) == ("partial", 12)
    changed = night(home, crm, 1)
    assert (changed.report.counts["updated"], changed.report.refused) == (588, 12)


def test_forty_of_six_hundred_keep_no_change_waiting(home: Path) -> None:
    crm = crm_without(MANY)
    first = night(home, crm, 0)
    assert (first.report.counts["updated"], first.report.counts["rejected"]) == (560, 40)
    for number in (1, 2):
        assert night(home, crm, number).report.counts["updated"] == 560


def test_known_refusals_do_not_hide_that_most_of_the_new_rows_are_refused(home: Path) -> None:
    crm = crm_without(MANY)
    night(home, crm, 0)
    crm.poison = set(IDS) - MANY
    with pytest.raises(ConnectorError, match="were rejected"):
        night(home, crm, 1)


def test_in_step_is_said_only_when_nothing_is_refused(home: Path) -> None:
    crm = crm_without({"c10"})
    context = context_of(home, crm)
    sync_crm(context, "call")
    (destination,) = sync_status(context).destinations
    assert destination.last_done_at is not None
    assert destination.last_in_step_at is None
    with context.open_store() as store:
        assert "not all of it is in step: 1 rows are refused" in store.alerts.open()[0].message
    crm.records["r10"] = {"key": "c10"}
    assert sync_crm(context, "call").report.state == "done"
    (destination,) = sync_status(context).destinations
    assert destination.last_in_step_at is not None
    with context.open_store() as store:
        assert store.alerts.open() == []


def test_a_held_row_keeps_the_alert_open_until_it_is_retried(home: Path) -> None:
    crm = crm_without(set())
    crm.poison = {"c10"}
    context = context_of(home, crm)
    sync_crm(context, "call")
    again = sync_crm(context, "call")
    assert (again.report.state, again.report.skipped["held"], again.report.refused) == ("partial", 1, 1)
    with context.open_store() as store:
        assert [alert.kind for alert in store.alerts.open()] == ["sync_partial"]
    crm.poison = set()
    released, retried = retry_rejected(context, "call")
    assert (released, retried.report.state) == (1, "done")


def test_a_refusal_that_may_pass_is_tried_again_by_itself(home: Path) -> None:
    crm = crm_without(set())
    crm.poison, crm.refusals_pass = set(IDS[10:15]), True
    context = context_of(home, crm)
    assert sync_crm(context, "call").report.counts["rejected"] == 5
    crm.poison = set()  # the right is given back
    healed = sync_crm(context, "call")
    assert (healed.report.state, healed.report.counts["updated"]) == ("done", 5)


def test_whoever_leaves_the_list_takes_the_refusal_along(home: Path) -> None:
    crm = crm_without({"c10"})
    context = context_of(home, crm)
    sync_crm(context, "call")
    with context.open_warehouse("test") as warehouse:
        warehouse.execute("update staging.customers set objected_at = available_at where customer_id = 'c10'")
    assert sync_crm(context, "call").report.state == "done"


def test_the_command_says_not_all_of_it_and_ends_with_6(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "churn.toml").write_text('[connectors.crm]\nkind = "file"\n', encoding="utf-8")
    monkeypatch.setattr("churn.crm.connectors.file.connector.FileLists.write", _refusing)
    result = CliRunner().invoke(build_app(), ["sync", "call", "--force", "--home", str(home)])
    assert "not all of it" in result.output
    assert result.exit_code == 6


def _refusing(self: object, rows: list[object], *, mode: str, run_id: str) -> list[object]:
    crm = MemoryCrm(needs_remote_id=False, batch_size=100_000)
    crm.poison = {"c20"}
    return [*crm.write(rows, mode="upsert", run_id=run_id)]  # type: ignore[arg-type]
