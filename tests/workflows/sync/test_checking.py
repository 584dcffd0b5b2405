from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from churn.cli import build_app
from churn.crm.connector import RemoteField
from churn.errors import CampaignError, ConfigError, ConnectorError
from churn.workflows.keep_campaigns.keep import destinations
from churn.workflows.sync import SyncOptions, check_sync, sync_crm
from tests.crm.homes import build, context_of, publish
from tests.crm.memory import MemoryCrm


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return build(tmp_path / "home")


@pytest.fixture
def crm() -> MemoryCrm:
    return MemoryCrm(batch_size=5)


def edited(home: Path, old: str, new: str) -> None:
    path = home / "campaigns" / "call.toml"
    path.write_text(path.read_text().replace(old, new))


class Forgetful(MemoryCrm):
    """Takes our key into another field than the one that is searched: `key_field` without its prefix."""

    def _write(self, row, mode):  # type: ignore[no-untyped-def]
        result = super()._write(row, mode)
        self.records[str(result.remote_id)]["key"] = ""
        return result


def test_a_key_that_does_not_arrive_doubles_one_record_and_no_more(home: Path) -> None:
    crm = Forgetful(batch_size=5)
    with pytest.raises(ConnectorError, match="does not find it by its key"):
        sync_crm(context_of(home, crm), "call")
    assert len(crm.records) == 1


def test_a_key_proven_once_is_not_proven_again(home: Path, crm: MemoryCrm) -> None:
    context = context_of(home, crm)
    sync_crm(context, "call")
    crm.records = {}
    with context.open_store() as store:
        store.crm.forget_ids("crm", [f"c{n:02d}" for n in range(3, 20)])
    writes = crm.writes
    sync_crm(context, "call", options=SyncOptions(is_full=True, is_forced=True))
    assert crm.writes > writes
    assert len(crm.records) == 14


def test_none_is_an_option_that_may_be_written(home: Path, crm: MemoryCrm) -> None:
    edited(home, 'on_leave = "clear"', 'on_leave = "band_none"')
    texts = ("campaign", "action", "why", "model", "run")
    crm.schema = {name: RemoteField(name, "text") for name in texts}
    crm.schema |= {"p": RemoteField("p", "number"), "at": RemoteField("at", "datetime")}
    crm.schema["band"] = RemoteField("band", "choice", options=("low", "medium", "high", "critical"))
    with pytest.raises(ConfigError, match="`band` lacks the options none"):
        sync_crm(context_of(home, crm), "call")
    crm.schema["band"] = RemoteField("band", "text", max_length=6)
    with pytest.raises(ConfigError, match="`band` holds 6 characters"):
        sync_crm(context_of(home, crm), "call")
    crm.schema["band"] = RemoteField("band", "choice")  # an open list takes any text
    sync_crm(context_of(home, crm), "call")


def test_a_list_of_options_holds_no_free_text_and_a_required_field_must_be_given(home: Path, crm: MemoryCrm) -> None:
    names = ("band", "campaign", "action", "model", "run")
    crm.schema = {name: RemoteField(name, "text") for name in names}
    crm.schema |= {"p": RemoteField("p", "number"), "at": RemoteField("at", "datetime")}
    crm.schema["why"] = RemoteField("why", "choice", options=("a", "b"))
    with pytest.raises(ConfigError, match="`why` is a list of options, which cannot hold reasons"):
        sync_crm(context_of(home, crm), "call")
    crm.schema |= {"why": RemoteField("why", "text"), "LastName": RemoteField("LastName", "text", is_required=True)}
    with pytest.raises(ConfigError, match=r"create_values = \{ LastName ="):
        sync_crm(context_of(home, crm), "call")
    assert crm.records == {}
    edited(home, 'mode = "upsert"', 'mode = "update"')
    crm.records = {f"r{n}": {"key": f"c{n:02d}"} for n in range(20)}
    sync_crm(context_of(home, crm), "call")  # nothing is created, so nothing is required


def test_one_customer_is_looked_at_without_writing(home: Path, crm: MemoryCrm) -> None:
    crm.records["r5"] = {"key": "c05", "band": "low"}
    checked = check_sync(context_of(home, crm), "call", customer_id="c05")
    assert checked.remote_ids == ("r5",)
    band = next(field for field in checked.fields if field.ours == "risk_band")
    assert (band.theirs, band.holds, band.would_hold) == ("band", "low", "critical")
    assert crm.writes == 0
    assert check_sync(context_of(home, crm), "call").customer_id == "c02"
    with pytest.raises(CampaignError, match="c18 is not on its list"):
        check_sync(context_of(home, crm), "call", customer_id="c18")


def test_one_customer_is_pushed_and_the_list_is_none_the_wiser(home: Path, crm: MemoryCrm) -> None:
    context = context_of(home, crm)
    result = sync_crm(context, "call", options=SyncOptions(only=frozenset({"c05"})))
    assert (result.report.counts["created"], [record["key"] for record in crm.records.values()]) == (1, ["c05"])
    assert destinations(context) == []  # one customer is no list to keep in step
    publish(context, [f"c{n:02d}" for n in range(20)], 0.6, run_id="s2")
    assert sync_crm(context, "call").report.counts["created"] == 13
    with context.open_store() as store:
        last = store.sync_runs.last_done("crm", "call")
    assert last is not None
    assert last.list_size == 14
    assert last.started_at - context.clock() < timedelta(0)


def test_the_commands_check_and_push_one(home: Path) -> None:
    (home / "churn.toml").write_text('[connectors.crm]\nkind = "file"\n', encoding="utf-8")
    run = CliRunner().invoke
    pushed = run(build_app(), ["sync", "push", "call", "--only", "c05", "--force", "--home", str(home)])
    assert pushed.exit_code == 0, pushed.output
    shown = run(build_app(), ["sync", "check", "call", "--only", "c05", "--home", str(home)])
    assert "Customer c05: c05" in shown.output
    assert "critical" in shown.output
