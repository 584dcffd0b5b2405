from __future__ import annotations

from churn.modeling import card_markdown
from tests.modeling.made_up import customers, train


def test_a_card_whose_probabilities_failed_the_gate_shows_no_profit() -> None:
    card = train(customers(count=900), candidates=["logistic_regression"]).card
    passed = card.model_copy(update={"calibration": card.calibration.model_copy(update={"is_passed": True})})
    failed = card.model_copy(update={"calibration": card.calibration.model_copy(update={"is_passed": False})})
    profit = f"{card.chosen.net_profit:,.0f} ("
    assert profit in card_markdown(passed)
    assert passed.shown == passed
    assert f"| {profit}" not in card_markdown(failed)
    assert card_markdown(failed).count("| not shown |") == len(card.candidates)
    assert {row.net_profit for row in failed.shown.candidates} == {None}
    assert failed.shown.chosen.auc == card.chosen.auc
