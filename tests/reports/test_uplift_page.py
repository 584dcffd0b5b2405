from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from churn.reports.uplift import points, render_uplift
from tests.modeling.uplift.experiments import experiment, learn

NO_HOME = Path("/nonexistent")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found = learn(experiment(3_000, spread=0.3, effect=0.05, harm=0.3), learners=("t_learner",), draws=40)
    return {
        "campaign": "support <call>",
        "learnt_at": "2026-08-10T06:00:00",
        "window_days": [30],
        "snapshot_dates": ["2026-07-01"],
        "do_not_contact": {"customers": 120, "of": 4_000, "snapshot_date": "2026-08-10"},
        **found.document(),
    }


def test_the_page_is_one_file_that_asks_for_nothing(document: dict[str, Any]) -> None:
    page = render_uplift(document, home=NO_HOME)
    assert not re.search(r"<(script|link|iframe|img)\b", page)
    assert not re.search(r"(src|href)=\"(?!#)", page)
    assert page == render_uplift(document, home=NO_HOME)


def test_what_is_shown_is_escaped(document: dict[str, Any]) -> None:
    page = render_uplift(document, home=NO_HOME)
    assert "support &lt;call&gt;" in page
    assert "<call>" not in page


def test_the_page_tells_the_finding_the_deciles_and_whom_to_leave_alone(document: dict[str, Any]) -> None:
    page = render_uplift(document, home=NO_HOME)
    for row in document["deciles"]:
        assert f"{points(row['effect']['low'])} to {points(row['effect']['high'])}" in page
    assert "plan is gold" in page
    assert "120 of 4,000 customers of 10 August 2026" in page
    assert page.count('role="img"') == 4  # two charts, each for a page and for a phone
    assert "Q(k) = Y_T - Y_C N_T / N_C" in page


def test_a_ranking_that_tells_nothing_is_headed_so(document: dict[str, Any]) -> None:
    page = render_uplift(document | {"is_better_than_nothing": False}, home=NO_HOME)
    assert "It cannot be told whom contact moves." in page


def test_a_ranking_without_any_order_has_no_deciles(document: dict[str, Any]) -> None:
    page = render_uplift(document | {"deciles": document["deciles"][:1]}, home=NO_HOME)
    assert "Effect by predicted uplift</h2>" not in page


def test_a_warning_about_the_arms_comes_first(document: dict[str, Any]) -> None:
    told = {"feature": "opened", "p_value": 1e-9, "sentence": "`opened` differs."}
    page = render_uplift(document | {"imbalances": [told]}, home=NO_HOME)
    assert page.index("`opened` differs.") < page.index("<h1>")
