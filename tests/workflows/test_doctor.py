"""`churn doctor` looks at everything, says of each whether it is well and what mends it, and stops at nothing."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from churn import resources
from churn.bootstrap import build_context
from churn.cli import build_app
from churn.config import load_settings
from churn.context import Context
from churn.views.open_files import open_files
from churn.warehouse.lock import locked
from churn.workflows import doctor
from churn.workflows.doctor import Diagnosis, diagnose
from tests.company import Company, copy_home


def context_of(folder: Path, text: str, home: Path | None = None) -> Context:
    (folder / "churn.toml").write_text(text, encoding="utf-8")
    return build_context(settings=load_settings(config=folder / "churn.toml", home=home or folder / "home", environ={}))


def by_subject(context: Context) -> dict[str, Diagnosis]:
    return {diagnosis.subject: diagnosis for diagnosis in diagnose(context)}


def levels(context: Context) -> dict[str, str]:
    return {subject: diagnosis.level for subject, diagnosis in by_subject(context).items()}


def test_of_a_company_that_works_only_the_scheduler_is_missing(finished_company: Company, tmp_path: Path) -> None:
    home = copy_home(finished_company.home, tmp_path / "home")
    context = build_context(settings=load_settings(config=home / "churn.toml", home=home, environ={}))
    told = levels(context)
    assert told.pop("jobs") == "look"
    told.pop("home", None)  # the tests' own umask
    told.pop("disk")  # the machine's own
    assert {subject for subject, level in told.items() if level == "mend"} <= {"alert"}
    assert {"machine", "warehouse", "store", "campaigns", "model", "list"} <= told.keys()
    assert told["model"] == told["list"] == told["warehouse"] == "ok"


def test_folders_of_scores_and_models_are_closed_to_others(finished_company: Company) -> None:
    home = finished_company.home
    folders = {path.name for path in open_files(home) if path.is_dir() and path.parent.name in {"models", "serving"}}
    assert {name for name in folders if name[:2] == "20"} == set()


def test_an_empty_home_is_told_where_to_begin(tmp_path: Path) -> None:
    told = by_subject(context_of(tmp_path, ""))
    assert told["sources"].level == "mend"
    assert "churn init" in told["sources"].remedy
    assert (told["model"].level, told["list"].level) == ("look", "look")


def test_each_source_is_looked_for(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("customer_id\n1\n", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with socket.create_server(("127.0.0.1", 0)) as closed:
            shut = closed.getsockname()[1]
        text = (
            '[sources.customers]\npath = "c.csv"\n[sources.sessions]\npath = "s-*.csv"\n'
            f'[sources.payments]\ndsn = "postgresql://me@127.0.0.1:{port}/x"\nquery = "select 1"\n'
            f'[sources.contacts]\nurl = "http://127.0.0.1:{shut}/rows"\n'
        )
        told = by_subject(context_of(tmp_path, text))
    assert told["source customers"] == Diagnosis("source customers", "ok", "1 file, 0.0 MB")
    assert (told["source sessions"].level, "that the export ran" in told["source sessions"].remedy) == ("mend", True)
    assert told["source payments"].seen == "127.0.0.1 takes connections"
    assert told["source contacts"].level == "mend"


def test_a_busy_warehouse_a_broken_campaign_and_a_connector_without_secret_stop_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "campaigns").mkdir(parents=True)
    (home / "campaigns" / "odd.toml").write_text("[campaign]\n", encoding="utf-8")
    (home / "warehouse.duckdb").touch()
    context = context_of(tmp_path, '[connectors.crm]\nkind = "hubspot"\nurl = "http://127.0.0.1:9"\n')
    with locked(home / "warehouse.duckdb", "churn refresh"):
        told = by_subject(context)
    assert (told["warehouse"].level, "churn refresh" in told["warehouse"].seen) == ("look", True)
    assert (told["campaign odd"].level, "title" in told["campaign odd"].remedy) == ("mend", True)
    assert told["connector crm"].level == "mend"


def test_a_campaign_that_ships_waits_for_its_source_and_one_that_was_changed_is_to_be_mended(tmp_path: Path) -> None:
    """After `churn init` over an export without tickets or payments nothing is wrong yet."""
    (tmp_path / "c.csv").write_text("customer_id\n1\n", encoding="utf-8")
    own = tmp_path / "home" / "campaigns"
    own.mkdir(parents=True)
    shipped = (resources.bundled("campaigns") / "support_call.toml").read_text(encoding="utf-8")
    (own / "support_call.toml").write_text(shipped, encoding="utf-8")
    (own / "my_call.toml").write_text(shipped.replace("Support", "My"), encoding="utf-8")
    told = by_subject(context_of(tmp_path, '[sources.customers]\npath = "c.csv"\n'))
    ours, theirs = told["campaign my_call"], told["campaign support_call"]
    assert (theirs.level, ours.level) == ("look", "mend")
    assert "support_tickets" in theirs.seen
    assert "support_tickets" in ours.seen


def test_too_much_memory_for_the_machine_is_told(tmp_path: Path) -> None:
    assert levels(context_of(tmp_path, '[resources]\nmemory_limit = "9000 GB"\n'))["machine"] == "look"


def test_a_disk_with_hardly_any_room_is_to_be_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = doctor.shutil.disk_usage
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: real(path)._replace(free=10_000_000))
    context = context_of(tmp_path, "")
    (tmp_path / "home").mkdir(exist_ok=True)
    assert levels(replace(context))["disk"] == "mend"


def test_the_command_ends_with_1_where_something_is_to_be_mended(tmp_path: Path) -> None:
    (tmp_path / "churn.toml").write_text("", encoding="utf-8")
    arguments = ["doctor", "--home", str(tmp_path / "home"), "--config", str(tmp_path / "churn.toml")]
    done = CliRunner().invoke(build_app(), arguments)
    assert done.exit_code == 1
    assert "none is declared" in done.output
