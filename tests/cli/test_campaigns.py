"""The commands of campaigns as a user runs them: documents, files, exit codes."""

from __future__ import annotations

import json

import polars as pl
import pytest
from typer.testing import CliRunner

from churn.cli import build_app
from tests.workflows.plan.keeping import keep_in
from tests.workflows.plan.town import PLAIN, Town, customer


@pytest.fixture
def run(town, monkeypatch):
    """Run `churn ...` in the town's home within this process."""
    monkeypatch.chdir(town.home)
    monkeypatch.setenv("COLUMNS", "160")

    def call(*arguments: str, code: int = 0):
        done = CliRunner().invoke(build_app(), [*arguments, "--home", str(town.home)])
        assert done.exit_code == code, f"{done.exit_code}\n{done.output}"
        return done

    return call


def document(done):
    return json.loads(done.stdout)


def test_plan_prints_sentences_and_tables_and_json_prints_the_document_alone(run, town):
    town.campaign("calls")
    told = run("plan", "calls", "--budget", "100", "--dry-run").stdout
    assert told.startswith("Contact 50 of 600 customers for $100: ")
    assert "A dry run: nothing was kept." in told
    assert "in the audience" not in told  # a rule that leaves nobody out is not shown
    found = document(run("plan", "calls", "--budget", "100", "--json"))
    keys = ["campaigns", "eligibility", "allocation", "shadow_prices", "holdout", "power", "expected", "sentences"]
    assert set(keys) <= set(found)
    assert found["expected"]["contacts"] == 50
    assert set(found["expected"]) >= {"contacts", "cost", "saves", "profit", "profit_interval"}


@pytest.mark.parametrize("ending", ["csv", "parquet", "json"])
def test_assignments_are_written_with_both_arms_and_safe_for_a_spreadsheet(run, town, ending):
    odd = "=cmd|'calc'"
    ids = [odd if i == 1 else customer(i) for i in range(600)]
    town.publish(customer_id=ids)
    town.campaign("calls", PLAIN.replace("[offer]", "[audience]\nrequires_consent = false\n\n[offer]"))
    out = town.home / "lists" / f"calls.{ending}"
    assert document(run("plan", "calls", "--out", str(out), "--json"))["file"] == str(out)
    if ending == "json":
        rows = pl.DataFrame(json.loads(out.read_text())["assignments"])
    else:
        rows = pl.read_csv(out) if ending == "csv" else pl.read_parquet(out)
    assert set(rows["arm"]) == {"treatment", "holdout"}
    assert rows["campaign"].unique().to_list() == ["calls"]
    assert (f"'{odd}" if ending == "csv" else odd) in rows["customer_id"].to_list()


def test_list_shows_who_is_assigned_and_what_cannot_be_read(run, town):
    town.campaign("calls")
    run("plan", "calls", "--quiet")
    town.campaign("broken", "[campaign]\n")
    rows = {row["name"]: row for row in document(run("campaigns", "list", "--json"))["campaigns"]}
    assert set(rows) == {"broken", "calls", "fix_payment", "price_incentive", "support_call"}
    assert rows["calls"]["treatment"] > rows["calls"]["holdout"] > 0
    assert not rows["calls"]["is_changed_since"]
    assert "broken.toml:1: the key `campaign.title` is missing" in rows["broken"]["error"]
    town.campaign("calls", PLAIN.replace("Call them", "Call them soon"))
    assert "changed since" in run("campaigns", "list").stdout


def test_show_gives_the_definition_and_the_plans(run, town):
    town.campaign("calls")
    run("plan", "calls", "--quiet")
    found = document(run("campaigns", "show", "calls", "--json"))
    assert found["definition"]["offer"]["contact_cost"] == 2.0
    assert [plan["is_same_definition"] for plan in found["plans"]] == [True]
    assert "success_rate_expected" in run("campaigns", "show", "calls").stdout
    assert "Did you mean `calls`?" in run("campaigns", "show", "cals", code=2).output


def test_validate_finds_everything_with_file_line_and_remedy(run, town):
    assert "nothing wrong" in run("campaigns", "validate").stdout
    town.campaign("one", PLAIN.replace("contact_cost = 2", "contact_cost = -2\nchanel = 'x'"))
    town.campaign("two", PLAIN.replace("[offer]", '[audience]\nfilter = "has_unpaid_bil; drop"\n\n[offer]'))
    town.campaign("three", PLAIN + '\n[crm]\nconnector = "crm"\n')
    told = document(run("campaigns", "validate", "--json", code=2))
    assert not told["is_valid"]
    found = [(c["campaign"], c["line"]) for c in told["complaints"]]
    assert found == [("one", 8), ("one", 9), ("three", 19), ("two", 7)]
    assert all(c["remedy"] for c in told["complaints"])
    lines = run("campaigns", "validate", "two", code=2).stdout.splitlines()
    assert len(lines) == 1
    assert "two.toml:7: a filter is one condition, without a semicolon" in lines[0]


def test_check_reads_the_campaigns_too(run, town):
    town.settings.warehouse_path.unlink()  # the town has no raw tables, which the quality rules would read
    assert document(run("check", "--json"))["campaigns"]["complaints"] == []
    town.campaign("wrong", PLAIN.replace("title", "titel"))
    found = document(run("check", "--json", code=2))
    assert [c["campaign"] for c in found["campaigns"]["complaints"]] == ["wrong", "wrong"]


def test_init_writes_settings_and_the_campaigns_that_ship(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHURN_HOME", raising=False)
    (tmp_path / ".churn" / "campaigns").mkdir(parents=True)
    (tmp_path / ".churn" / "campaigns" / "fix_payment.toml").write_text("mine")
    found = document(CliRunner().invoke(build_app(), ["init", "--json"]))["files"]
    assert sorted(found["campaigns"]) == ["price_incentive", "support_call"]
    assert (tmp_path / ".churn" / "campaigns" / "fix_payment.toml").read_text() == "mine"
    assert (tmp_path / "churn.toml").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("plan",), 2, "name a campaign"),
        (("plan", "calls", "--all"), 2, "not both"),
        (("plan", "calls", "--budget", "0"), 2, "a budget of 0 contacts nobody"),
        (("plan", "calls", "--budget", "-1"), 2, "less than nothing"),
        (("plan", "calls", "--date", "tomorrow"), 2, "is not a date"),
        (("plan", "calls", "--date", "2020-01-01"), 3, "was never scored"),
        (("plan", "calls", "--out", "x.pdf"), 2, "cannot write `.pdf`"),
        (("campaigns", "validate", "nowhere"), 2, "no campaign `nowhere`"),
    ],
)
def test_wrong_usage_says_what_to_do(run, town, arguments, code, says):
    town.campaign("calls")
    assert says in run(*arguments, code=code).output


def test_all_campaigns_are_planned_together(run, town):
    town.campaign("calls")
    found = document(run("plan", "--all", "--dry-run", "--json"))
    assert [c["name"] for c in found["campaigns"]] == ["calls", "fix_payment", "price_incentive", "support_call"]


def test_a_source_that_a_campaign_needs_and_that_is_not_declared_is_named(town):
    from churn.workflows.define import validate_campaigns

    named = Town(town.home, sources={"customers": {"path": "c.csv"}, "subscriptions": {"path": "s.csv"}})
    named.campaign("calls", PLAIN + '\n[audience]\nfilter = "has_unpaid_bill or customer_time_in_months > 3"\n')
    (complaint,) = validate_campaigns(named.context, ["calls"]).complaints
    assert complaint.what == "`has_unpaid_bill` is made of the source `payments`, which churn.toml does not declare"
    assert complaint.line > 0
    assert "[sources.payments]" in complaint.remedy
    assert validate_campaigns(town.context, ["calls"]).complaints == []


@pytest.mark.parametrize(
    ("term", "wrong"),
    [
        ("case when has_unpaid_bill then 2 else 1 end", ""),
        ("has_unpaid_bill", "not a number"),
        ("plan", "not a number"),
    ],
)
def test_a_term_that_gives_no_number_is_named_before_anybody_plans(town, term, wrong):
    from churn.workflows.define import validate_campaigns

    town.campaign("calls", PLAIN.replace("contact_cost = 2", f'contact_cost = "{term}"'))
    complaints = validate_campaigns(town.context, ["calls"]).complaints
    assert [wrong in complaint.what for complaint in complaints] == ([True] if wrong else [])


def test_campaigns_are_shown_beside_each_other_where_one_has_terms_of_its_own_for_each_customer(run, town):
    term = 'contact_cost = "case when has_unpaid_bill then null else 2 end"'
    town.campaign("calls", PLAIN.replace("contact_cost = 2", term))
    town.campaign("mails", PLAIN)
    for names in (("calls", "mails"), ("mails", "calls")):
        shown = run("plan", *names, "--dry-run").output
        row = next(text for text in shown.splitlines() if "is not known" in text)
        figures = [int(word) for word in row.split() if word.isdigit()]
        assert min(figures) == 0
        assert max(figures) > 0


def test_a_connector_that_is_declared_is_known(town):
    from churn.workflows.define import validate_campaigns

    settings = {"connectors": {"crm": {"kind": "file", "path": "out"}}}
    town = Town(town.home, **settings)
    town.campaign("calls", PLAIN + '\n[crm]\nconnector = "cmr"\n')
    complaint = validate_campaigns(town.context, ["calls"]).complaints[0]
    assert complaint.remedy == "Did you mean `crm`?"


def test_a_campaign_and_a_programme_are_archived_and_brought_back(run, town):
    keep_in(town)
    assert "competes in `keep`" in run("campaigns", "archive", "call", code=2).output
    told = document(run("programmes", "archive", "keep", "--why", "over", "--json"))
    assert document(run("programmes", "list", "--json")) == {"programmes": []}
    assert [row["archived"] for row in document(run("programmes", "list", "--archived", "--json"))["programmes"]] == [
        told["archived"]
    ]
    assert "is archived since" in run("campaigns", "archive", "call").stdout
    assert "is archived since" in run("plan", "call", code=2).output
    assert [row["name"] for row in document(run("campaigns", "list", "--archived", "--json"))["campaigns"]] == ["call"]
    assert "`call` is back." in run("campaigns", "restore", "call").stdout
    assert "`call` is not archived." in run("campaigns", "restore", "call").stdout
    assert document(run("programmes", "restore", "keep", "--json"))["is_changed"]
