"""Simulations from published scores, from the evaluation set, and from the case study: one document for all."""

import json
from datetime import date, datetime

import numpy as np
import polars as pl
import pytest

from churn.config import Settings
from churn.context import Context
from churn.decisions.simulation_request import SimulationRequest
from churn.errors import ConfigError, DataError, NoChampion, NotCalibrated
from churn.modeling.serving import bundles
from churn.store import ModelVersion, ScoreRun, open_store
from churn.workflows.simulate import compare_simulations, simulate_campaign, write_simulation

NOW = datetime(2026, 2, 1, 4, 0, 0)
CASE = {
    "contacts": 11_000,
    "true_positives": 6_800,
    "false_positives": 4_200,
    "cost": 22_000,
    "retained": 2_720,
    "revenue": 68_000,
    "net_profit": 46_000,
}


def make_context(home, **sections):
    chosen = Settings.model_validate({"home": home, "simulation": {"draws": 200}, **sections})

    def no_warehouse(_holder):
        raise AssertionError("a simulation needs no warehouse")

    return Context(
        settings=chosen,
        clock=lambda: NOW,
        open_warehouse=no_warehouse,
        open_store=lambda: open_store(chosen.database_url),
    )


def publish(context, *, bias=1.0, promote=True, size=1_500):
    """Publish scores, and register the model behind them with an evaluation set whose probabilities are off by `bias`."""
    rng = np.random.default_rng(4)
    p = rng.beta(0.7, 6, size)
    churned = rng.random(size) < p
    ids = [f"C{i:05d}" for i in range(size)]
    evaluation = pl.DataFrame(
        {
            "customer_id": ids,
            "snapshot_date": [date(2025, 12, 1)] * size,
            "has_churned": churned,
            "raw_score": p,
            "churn_probability": np.minimum(p * bias, 1.0),
            "monthly_margin": [25.0] * size,
        }
    )
    folder = context.settings.models_path / "v1"
    folder.mkdir(parents=True)
    evaluation.write_parquet(folder / "evaluation.parquet")
    digests = {"evaluation.parquet": bundles.digest(folder / "evaluation.parquet")}
    (folder / "manifest.json").write_text(json.dumps({"format": bundles.FORMAT, "files": digests}))
    scores = pl.DataFrame(
        {
            "customer_id": ids,
            "churn_probability": p,
            "raw_score": p,
            "risk_band": ["low"] * size,
            "percentile": [50.0] * size,
            "expected_profit": [0.0] * size,
            "value_of_save": [1.0] * size,
            "monthly_margin": rng.choice([10.0, 25.0, 60.0], size),
            "plan": ["basic"] * size,
            "reasons": ["[]"] * size,
            "previous_probability": pl.Series([None] * size, dtype=pl.Float64),
            "change": pl.Series([None] * size, dtype=pl.Float64),
            "change_reasons": pl.Series([None] * size, dtype=pl.String),
            "is_listed": [False] * size,
        }
    )
    run = ScoreRun(
        run_id="r1",
        snapshot_date=date(2026, 1, 31),
        model_version="v1",
        scored_at=NOW,
        data_cutoff=datetime(2026, 1, 30, 23, 0),
        customers=size,
        fingerprint="f",
    )
    with context.open_store() as store:
        store.models.register(ModelVersion("v1", "xgboost", NOW, "f", "v1"))
        if promote:
            store.models.promote("v1", who="test", why="test", at=NOW)
        store.scores.publish(run, scores)
    return p, churned


@pytest.fixture
def context(tmp_path):
    made = make_context(tmp_path)
    publish(made)
    return made


def simulated(context, **request):
    return simulate_campaign(context, SimulationRequest(**request)).as_json()


def test_the_case_study_needs_no_data_and_holds_to_the_cent(tmp_path):
    document = simulated(make_context(tmp_path), preset="case-study")
    assert {key: document[key] for key in CASE} == CASE
    assert all(isinstance(document[key], int) for key in CASE)
    assert document["break_even"] == 0.2
    assert document["threshold"] == 0.65
    assert {"score_is_not_a_probability", "ceiling", "success_must_be_incremental"} <= {
        a["code"] for a in document["audit"]
    }
    assert not (tmp_path / "store.sqlite").exists()


def test_the_case_study_does_not_depend_on_the_settings(tmp_path):
    other = {"simulation": {"contact_cost": 9, "success_rate": 0.3, "draws": 200}, "business": {"value_months": 12}}
    assert {k: simulated(make_context(tmp_path, **other), preset="case-study")[k] for k in CASE} == CASE


def test_the_case_study_answers_what_if(tmp_path):
    document = simulated(make_context(tmp_path), preset="case-study", contact_cost=3.0, months=3)
    assert document["cost"] == 33_000
    assert document["value_of_save"] == 69.16
    assert document["net_profit"] == pytest.approx(2_720 * 69.16 - 33_000)


@pytest.mark.parametrize("terms", [{"value": 0.0}, {"value": 6.25}, {"value": 300.0}, {"success_rate": 0.0}])
def test_the_case_study_stands_any_terms(tmp_path, terms):
    document = simulated(make_context(tmp_path), preset="case-study", **terms)
    said = next(a["sentence"] for a in document["audit"] if a["code"] == "score_is_not_a_probability")
    assert ("earns" in said) == (terms.get("value") == 300.0)
    json.dumps(document, allow_nan=False)


def test_every_simulation_has_the_same_keys(context):
    documents = [
        simulated(context, preset="case-study"),
        simulated(context),
        simulated(context, on="evaluation", budget=100.0),
        simulated(context, value=0.01),
    ]
    # The funnel is of customers who can be contacted: neither those of the study nor past ones.
    assert ["funnel" in document for document in documents] == [False, True, False, True]
    shapes = [_shape({**d, "audit": [], "curve": [], "bands": [], "tornado": [], "funnel": []}) for d in documents]
    assert shapes[0] == shapes[1] == shapes[2] == shapes[3]
    json.dumps(documents, allow_nan=False)


def test_live_scores_are_priced_by_each_customers_margin(context):
    document = simulated(context)
    assert document["basis"] == "scores"
    assert document["outcomes"] == "expected"
    assert (document["snapshot_date"], document["model_version"]) == ("2026-01-31", "v1")
    assert (document["scored_at"], document["data_cutoff"]) == ("2026-02-01T04:00:00", "2026-01-30T23:00:00")
    assert document["net_profit"] == document["optimum"]["net_profit"]
    assert len(document["bands"]) == len(document["curve"]) > 50
    assert document["sentence"].startswith(
        f"Contact {document['contacts']:,} customers, spend ${2 * document['contacts']:,}"
    )


def test_the_evaluation_set_is_priced_by_what_happened(context):
    document = simulated(context, on="evaluation", contacts=200)
    p, churned = (
        pl.read_parquet(context.settings.models_path / "v1" / "evaluation.parquet")[c].to_numpy()
        for c in ("churn_probability", "has_churned")
    )
    assert document["true_positives"] == churned[np.argsort(-p)[:200]].sum()
    assert document["outcomes"] == "known"
    assert document["scored_at"] is None


@pytest.mark.parametrize(("how", "check"), [({"budget": 301.0}, 150), ({"contacts": 77}, 77)])
def test_budget_and_contacts_decide_how_many(context, how, check):
    assert simulated(context, **how)["contacts"] == check


def test_the_incentive_model_charges_stayers(context):
    plain = simulated(context, contacts=100, incentive_cost=5.0)
    stayers = simulated(context, contacts=100, incentive_cost=5.0, profit_model="incentive")
    assert plain["cost"] == 700
    assert 200 < stayers["cost"] < 700
    assert stayers["profit_model"] == "incentive"


def test_a_success_rate_takes_its_range_along(context):
    economics = simulated(context, success_rate=0.2)["economics"]
    assert (economics["success_rate_low"], economics["success_rate_high"]) == (0.125, 0.275)
    assert simulated(context, success_rate=1.0)["economics"]["success_rate_high"] == 1


def test_uncalibrated_probabilities_are_refused_with_the_reason(tmp_path):
    made = make_context(tmp_path)
    publish(made, bias=2.0)
    with pytest.raises(NotCalibrated, match="mean probability") as caught:
        simulated(made)
    assert caught.value.exit_code == 4


def test_an_override_is_written_into_the_document_and_the_audit(tmp_path):
    made = make_context(tmp_path)
    publish(made, bias=2.0)
    document = simulated(made, allow_uncalibrated=True)
    assert document["calibration"]["is_overridden"]
    assert document["audit"][0]["code"] == "uncalibrated"
    assert document["audit"][0]["severity"] == "wrong"


def test_the_override_is_not_noted_where_it_was_not_needed(context):
    document = simulated(context, allow_uncalibrated=True)
    assert document["calibration"]["is_passed"]
    assert not document["calibration"]["is_overridden"]


def test_stale_scores_are_said(context):
    with context.open_store() as store:
        store.scores.mark_stale("payments are late", at=NOW)
    assert (
        "payments are late"
        in next(a for a in simulated(context)["audit"] if a["code"] == "scores_are_stale")["sentence"]
    )


def test_nothing_published_or_promoted_is_said_with_what_to_do(tmp_path):
    made = make_context(tmp_path)
    with pytest.raises(DataError, match="churn score"):
        simulated(made)
    with pytest.raises(NoChampion, match="churn train"):
        simulated(made, on="evaluation")


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        ({"budget": 5.0, "contacts": 3}, "exclude"),
        ({"value": 5.0, "months": 3}, "--months"),
        ({"preset": "case-study", "budget": 5.0}, "threshold"),
        ({"preset": "other"}, "preset"),
        ({"success_rate": 1.5}, "success_rate"),
    ],
)
def test_a_request_that_contradicts_itself_is_refused(context, request_, named):
    with pytest.raises(ConfigError, match=named):
        simulated(context, **request_)


@pytest.mark.parametrize("amount", [float("inf"), float("nan")])
@pytest.mark.parametrize("name", ["value", "budget", "contact_cost"])
def test_an_amount_without_end_is_refused_before_anything_is_read(tmp_path, name, amount):
    with pytest.raises(ConfigError, match="is not an amount") as caught:
        simulate_campaign(make_context(tmp_path), SimulationRequest(**{name: amount}, preset="case-study"))
    assert caught.value.where == f"--{name.replace('_', '-')}"
    assert caught.value.exit_code == 2


def test_a_saved_simulation_can_be_compared_by_its_name(context):
    document = simulated(context, save="spring", contacts=50)
    assert document["name"] == "spring"
    request = SimulationRequest()
    assert compare_simulations(context, request, "spring")[0].contacts == 50
    with pytest.raises(ConfigError, match="spring"):
        compare_simulations(context, request, "autumn")


def test_a_written_simulation_can_be_compared(context, tmp_path):
    document = simulate_campaign(context, SimulationRequest(contacts=60))
    path = write_simulation(context, document, tmp_path / "out" / "call.json")
    (other,) = compare_simulations(context, SimulationRequest(), str(path))
    assert (other.name, other.contacts) == ("call", 60)


def test_scenarios_of_a_file_lie_over_the_request(context, tmp_path):
    path = tmp_path / "scenarios.toml"
    path.write_text(
        '[[scenarios]]\nname = "e-mail"\ncontact_cost = 0.1\nsuccess_rate = 0.1\n[[scenarios]]\nbudget = 200\n'
    )
    first, second = compare_simulations(context, SimulationRequest(contacts=40, incentive_cost=1.0), str(path))
    assert (first.name, first.contacts, first.economics.contact_cost) == ("e-mail", 40, 0.1)
    assert (second.name, second.cost) == ("scenario 2", 198)
    assert second.economics.incentive_cost == 1


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.toml", "[[scenarios]]\ncontact_coast = 1\n", "contact_cost"),
        ("a.toml", "[[scenarios]]\ncontact_cost = 'two'\n", "not a number"),
        ("a.toml", "x = 1\n", "scenarios"),
        ("a.toml", "[[", "cannot be read"),
        ("a.json", "{}", "not a simulation"),
        ("a.json", "{", "cannot be read"),
        ("missing.json", None, "no such file"),
    ],
)
def test_a_file_that_holds_no_scenarios_is_refused(context, tmp_path, name, text, says):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=says):
        compare_simulations(context, SimulationRequest(), str(tmp_path / name))


def test_the_curve_the_document_and_the_page_can_be_written(context, tmp_path):
    document = simulate_campaign(context, SimulationRequest())
    curve = pl.read_csv(write_simulation(context, document, tmp_path / "a.csv"))
    assert curve.height == len(document.curve)
    assert json.loads(write_simulation(context, document, tmp_path / "a.json").read_text()) == document.as_json()
    page = write_simulation(context, document, tmp_path / "a.html").read_text()
    assert page.startswith("<!doctype html>")
    assert [p.name for p in tmp_path.glob(".*part")] == []
    with pytest.raises(ConfigError, match=r"\.html"):
        write_simulation(context, document, tmp_path / "a.xls")


def test_the_same_request_gives_the_same_document(context):
    assert simulated(context) == simulated(context)


def _shape(value):
    return {key: _shape(item) for key, item in value.items()} if isinstance(value, dict) else None
