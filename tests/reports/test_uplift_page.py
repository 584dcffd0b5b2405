from __future__ import annotations

import re
from datetime import date, datetime
from pathlib import Path

import pytest

from churn.documents.uplift import ArmDifference, CustomersToLeave, UpliftDocument, UpliftOrigin, UsedCustomers
from churn.reports.uplift import points, render_uplift
from tests.modeling.uplift.experiments import experiment, learn

NO_HOME = Path("/nonexistent")


@pytest.fixture(scope="module")
def document() -> UpliftDocument:
    learnt = learn(experiment(3_000, spread=0.3, effect=0.05, harm=0.3), learners=("t_learner",), draws=40)
    origin = UpliftOrigin(
        campaign="support <call>",
        learnt_at=datetime(2026, 8, 10, 6),
        window_days=(30,),
        snapshot_dates=(date(2026, 7, 1),),
        counts=UsedCustomers(assigned=3_000, used=3_000),
    )
    to_leave = CustomersToLeave(customers=120, of=4_000, snapshot_date=date(2026, 8, 10))
    return UpliftDocument.of(origin, learnt.figures()).model_copy(update={"do_not_contact": to_leave})


def test_the_page_is_one_file_that_asks_for_nothing(document: UpliftDocument) -> None:
    page = render_uplift(document, home=NO_HOME)
    assert not re.search(r"<(script|link|iframe|img)\b", page)
    assert not re.search(r"(src|href)=\"(?!#)", page)
    assert page == render_uplift(document, home=NO_HOME)


def test_what_is_shown_is_escaped(document: UpliftDocument) -> None:
    page = render_uplift(document, home=NO_HOME)
    assert "support &lt;call&gt;" in page
    assert "<call>" not in page


def test_the_page_tells_the_finding_the_deciles_and_whom_to_leave_alone(document: UpliftDocument) -> None:
    page = render_uplift(document, home=NO_HOME)
    for row in document.deciles:
        assert row.effect is not None
        assert f"{points(row.effect.low)} to {points(row.effect.high)}" in page
    assert "plan is gold" in page
    assert "120 of 4,000 customers of 10 August 2026" in page
    assert page.count('role="img"') == 4  # two charts, each for a page and for a phone
    assert "Q(k) = Y_T - Y_C N_T / N_C" in page


def test_a_ranking_that_tells_nothing_is_headed_so(document: UpliftDocument) -> None:
    page = render_uplift(document.model_copy(update={"is_better_than_nothing": False}), home=NO_HOME)
    assert "It cannot be told whom contact moves." in page


def test_a_ranking_without_any_order_has_no_deciles(document: UpliftDocument) -> None:
    page = render_uplift(document.model_copy(update={"deciles": document.deciles[:1]}), home=NO_HOME)
    assert "Effect by predicted uplift</h2>" not in page


def test_a_warning_about_the_arms_comes_first(document: UpliftDocument) -> None:
    column = ArmDifference(feature="opened", p_value=1e-9, sentence="`opened` differs.")
    page = render_uplift(document.model_copy(update={"imbalances": (column,)}), home=NO_HOME)
    assert page.index("`opened` differs.") < page.index("<h1>")
