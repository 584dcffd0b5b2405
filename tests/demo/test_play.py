"""The company played forward: every customer meets the outcome the truth holds, as the product's own label sees it."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from churn.config import ResourceSettings
from churn.demo import OFFERS, PlayedMonth, generate_company, play_month, potential_outcomes, sources_toml
from churn.errors import ConfigError
from churn.snapshots.dataset import build_snapshots, data_cutoff
from churn.snapshots.policy import SnapshotPolicy
from churn.warehouse import load_models, open_warehouse
from churn.warehouse.loading.ingest import ingest
from churn.warehouse.models.build import build
from churn.warehouse.models.checks import run_checks
from tests.demo.measures import load_facts

pytestmark = pytest.mark.xdist_group("played")
FIRST = date(2026, 7, 1)
LATER = datetime(2026, 9, 1)


@dataclass(frozen=True)
class Played:
    folder: Path
    contacts: pl.DataFrame
    month: PlayedMonth


def contacts_of(folder: Path, first: date = FIRST) -> pl.DataFrame:
    """Contact whoever is likely to leave, each with one of the offers."""
    truth = potential_outcomes(folder, first).sort("customer_id").filter(pl.col("p_no_contact") > 0.04)
    offers = pl.Series("offer", [OFFERS[n % 3] for n in range(len(truth))])
    at = datetime(first.year, first.month, first.day, 9)
    return truth.select(
        "customer_id", offers, contacted_at=pl.lit(at), campaign=offers.alias("campaign"), channel=pl.lit("email")
    )


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("start")
    generate_company(folder, customers=6_000, months=5, seed=11, is_playable=True)
    return folder


def playing(start: Path, folder: Path) -> Played:
    shutil.copytree(start, folder)
    contacts = contacts_of(folder)
    return Played(folder, contacts, play_month(folder, contacts))


@pytest.fixture(scope="module")
def played(start: Path, tmp_path_factory: pytest.TempPathFactory) -> Played:
    return playing(start, tmp_path_factory.mktemp("played") / "data")


def sources(folder: Path) -> dict[str, object]:
    import tomllib

    from churn.config import Settings

    names = ("customers", "subscriptions", "payments", "sessions", "support_tickets", "contacts")
    files = SimpleNamespace(files={name: folder / f"{name}*.parquet" for name in names})
    return Settings.model_validate(tomllib.loads(sources_toml(files))).sources  # type: ignore[arg-type,return-value]


@pytest.fixture(scope="module")
def warehouse(start: Path, played: Played):
    """Loaded before the month was played, and again after: as a nightly run would."""
    models = load_models(Path("/nonexistent"))
    folder = played.folder.parent / "landing"
    shutil.copytree(start, folder)
    with open_warehouse(None, holder="test", resources=ResourceSettings()) as opened:
        ingest(opened, sources(folder), now=datetime(2026, 7, 1))
        build(opened, models, schemas=["staging", "totals"])
        for path in played.month.files.values():
            shutil.copy(path, folder)
        loads = ingest(opened, sources(folder), now=LATER)
        assert all(load.files_loaded == 1 for load in loads)
        build(opened, models, schemas=["staging", "totals"])
        yield opened


def labels(warehouse, lead_days: int) -> pl.DataFrame:
    policy = replace(SnapshotPolicy(), lead_days=lead_days)
    models = load_models(Path("/nonexistent"))
    build_snapshots(warehouse, models, policy, [FIRST], data_cutoff=data_cutoff(warehouse))
    return warehouse.frame("select customer_id, has_churned, is_mature from snapshots.labels")


def expected(played: Played) -> pl.DataFrame:
    truth = potential_outcomes(played.folder, FIRST).join(
        played.contacts.select("customer_id", "offer"), on="customer_id", how="left"
    )
    under = [pl.when(pl.col("offer") == name).then(pl.col(f"churn_under_{name}")) for name in OFFERS]
    return truth.select(
        "customer_id", "offer", "is_lost_early", "churn_without_contact",
        leaves=pl.coalesce(*under, "churn_without_contact"),
    )  # fmt: skip


def test_every_customer_meets_the_outcome_that_the_truth_holds_for_the_contact_made(warehouse, played) -> None:
    told, wanted = labels(warehouse, 0), expected(played)
    assert told["is_mature"].all()
    both = told.join(wanted, on="customer_id", how="full")
    strangers = both.filter(pl.col("customer_id").is_null() | pl.col("customer_id_right").is_null())
    assert len(strangers) <= 5  # those who return on the very day
    both = both.drop_nulls(["leaves", "customer_id"])
    assert both["has_churned"].to_list() == both["leaves"].to_list()
    assert both.filter(pl.col("leaves") != pl.col("churn_without_contact")).height > 30


def test_the_label_after_the_lead_holds_the_same_people(warehouse, played) -> None:
    told = labels(warehouse, 2).join(expected(played), on="customer_id")
    early = told.filter("is_lost_early")
    assert len(early) > 3
    assert early["has_churned"].is_null().all()
    rest = told.filter(~pl.col("is_lost_early"))
    assert rest["has_churned"].to_list() == rest["leaves"].to_list()


def test_the_contacted_are_flagged_as_treated(warehouse, played) -> None:
    labels(warehouse, 0)
    treated = warehouse.frame("select customer_id from snapshots.treatments")["customer_id"]
    active = warehouse.frame("select customer_id from snapshots.spine")["customer_id"]
    assert set(treated) == set(played.contacts["customer_id"]) & set(active)


def test_a_new_month_passes_the_quality_checks(warehouse) -> None:
    found = run_checks(warehouse, load_models(Path("/nonexistent")), now=datetime(2026, 8, 9))
    broken = {check.rule for check in found if check.defect_count}
    assert not {check.rule for check in found if check.level == "block"} & broken
    assert broken <= {"rows_are_delivered_once"}


def test_the_month_looks_like_those_before(played: Played) -> None:
    company = SimpleNamespace(
        files={n: played.folder / f"{n}*.parquet" for n in
               ("customers", "subscriptions", "payments", "sessions", "support_tickets")},
        truth=played.folder / "truth.parquet",
    )  # fmt: skip
    facts = load_facts(company)  # type: ignore[arg-type]
    for frame, at in (
        (facts.sessions, "started_at"),
        (facts.payments, "attempted_at"),
        (facts.tickets, "opened_at"),
        (facts.customers, "signed_up_at"),
    ):
        a_day = frame.group_by(pl.col(at).dt.truncate("1d").alias("day")).len()
        june = a_day.filter(pl.col("day").is_between(datetime(2026, 6, 1), datetime(2026, 6, 30)))["len"].sum() / 30
        july = a_day.filter(pl.col("day").is_between(datetime(2026, 7, 2), datetime(2026, 7, 31)))["len"].sum() / 30
        assert july == pytest.approx(june, rel=0.15), at
    assert facts.payments["payment_id"].n_unique() == len(facts.payments)
    unpaid = facts.subscriptions.filter(
        (pl.col("end_reason") == "payment_failure") & (pl.col("ended_at") >= datetime(2026, 7, 10))
    )
    failed = facts.payments.filter(pl.col("status") == "failed").select("customer_id", "attempted_at")
    attempts = (
        unpaid.join(failed, on="customer_id")
        .filter(pl.col("attempted_at").is_between(pl.col("ended_at") - timedelta(days=20), pl.col("ended_at")))
        .group_by("customer_id").len()
    )  # fmt: skip
    assert len(attempts) == len(unpaid) > 5
    assert attempts["len"].median() == 4


def test_whoever_is_silent_after_the_month_is_as_likely_to_leave_as_before(played: Played) -> None:
    sessions = pl.read_parquet(played.folder / "sessions*.parquet").select("customer_id", "started_at")
    shares = []
    for day in (FIRST, played.month.cutoff_date):
        at = datetime(day.year, day.month, day.day)
        last = sessions.filter(pl.col("started_at") < at).group_by("customer_id").agg(pl.col("started_at").max())
        truth = potential_outcomes(played.folder, day).filter(~pl.col("is_lost_early")).join(last, on="customer_id")
        is_silent = truth["started_at"] < at - timedelta(days=14)
        shares.append([truth.filter(chosen)["p_no_contact"].mean() for chosen in (is_silent, ~is_silent)])
    before, after = shares
    assert before[0] > 4 * before[1]
    assert after == pytest.approx(before, rel=0.2)


def test_the_same_state_and_contacts_give_the_same_bytes(start: Path, played: Played, tmp_path: Path) -> None:
    again = playing(start, tmp_path / "data")
    for path in sorted(played.folder.rglob("*.parquet")):
        other = again.folder / path.relative_to(played.folder)
        if path.is_relative_to(played.folder / "state"):
            continue  # another test may have gone on from there
        assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(other.read_bytes()).digest(), path.name


def test_the_month_after_can_be_played_too(start: Path, tmp_path: Path) -> None:
    played = playing(start, tmp_path / "data")
    end = played.month.cutoff_date
    second = play_month(played.folder, contacts_of(played.folder, end))
    assert second.first_date == end == date(2026, 8, 9)
    assert second.outcomes["has_churned"].mean() == pytest.approx(0.083, abs=0.02)
    first_ids = pl.read_parquet(played.month.files["payments"])["payment_id"]
    second_ids = pl.read_parquet(second.files["payments"])["payment_id"]
    assert set(first_ids).isdisjoint(second_ids)


def test_answers_come_after_contacts_and_whoever_was_saved_has_accepted(played: Played) -> None:
    assert played.month.answers is not None
    events = pl.read_csv(played.month.answers)
    assert events["event_id"].n_unique() == len(events)
    kinds = {kind: set(rows["customer_id"]) for (kind,), rows in events.group_by("kind")}
    assert kinds["contacted"] == set(played.contacts["customer_id"])
    wanted = expected(played)
    saved = wanted.filter(pl.col("churn_without_contact") & ~pl.col("leaves"))["customer_id"]
    assert len(saved) > 20
    assert set(saved) <= kinds["accepted"]
    assert kinds["accepted"].isdisjoint(kinds["declined"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"offer": pl.lit("free_lunch")}, "knows no offer free_lunch"),
        ({"contacted_at": pl.lit(datetime(2026, 6, 30))}, "outside the month"),
        ({"customer_id": pl.lit("C0000001")}, "two offers"),
    ],
)
def test_contacts_that_make_no_sense_are_refused(start: Path, change: dict[str, pl.Expr], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        play_month(start, contacts_of(start).with_columns(**change))


def test_without_a_state_there_is_nothing_to_go_on_from(tmp_path: Path) -> None:
    generate_company(tmp_path, customers=300, months=1)
    with pytest.raises(ConfigError, match="holds no state"):
        play_month(tmp_path, contacts_of(tmp_path))
