"""Objections, withdrawals of one customer, and remote systems that do not answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

import churn.cli.common
from churn.cli import build_app
from churn.context import Context
from churn.errors import ConfigError, Unreachable
from churn.workflows.keep_campaigns import destinations
from churn.workflows.privacy import object_by_list, object_to_marketing
from churn.workflows.privacy.erase import erase_customer, finish_requests
from churn.workflows.sync import SyncOptions, sync_crm
from tests.crm.homes import build, context_of
from tests.crm.memory import MemoryCrm

ON_LIST, OTHER = "c02", "c03"


class DownCrm(MemoryCrm):
    """A system that does not answer."""

    def check(self) -> None:
        raise Unreachable("it does not answer", where="connector crm")


@pytest.fixture
def crm() -> MemoryCrm:
    return MemoryCrm()


@pytest.fixture
def here(tmp_path: Path, crm: MemoryCrm) -> Context:
    return context_of(build(tmp_path / "home"), crm)


def _band(crm: MemoryCrm, customer_id: str) -> object:
    return next(record.get("band") for record in crm.records.values() if record["key"] == customer_id)


def _push(context: Context) -> None:
    sync_crm(context, "call", connector="crm", options=SyncOptions(is_forced=True))


def test_an_objection_keeps_a_customer_off_every_list_from_that_moment_on(here: Context, crm: MemoryCrm) -> None:
    assert object_to_marketing(here, ON_LIST, who="test").is_new
    _push(here)
    held = {record["key"] for record in crm.records.values()}
    assert OTHER in held
    assert ON_LIST not in held


def test_an_objection_empties_the_record_of_one_customer_and_no_other(here: Context, crm: MemoryCrm) -> None:
    _push(here)
    assert _band(crm, ON_LIST) == "critical"
    found = object_to_marketing(here, ON_LIST, who="test")
    assert [(one.campaign, one.error) for one in found.withdrawals] == [("call", None)]
    assert _band(crm, ON_LIST) in {None, ""}
    assert _band(crm, OTHER) == "critical"
    assert destinations(here) == [("call", "crm")]  # the campaign itself was not withdrawn
    _push(here)
    assert _band(crm, ON_LIST) in {None, ""}
    assert not object_to_marketing(here, ON_LIST, who="test").is_new


def test_an_objection_counts_for_the_plan_of_a_campaign(here: Context) -> None:
    object_to_marketing(here, ON_LIST, who="test")
    with here.open_store() as store:
        assert store.privacy.objected() == [ON_LIST]
        assert store.privacy.requests(ON_LIST)[0].state == "done"
        assert all(ON_LIST not in entry.subject for entry in store.requests.audited())


def test_a_system_that_does_not_answer_is_tried_again_until_the_record_is_empty(here: Context, crm: MemoryCrm) -> None:
    _push(here)
    down = replace(here, open_connector=lambda _name: DownCrm())
    found = object_to_marketing(down, ON_LIST, who="test")
    assert [one.campaign for one in found.waiting] == ["call"]
    assert finish_requests(down, who="test") == {"finished": 0, "waiting": 1}
    assert finish_requests(here, who="test") == {"finished": 1, "waiting": 0}
    assert _band(crm, ON_LIST) in {None, ""}
    assert finish_requests(here, who="test") == {"finished": 0, "waiting": 0}


def test_an_erasure_keeps_only_what_it_needs_while_a_system_is_down(here: Context, crm: MemoryCrm) -> None:
    _push(here)
    found = erase_customer(replace(here, open_connector=lambda _name: DownCrm()), ON_LIST, who="test")
    assert found.document()["state"] == "waiting"
    with here.open_store() as store:
        assert set(store.privacy.rows_of(ON_LIST)) == {"crm_records", "crm_ids"}
        assert store.privacy.erased_at(ON_LIST) is not None
    assert finish_requests(here, who="test") == {"finished": 1, "waiting": 0}
    assert _band(crm, ON_LIST) in {None, ""}
    with here.open_store() as store:
        assert store.privacy.rows_of(ON_LIST) == {}
        assert {one.customer_id for one in store.privacy.requests(ON_LIST)} == {None}


def test_the_commands_say_what_they_did_and_end_with_6_while_a_system_is_down(
    here: Context, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _push(here)
    contexts = [here]
    monkeypatch.setattr(churn.cli.common, "build_context", lambda **_options: contexts[-1])
    monkeypatch.setenv("COLUMNS", "160")

    def run(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(build_app(), ["privacy", *arguments])
        assert done.exit_code == code, done.output
        return done.output

    assert "scores" in run("export", ON_LIST, "--out", str(tmp_path / "held.json"))
    assert (tmp_path / "held.json").stat().st_mode & 0o077 == 0
    assert "Say --yes" in run("erase", ON_LIST, code=2)
    contexts.append(replace(here, open_connector=lambda _name: DownCrm()))
    assert "Still on call in crm" in run("object", ON_LIST, code=6)
    assert "Still on call in crm" in run("erase", ON_LIST, "--yes", code=6)
    contexts.append(here)
    assert "Taken off call in crm" in run("erase", ON_LIST, "--yes")
    assert "nothing is held" in run("export", ON_LIST, code=3)
    assert "is not a customer's id" in run("object", "", code=2)
    assert "c99" in run("erase", "c06", "c99", "--yes", code=3)
    assert (
        run("erase", "c06", "c07", "--yes").count("staging.customers") == 2
    )  # nothing of c06 went while one was unknown


def with_addresses(context: Context, addresses: dict[str, str]) -> None:
    with context.open_warehouse("test") as warehouse:
        frame = warehouse.frame("select * from staging.customers")
        emails = [addresses.get(customer) for customer in frame["customer_id"]]
        warehouse.write("staging.customers", frame.with_columns(pl.Series("email", emails, dtype=pl.String)))


LISTS = {
    "a mailing tool's": "Email Address,Channel,Reason\nANN@x.org,email,unsubscribed\nann@x.org,sms,stop\n bob@x.org ,email,bounce\nno@body.org,email,x\n",
    "in German": "E-Mail;Grund\nAnn@X.org;abgemeldet\nbob@x.org;\nno@body.org;x\n",
    "addresses": "ann@x.org\nbob@x.org\nno@body.org\n",
    "addresses below their name": "email\nann@x.org\nbob@x.org\nno@body.org\n",
    "ids and addresses": "c02\nc03\nbob@x.org\nno@body.org\n",
    "a table with ids too": "email,customer_id\nother@x.org,c02\n,c03\n,c04\n,no@body.org\n",
}


@pytest.mark.parametrize("text", LISTS.values(), ids=LISTS)
def test_everybody_on_a_list_objects_by_id_or_address(here: Context, crm: MemoryCrm, tmp_path: Path, text: str) -> None:
    with_addresses(here, {"c02": "Ann@x.org", "c03": "ann@x.org", "c04": "bob@x.org"})
    _push(here)
    path = tmp_path / "unsubscribed.csv"
    path.write_text(text, encoding="utf-8")
    result = object_by_list(here, path, who="test")
    assert sorted(objection.customer_id for objection in result.objected) == ["c02", "c03", "c04"]
    assert (result.known, result.strangers, result.waiting) == (0, 1, 0)
    assert {_band(crm, customer) for customer in ("c02", "c03", "c04")} <= {None, ""}
    again = object_by_list(here, path, who="test")
    assert (len(again.objected), again.known, again.strangers) == (0, 3, 1)


@pytest.mark.parametrize(
    ("text", "what"),
    [("", "names nobody"), ("email,reason\n", "names nobody"), ("name,reason\nAnn,x\n", "none of its columns")],
)
def test_a_file_that_names_nobody_is_no_list_of_objections(here: Context, tmp_path: Path, text: str, what: str) -> None:
    path = tmp_path / "unsubscribed.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=what):
        object_by_list(here, path, who="test")
    with pytest.raises(ConfigError, match="cannot be read"):
        object_by_list(here, tmp_path / "nowhere.csv", who="test")


def test_the_command_takes_one_customer_or_a_list(here: Context, tmp_path: Path) -> None:
    with_addresses(here, {"c02": "ann@x.org"})
    path = tmp_path / "unsubscribed.txt"
    path.write_text("ann@x.org\nno@body.org\n", encoding="utf-8")
    home = ["--home", str(here.settings.home)]
    ran = CliRunner().invoke(build_app(), ["privacy", "object", "--from", str(path), *home])
    assert ran.exit_code == 0, ran.output
    assert "2 on the list. New objections: 1; known before: 0." in ran.output
    assert "Addresses of no customer: 1." in ran.output
    for arguments in ([], ["c02", "--from", str(path)]):
        assert CliRunner().invoke(build_app(), ["privacy", "object", *arguments, *home]).exit_code == 2
    with here.open_store() as store:
        assert store.privacy.objected() == ["c02"]
