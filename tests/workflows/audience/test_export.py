from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from churn.cli import build_app
from churn.context import Context
from churn.errors import CampaignError, ConfigError, QualityBlocked
from churn.workflows.audience import export_audience
from tests.crm.homes import build, context_of, publish
from tests.crm.memory import MemoryCrm


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Ten customers, the last two held out; c00 objected, c01 never agreed, c02 has no address."""
    built = build(tmp_path / "home", customers=10, held_out=2)
    context = opened(built)
    with context.open_warehouse("test") as warehouse:
        warehouse.execute("alter table staging.customers add column email varchar")
        warehouse.execute(
            "update staging.customers set email = upper(customer_id) || '@Example.com' where customer_id <> 'c02'"
        )
    return built


def opened(home: Path) -> Context:
    return context_of(home, MemoryCrm(batch_size=10))


def hash_of(customer: str) -> str:
    return hashlib.sha256(f"{customer}@example.com".encode()).hexdigest()


def test_a_campaigns_audience_holds_whom_it_may_contact_and_nobody_of_the_holdout(home):
    out = home / "out.csv"
    written = export_audience(opened(home), "call", "google", out)
    column, *hashes = out.read_text().split()
    assert column == "Email"
    assert hashes == sorted(hash_of(f"c{n:02d}") for n in range(3, 8))
    assert (written.customers, written.hashes) == (6, 5)
    assert written.left_out == {
        "in the holdout": 2,
        "objected": 1,
        "without consent": 1,
        "without an e-mail address of their own": 1,
    }
    with opened(home).open_store() as store:
        (entry,) = store.requests.audited(action="export_audience")
    assert entry.subject == "call for google"


def test_the_risk_list_goes_with_those_who_agreed_alone(home):
    out = home / "out.csv"
    assert export_audience(opened(home), None, "meta", out, bands=("critical",)).hashes == 7
    assert out.read_text().split()[0] == "email"
    with pytest.raises(CampaignError, match="nobody on the list"):
        export_audience(opened(home), None, "meta", out, bands=("low",))


def test_a_stale_list_an_unknown_platform_and_another_ending_are_refused(home):
    with pytest.raises(ConfigError, match="google, meta, linkedin"):
        export_audience(opened(home), None, "myspace", home / "out.csv")
    with pytest.raises(ConfigError, match="cannot write"):
        export_audience(opened(home), None, "meta", home / "out.xlsx")
    publish(opened(home), [f"c{n:02d}" for n in range(10)], 0.5, run_id="s2", is_stale=True, stale_reason="a rule")
    with pytest.raises(QualityBlocked, match="stale"):
        export_audience(opened(home), None, "meta", home / "out.csv")
    assert export_audience(opened(home), None, "meta", home / "out.csv", is_forced=True).hashes == 7


def test_the_command_says_what_it_wrote(home):
    arguments = ["audience", "call", "--for", "linkedin", "--out", str(home / "a.csv"), "--home", str(home), "--json"]
    result = CliRunner().invoke(build_app(), arguments)
    assert result.exit_code == 0, result.output
    assert '"hashes": 5' in result.output
