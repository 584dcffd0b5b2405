"""What pages read of a run beside its scores: written at score time, whole, and without the warehouse afterwards."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from churn.bootstrap import build_context
from churn.config import BusinessSettings, Settings, SimulationSettings, load_settings
from churn.context import Context
from churn.documents.definition import CampaignDefinition, CampaignFile
from churn.documents.reason import RiskReason
from churn.errors import NotFound, ResourceError
from churn.store import ScoreRun
from churn.store.records import CustomerAssignment
from churn.views.advice import Advice, advise, campaign_profit
from churn.views.champion import load_champion
from churn.views.customer import customer_view, last_known, require_features, waterfall
from churn.views.risk_index import Filters, RiskIndexes
from churn.views.risk_list import read_risk_list
from churn.views.risk_search import CSV_HEADER, export_customers, list_customers
from churn.views.serving_files import FEATURES, KEPT_SCORES, history_files, read_summary, run_path, serving_path
from churn.views.what_if import overrides_of, score_mixed, what_if
from churn.workflows.score import score_customers
from churn.workflows.score.serving_writer import prune_serving_files, write_score_history
from tests.company import Company


def context_of(home: Path) -> Context:
    return build_context(settings=load_settings(config=home / "churn.toml", home=home, environ={}))


def folders(home: Path) -> list[str]:
    return sorted(path.name for path in serving_path(home).iterdir() if path.is_dir())


@pytest.fixture(scope="module")
def context(finished_company: Company) -> Context:
    """The finished company, to be read only."""
    return context_of(finished_company.home)


@pytest.fixture(scope="module")
def listed(context: Context) -> list[dict]:
    return read_risk_list(context, top=20).customers


def test_the_summary_adds_up_to_the_list(context):
    with context.open_store() as store:
        run = store.scores.current_run()
        scores = store.scores.current(columns=["risk_band", "is_listed", "churn_probability"])
    summary = read_summary(context.settings.home, run.run_id)
    assert {row.band: row.customers for row in summary.bands} == dict(scores.group_by("risk_band").len().iter_rows())
    assert summary.listed == scores["is_listed"].sum() == sum(row.listed for row in summary.bands)
    assert summary.expected_revenue_loss == pytest.approx(sum(row.expected_revenue_loss for row in summary.bands))
    months = [row.month for row in summary.months]
    assert months == sorted(months)
    assert len(months) <= 18
    for row in summary.months:
        churners = row.voluntary_churners + row.involuntary_churners
        assert row.churn_rate == pytest.approx(churners / row.customers)


def test_a_customer_is_told_from_the_mean_by_the_typical_customer_to_the_probability(context, listed):
    for one in listed:
        view = customer_view(context, one["customer_id"])
        assert view.steps[0].start == view.mean_probability
        if view.steps[0].text == "from the average to a typical customer":
            assert view.steps[0].end == pytest.approx(view.base_probability)
        else:  # too short a way for a bar
            assert view.mean_probability == pytest.approx(view.base_probability, abs=5e-4)
        assert view.steps[-1].end == pytest.approx(view.churn_probability, abs=1.1e-3)
        ends = [step.end for step in view.steps]
        assert [step.start for step in view.steps[1:]] == pytest.approx(ends[:-1])
        assert [row.snapshot_date for row in view.history] == sorted(row.snapshot_date for row in view.history)
        assert view.history[-1].churn_probability == view.churn_probability


def test_the_timeline_knows_nothing_of_later_days(context, listed):
    end = datetime.combine(customer_view(context, listed[0]["customer_id"]).snapshot_date, datetime.min.time())
    seen = set()
    for one in listed:
        view = customer_view(context, one["customer_id"])
        for fact in view.facts:
            seen.add(fact.kind)
            assert end - timedelta(days=366) <= fact.occurred_at < end
            assert fact.ended_at is None or fact.ended_at < end
        assert len(view.usage.days) == 60
        active = sum(day.is_active for day in view.usage.days)
        assert active == view.features.get("active_days_60d", active)
    assert {"payment", "plan"} <= seen


def test_what_the_model_saw_gives_the_published_probability_again(context, listed):
    version, model = load_champion(context)
    rows = [(one["customer_id"], {}) for one in listed]
    found = what_if(context, version, model, rows, with_reasons=False)
    for one, score in zip(listed, found.scores, strict=True):
        assert score.churn_probability == pytest.approx(one["churn_probability"], abs=1e-6)
        assert score.change == 0


def test_an_override_moves_the_score_and_mixes_with_plain_rows(context, listed):
    version, model = load_champion(context)
    name = listed[0]["customer_id"]
    rows = [("x", {"days_since_last_login": 3}, None), (name, None, {"no_such_feature": 1}), ("y", {}, None)]
    found = score_mixed(context, version, model, rows, with_reasons=True)
    assert [score.customer_id for score in found.scores] == ["x", name, "y"]
    assert found.unknown_features == ["no_such_feature"]
    assert found.scores[1].probability_before is not None
    assert found.scores[0].probability_before is None
    with pytest.raises(NotFound, match="not on the current list"):
        score_mixed(context, version, model, [("nobody", None, {})], with_reasons=False)


def test_a_form_changes_only_what_it_says():
    features = {"has_unpaid_bill": True, "open_payment_failures": 2, "open_tickets": 0, "sessions_7d": 4}
    assert overrides_of(features, ["settle"], {"sessions_7d": "4"}) == {
        "has_unpaid_bill": False,
        "open_payment_failures": 0,
    }
    assert overrides_of(features, [], {"sessions_7d": "lots"}) == {}
    with pytest.raises(NotFound):
        overrides_of(features, ["'; drop table"], {})
    with pytest.raises(NotFound):
        overrides_of(features, [], {"__class__": "1"})


def test_a_stranger_is_not_found_and_whoever_has_left_is_remembered(context, listed):
    with pytest.raises(NotFound):
        customer_view(context, "../../etc/passwd")
    assert last_known(context, "nobody") is None
    assert last_known(context, listed[0]["customer_id"]).churn_probability == listed[0]["churn_probability"]


def test_a_home_without_serving_files_still_shows_the_score(company):
    import shutil

    context = context_of(company.home)
    shutil.rmtree(serving_path(company.home))
    name = read_risk_list(context, top=1).customers[0]["customer_id"]
    view = customer_view(context, name)
    assert (view.steps, view.facts, view.usage, view.history) == ([], None, None, [])
    page = list_customers(context, RiskIndexes(company.home), Filters(search=name))
    assert [row["customer_id"] for row in page.customers] == [name]
    with pytest.raises(NotFound, match="not kept"):
        require_features(context, view.run_id, [name])


def test_a_broken_file_says_what_to_do(company):
    context = context_of(company.home)
    one = read_risk_list(context, top=1).customers[0]["customer_id"]
    with context.open_store() as store:
        folder = run_path(company.home, store.scores.current_run().run_id)
    (folder / "features.parquet").write_bytes(b"PAR1 broken")
    with pytest.raises(ResourceError, match="churn score"):
        customer_view(context, one)


def test_scoring_again_keeps_two_runs_and_a_date_of_the_past_changes_nothing_in_use(company):
    context = context_of(company.home)
    with context.open_store() as store:
        run = store.scores.current_run()
    before = folders(company.home)
    score_customers(context, snapshot_date=run.snapshot_date - timedelta(days=3))
    assert folders(company.home) == before
    assert f"{run.snapshot_date - timedelta(days=3)}.parquet" in {path.name for path in history_files(company.home)}
    with context.open_store() as store:
        for number in range(2):
            later = ScoreRun(**{**vars(run), "run_id": f"later-{number}", "scored_at": datetime(2100, 1, 1 + number)})
            store.scores.publish(later, store.scores.current())
            run_path(company.home, later.run_id).mkdir()
    prune_serving_files(context)
    assert folders(company.home) == ["history", "later-0", "later-1"]


def test_history_keeps_the_newest_runs_and_one_of_each_month_before(tmp_path):
    context = context_of_empty(tmp_path)
    frame = pl.DataFrame({"customer_id": ["a"], "churn_probability": [0.5], "risk_band": ["high"]})
    days = [date(2025, 1, 1) + timedelta(days=n) for n in range(100)]
    for day in days:
        write_score_history(context, frame, "v", day)
    kept = {date.fromisoformat(path.stem) for path in history_files(tmp_path)}
    assert set(days[-KEPT_SCORES:]) <= kept
    assert kept - set(days[-KEPT_SCORES:]) == {date(2025, 1, 31), date(2025, 2, 28)}


def context_of_empty(home: Path) -> Context:
    return build_context(settings=load_settings(home=home, environ={}))


def test_the_export_holds_everybody_who_matches_and_no_formula(context):
    rows = "".join(
        export_customers(
            context, RiskIndexes(context.settings.home), Filters(is_listed=True), order="change", descending=True
        )
    ).splitlines()
    assert rows[0] == ",".join(CSV_HEADER)
    assert len(rows) - 1 == read_risk_list(context).count
    empty = export_customers(context, RiskIndexes(Path("/x")), Filters(search="?"), order="change", descending=True)
    assert len(list(empty)) == 1


def test_a_waterfall_without_a_base_is_not_drawn():
    assert waterfall(None, 0.5, []) == []
    steps = waterfall(0.1, 0.5, [RiskReason(feature="f", value=1, text="a", is_actionable=True, points=0.3)])
    assert [(step.feature, round(step.points, 3)) for step in steps] == [("f", 0.3), (None, 0.1)]


def reasons_of(**points: float) -> list[RiskReason]:
    return [
        RiskReason(feature=name, value=1, text=name, is_actionable=True, points=value) for name, value in points.items()
    ]


def test_a_waterfall_starts_at_the_mean_that_people_see():
    steps = waterfall(0.039, 0.2, reasons_of(silence=0.1), mean=0.084)
    assert [(step.text, round(step.points, 3)) for step in steps] == [
        ("from the average to a typical customer", -0.045),
        ("silence", 0.1),
        ("everything else", 0.061),
    ]
    assert steps[0].start == 0.084
    assert steps[-1].end == pytest.approx(0.2)


def test_a_rest_that_would_be_the_longest_bar_is_told_by_groups_of_features():
    reasons = reasons_of(silence=0.1, logins=0.09, visits=0.08, failures=0.05, age=0.01)
    groups = {"silence": "usage", "logins": "usage", "visits": "usage", "failures": "payments", "age": "customer"}
    steps = waterfall(0.05, 0.4, reasons, shown=1, groups=groups)
    assert [(step.text, round(step.points, 3)) for step in steps] == [
        ("silence", 0.1),
        ("others: How much it is used", 0.17),
        ("everything else", 0.08),
    ]
    assert steps[-1].end == pytest.approx(0.4)
    short = waterfall(0.05, 0.2, reasons_of(silence=0.1, logins=0.05), shown=1, groups=groups)
    assert [step.text for step in short] == ["silence", "everything else"]


def test_the_profit_beside_a_campaign_is_by_its_own_terms():
    offer = {"channel": "phone", "contact_cost": 4, "success_rate_expected": 0.3, "profit_model": "case_study"}
    file = CampaignFile.model_validate({"campaign": {"title": "Call"}, "offer": offer})
    campaigns = {"call": CampaignDefinition.of("call", file)}
    advised = Advice("suggested", "call", "Call", "")
    settings = Settings(business=BusinessSettings(value_months=1))
    profit = campaign_profit(
        advised,
        campaigns,
        settings,
        churn_probability=0.5,
        involuntary_probability=0.2,
        monthly_margin=40.0,
        value_of_save=70.0,
        months_after_save=None,
    )
    assert profit == pytest.approx(0.5 * 0.3 * 40.0 - 4.0)
    own = Settings(business=BusinessSettings(value_months=1, value="survival"))
    kept = {
        "churn_probability": 0.5,
        "involuntary_probability": 0.2,
        "monthly_margin": 40.0,
        "value_of_save": 70.0,
        "months_after_save": 9.5,
    }
    assert campaign_profit(advised, campaigns, own, **kept) == pytest.approx(0.5 * 0.3 * 380.0 - 4.0)
    assert campaign_profit(advised, campaigns, settings, **kept) == profit
    for stated, value in ((25.0, 25.0), ("3 * current_fee", 70.0)):  # SQL: as it was published
        by_settings = settings.model_copy(update={"simulation": SimulationSettings(value_of_save=stated)})
        assert campaign_profit(advised, campaigns, by_settings, **kept) == pytest.approx(0.5 * 0.3 * value - 4.0)
    none = Advice("holdout", "call", "Call", "")
    assert (
        campaign_profit(
            none,
            campaigns,
            settings,
            churn_probability=0.5,
            involuntary_probability=0.2,
            monthly_margin=40.0,
            value_of_save=70.0,
            months_after_save=None,
        )
        is None
    )


def test_advice_names_the_plan_the_holdout_and_what_does_not_pay():
    customer = {"expected_profit": 5.0, "reasons": [], "risk_band": "high"}
    treated = CustomerAssignment("a", "treatment", datetime(2026, 3, 1))
    held = CustomerAssignment("b", "holdout", datetime(2026, 3, 1))
    assert advise(customer, [treated], {}, {}).kind == "campaign"
    assert advise(customer, [treated, held], {}, {}).campaign == "b"
    assert advise({**customer, "expected_profit": -1.0}, [], {}, {}).kind == "unprofitable"
    assert advise(customer, [], {}, {}).kind == "none"
    json.dumps(asdict(advise(customer, [], {}, {})))


def test_the_profit_beside_a_campaign_that_acts_by_cause_is_by_its_causes_and_harm():
    rates = {"low": 0.2, "expected": 0.4, "high": 0.6}
    offer = {
        "contact_cost": 1,
        "success": {"involuntary": rates},
        "harm": {"low": 0, "expected": 0.01, "high": 0.02},
    }
    campaigns = {
        "mend": CampaignDefinition.of(
            "mend", CampaignFile.model_validate({"campaign": {"title": "Mend"}, "offer": offer})
        )
    }
    advised, settings = Advice("suggested", "mend", "Mend", ""), Settings(business=BusinessSettings(value_months=1))

    def profit(involuntary: float | None) -> float | None:
        return campaign_profit(
            advised,
            campaigns,
            settings,
            churn_probability=0.5,
            involuntary_probability=involuntary,
            monthly_margin=40.0,
            value_of_save=70.0,
            months_after_save=None,
        )

    assert profit(0.2) == pytest.approx((0.2 * 0.4 - 0.01) * 40.0 - 1.0)
    assert profit(0.0) == pytest.approx(-0.01 * 40.0 - 1.0)
    assert profit(None) is None  # what the offer acts on is not known


def test_a_file_that_a_later_run_removes_while_it_is_read_is_no_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = run_path(tmp_path, "r1") / FEATURES
    path.parent.mkdir(parents=True)
    pl.DataFrame({"customer_id": ["c1"]}).write_parquet(path)
    context = build_context(settings=load_settings(config=None, home=tmp_path, environ={}))
    assert require_features(context, "r1", ["c1"]) == [{}]

    def vanish(_path: Path) -> pl.LazyFrame:
        path.unlink()
        raise pl.exceptions.ComputeError("parquet: file out of specification")

    monkeypatch.setattr(pl, "scan_parquet", vanish)
    with pytest.raises(NotFound, match="not kept for this list"):
        require_features(context, "r1", ["c1"])
