"""`churn outcomes` and `churn measure` as their user types them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import churn.cli.common
from churn.cli import build_app
from tests.workflows.measure.campaign_world import NOW, company, context, customers, plan


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    plan(tmp_path, customers(200))
    here = context(tmp_path, company(leaves=lambda n: n % 5 == 0 or n % 4 == 1))
    monkeypatch.setattr(churn.cli.common, "build_context", lambda **_options: here)
    monkeypatch.setenv("COLUMNS", "160")
    app = build_app()

    def invoke(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, list(arguments))
        assert done.exit_code == code, done.output
        return done.stdout if code == 0 else done.output

    return invoke


@pytest.fixture
def told(tmp_path: Path) -> str:
    path = tmp_path / "told.csv"
    path.write_text(
        "customer_id,campaign,event_id,kind,occurred_at\n"
        "c001,support_call,e1,contacted,2024-06-03 09:00\n"
        "zz,support_call,e2,contacted,2024-06-03 09:00\n"
        "c002,support_call,e3,phoned,2024-06-03 09:00\n"
    )
    return str(path)


def test_outcomes_are_imported_listed_and_the_rejected_shown(run: Callable[..., str], told: str) -> None:
    text = run("outcomes", "import", told)
    assert "3 events of file:told.csv" in text
    assert "1 about nobody assigned" in text
    assert "unknown kind" in text
    assert "about nobody in that campaign" in text.lower()
    listed = run("outcomes", "list")
    assert "support_call" in listed
    assert "1 rows could not be taken" in listed
    assert "is of the unknown kind phoned" in run("outcomes", "rejected")


def test_the_documents_of_outcomes_are_one_each_and_nothing_else(
    run: Callable[..., str], told: str, tmp_path: Path
) -> None:
    found = json.loads(run("outcomes", "import", told, "--json"))
    assert (found["new"], found["unmatched"], found["rejected"]) == (2, 1, 1)
    assert json.loads(run("outcomes", "list", "--json"))["counts"][0]["events"] == 2
    out = tmp_path / "rejected.csv"
    document = json.loads(run("outcomes", "rejected", "--out", str(out), "--json"))
    assert (document["rejected"], document["file"]) == (1, str(out))
    assert out.read_text().startswith("customer_id,campaign,event_id,kind,occurred_at,reason")


def test_before_anything_was_told_the_next_step_is_named(run: Callable[..., str]) -> None:
    assert "churn outcomes import" in run("outcomes", "list")
    assert "Every outcome could be taken" in run("outcomes", "rejected")


def test_a_file_that_is_not_there_ends_with_exit_code_2_and_an_unreadable_one_with_3(
    run: Callable[..., str], tmp_path: Path
) -> None:
    run("outcomes", "import", "nothing.csv", code=2)
    (tmp_path / "empty.csv").write_text("")
    error = json.loads(run("outcomes", "import", str(tmp_path / "empty.csv"), "--json", code=3))["error"]
    assert error["code"] == "ContractBroken"
    assert "empty.csv" in error["where"]


def test_a_connector_that_nobody_configured_is_named(run: Callable[..., str]) -> None:
    assert "nowhere" in run("outcomes", "pull", "nowhere", code=2)


def test_a_measurement_reads_from_the_words_to_the_figures(run: Callable[..., str], tmp_path: Path) -> None:
    page = tmp_path / "m.html"
    text = run("measure", "support_call", "--out", str(page))
    assert text.startswith("Of 160 customers chosen for contact, 40 left (25.0 %); of 40 like them left alone, 40 did")
    assert text.index("Save ledger") < text.index("Churn avoided, in points") < text.index("net profit")
    assert f"Wrote {page}" in text
    assert page.read_text().startswith("<!doctype html>")


def test_the_document_of_a_measurement_is_that_of_the_store(run: Callable[..., str]) -> None:
    document: dict[str, Any] = json.loads(run("measure", "support_call", "--json"))
    assert (document["verdict"], document["measurement_id"], document["file"]) == ("works", 1, None)
    assert document["measured_at"] == NOW.isoformat(timespec="seconds")
    ledger = json.loads(run("measure", "--json"))["campaigns"]
    assert [(row["campaign"], row["verdict"]) for row in ledger] == [("support_call", "works")]


def test_the_ledger_is_shown_without_a_campaign(run: Callable[..., str]) -> None:
    assert "not measured" in run("measure")
    run("measure", "support_call", "--quiet")
    assert "works" in run("measure")
    assert "not in it" not in run("measure")


def test_the_ledger_begins_with_the_alarms_still_open(run: Callable[..., str], tmp_path: Path) -> None:
    with context(tmp_path, company(1, leaves=bool)).open_store() as store:
        store.alerts.raise_("campaign_harms", "support_call", "critical", "STOP: it harms.", NOW)
    assert run("measure").startswith("!! STOP: it harms.")
    assert json.loads(run("measure", "--json"))["alarms"] == [
        {"campaign": "support_call", "message": "STOP: it harms."}
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("measure", "nothing"), "never planned"),
        (("measure", "--so-far"), "name a campaign"),
        (("measure", "support_call", "--out", "m.pdf"), "Use .html, .json, .csv or .xlsx"),
    ],
)
def test_what_cannot_be_measured_ends_with_exit_code_2(
    run: Callable[..., str], arguments: tuple[str, ...], words: str
) -> None:
    assert words in run(*arguments, code=2)
