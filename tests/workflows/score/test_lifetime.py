"""Scores say what is known of months ahead, and value a save by it where the settings ask."""

from __future__ import annotations

import json

import numpy as np
import pytest

from churn.bootstrap import build_context
from churn.modeling import load_card, load_lifetime
from churn.store.score_row import LIFETIME_COLUMNS
from churn.views.champion import bundle_path, load_champion
from churn.workflows.score import score_customers


def published(home):
    context = build_context(home=home)
    score_customers(context)
    with context.open_store() as store:
        return store.published.page(limit=None).frame.sort("customer_id")


def folder(home):
    context = build_context(home=home)
    version, _ = load_champion(context)
    return bundle_path(context, version)


def let_pass(company):
    """Let the hazards of the small company serve, whatever their gate says of so few customers."""
    path = folder(company.home) / "lifetime.json"
    file = json.loads(path.read_text(encoding="utf-8"))
    assert file["hazards"] is not None
    file["verdict"]["is_passed"] = True
    path.write_text(json.dumps(file), encoding="utf-8")
    from churn.modeling.serving.bundles import reseal

    reseal(path)


def test_months_ahead_are_said_where_the_gate_is_passed_and_nowhere_else(company):
    scores = published(company.home)
    is_passed = load_lifetime(folder(company.home)) is not None
    verdict = load_card(folder(company.home)).lifetime
    assert verdict is not None
    assert verdict.is_passed == is_passed
    assert verdict.horizons
    for name in LIFETIME_COLUMNS:
        assert scores[name].null_count() == (0 if is_passed else scores.height)


def test_the_chance_of_a_month_is_the_probability_and_a_save_is_worth_its_months(company):
    let_pass(company)
    constant = published(company.home)
    assert constant["churn_within_30d"].to_list() == constant["churn_probability"].to_list()
    later = constant.select("churn_within_30d", "churn_within_90d", "churn_within_180d", "churn_within_360d").to_numpy()
    assert np.all(np.diff(later, axis=1) >= 0)
    assert constant["months_after_save"].is_between(1, 24).all()
    assert (constant["months_kept_low"] <= constant["months_kept"]).all()
    assert constant["months_kept"].is_between(0, 12).all()
    config = company.home / "churn.toml"
    text = config.read_text(encoding="utf-8")
    assert "[business]" not in text
    config.write_text(f'{text}\n[business]\nvalue = "survival"\n', encoding="utf-8")
    by_survival = published(company.home)
    assert by_survival["value_of_save"].to_list() == pytest.approx(
        (by_survival["monthly_margin"] * by_survival["months_after_save"]).to_list(), abs=1e-9
    )
    assert by_survival["churn_probability"].to_list() == constant["churn_probability"].to_list()
    assert constant["value_of_save"].to_list() != by_survival["value_of_save"].to_list()
