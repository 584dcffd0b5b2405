"""A training of more customers than are needed takes a share of them, and says so wherever the model is told of."""

from __future__ import annotations

import pytest

from churn.bootstrap import build_context
from churn.documents.model_card import ModelCard
from churn.modeling.serving.registry import load_card
from churn.reports.model_words import learned_words
from tests.company import Company

ROWS = 6_000
SAID = "of the customers, chosen by a hash of their id"


def card_of(company: Company, version: str) -> ModelCard:
    return load_card(build_context(home=company.home).settings.models_path / version)


@pytest.mark.slow
def test_a_training_takes_about_as_many_rows_as_are_allowed_and_says_of_what_share(company: Company) -> None:
    champion = next(m["version"] for m in company.json("models", "list")["models"] if m["status"] == "champion")
    whole = card_of(company, champion).counts["rows"]
    limited = {"CHURN_TRAINING__MAX_SNAPSHOT_ROWS": str(ROWS), "CHURN_TRAINING__MIN_CHURNERS": "100"}
    told = company.run("train", "--model", "logistic_regression", "--no-tune", "--split", "random", env=limited).stdout
    assert SAID in " ".join(told.split())
    trained = next(m["version"] for m in company.json("models", "list")["models"] if m["version"] != champion)
    card = card_of(company, trained)
    assert 0.7 * ROWS < card.counts["rows"] < 1.2 * ROWS < whole
    assert card.customers_share == pytest.approx(ROWS / whole, rel=0.2)
    assert f"All rows are of {card.customers_share:.1%} {SAID}" in company.run("models", "show", trained).stdout
    assert any("of the customers, chosen by chance" in sentence for sentence in learned_words(card))
    assert SAID not in company.run("models", "show", champion).stdout
