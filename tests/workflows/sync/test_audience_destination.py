from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from churn.bootstrap import build_context
from churn.config import Settings
from churn.context import Context
from churn.errors import ConfigError, DataError
from churn.workflows.sync import SyncOptions, SyncResult, sync_crm, withdraw_campaign
from tests.crm.homes import CAMPAIGN, NOW, build

MAPPED = CAMPAIGN.partition("[crm]")[0] + '[crm]\nconnector = "ads"\n'


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Ten customers, the last two held out; c00 objected, c01 never agreed, c02 has no address, c03 and c08 share one."""
    built = build(tmp_path / "home", customers=10, held_out=2)
    campaign(built, MAPPED)
    change(built, "alter table staging.customers add column email varchar")
    change(
        built, "update staging.customers set email = upper(customer_id) || '@Example.com' where customer_id <> 'c02'"
    )
    change(built, "update staging.customers set email = 'both@example.com' where customer_id in ('c03', 'c08')")
    return built


def campaign(home: Path, text: str) -> None:
    (home / "campaigns" / "call.toml").write_text(text, encoding="utf-8")


def change(home: Path, sql: str) -> None:
    with opened(home).open_warehouse("test") as warehouse:
        warehouse.execute(sql)


def opened(home: Path, **section: str) -> Context:
    ads = {"kind": "file", "audience": "google"} | section
    return build_context(settings=Settings.model_validate({"home": home, "connectors": {"ads": ads}}))


def pushed(home: Path, minutes: int = 0, **options: bool) -> SyncResult:
    context = replace(opened(home), clock=lambda: NOW + timedelta(minutes=minutes))
    return sync_crm(context, "call", options=SyncOptions(is_forced=True, **options))


def hash_of(customer: str) -> str:
    return hashlib.sha256(f"{customer}@example.com".encode()).hexdigest()


def audience(home: Path) -> list[str]:
    column, *hashes = (home / "lists" / "ads.csv").read_text().split()
    assert column == "Email"
    return hashes


def test_the_file_has_hashes_alone_and_only_of_those_who_agreed_and_have_an_address_of_their_own(home: Path) -> None:
    result = pushed(home)
    assert audience(home) == sorted(hash_of(f"c0{n}") for n in range(4, 8))
    assert result.report.counts["created"] == 4
    assert result.left_out == {
        "in the holdout": 2,
        "objected": 1,
        "without consent": 1,
        "without an e-mail address of their own": 2,
    }
    assert [path.name for path in (home / "lists").iterdir()] == ["ads.csv"]
    before = (home / "lists" / "ads.csv").read_bytes()
    assert pushed(home, 1).report.counts["unchanged"] == 4
    assert (home / "lists" / "ads.csv").read_bytes() == before


def test_who_takes_consent_back_leaves_and_a_new_address_takes_the_place_of_the_old(home: Path) -> None:
    pushed(home)
    change(home, "update staging.customers set marketing_consent = false where customer_id = 'c04'")
    change(home, "update staging.customers set email = 'new@example.com' where customer_id = 'c05'")
    result = pushed(home, 1)
    assert (result.report.counts["cleared"], result.report.counts["updated"]) == (1, 1)
    assert audience(home) == sorted([hash_of("new"), hash_of("c06"), hash_of("c07")])
    assert result.report.refused == 0


def test_a_withdrawal_empties_the_audience(home: Path) -> None:
    pushed(home)
    withdraw_campaign(opened(home), "call", "ads")
    assert audience(home) == []


def test_a_dry_run_writes_nothing(home: Path) -> None:
    assert pushed(home, is_dry=True).report.preview is not None
    assert not (home / "lists" / "ads.csv").exists()


@pytest.mark.parametrize(
    ("fields", "section", "words"),
    [
        ('{ email_sha256 = "Email", risk_band = "band" }', {}, "not `risk_band`"),
        ('{ email_sha256 = "Email" }', {"audience": None}, "audiences alone"),
    ],
)
def test_hashes_go_into_audiences_and_audiences_hold_nothing_else(
    home: Path, fields: str, section: dict[str, str], words: str
) -> None:
    campaign(home, f"{MAPPED}fields = {fields}\n")
    with pytest.raises(ConfigError, match=words):
        sync_crm(opened(home, **section), "call", options=SyncOptions(is_forced=True))


def test_a_file_that_is_no_audience_is_left_alone(home: Path) -> None:
    (home / "lists").mkdir()
    (home / "lists" / "ads.csv").write_text("customer_id,band\nc1,high\n", encoding="utf-8")
    with pytest.raises(DataError, match="not an audience of ours"):
        pushed(home)
    assert "c1,high" in (home / "lists" / "ads.csv").read_text()
