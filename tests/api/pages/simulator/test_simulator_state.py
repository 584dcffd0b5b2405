"""The simulator's address: what is typed is understood, what is wrong is told, what is written opens the same question."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.api.pages.simulator.form import MODES, address, read_question
from churn.decisions.profit import Economics
from churn.decisions.simulation_request import lay_over
from churn.workflows.define import name_from


@pytest.mark.parametrize(
    ("text", "amount"), [("1,200", 1200), ("2.50", 2.5), ("$3", 3), ("0,5", 0.5), ("1 000", 1000), ("12 %", 12)]
)
def test_numbers_are_read_as_people_write_them(text: str, amount: float) -> None:
    assert read_question({"contact_cost": text}).request.contact_cost == amount


@pytest.mark.parametrize("text", ["nan", "inf", "-1", "1e999", "many", "2;3", "<b>"])
def test_what_is_no_amount_is_told_and_left_out(text: str) -> None:
    question = read_question({"contact_cost": text})
    assert question.request.contact_cost is None
    assert "contact_cost" in question.wrong


@given(
    query=st.dictionaries(st.sampled_from(["cut", "budget", "months", "success_percent", "value", "margin"]), st.text())
)
@pytest.mark.slow  # much arithmetic
def test_no_address_is_too_strange(query: dict[str, str]) -> None:
    assert read_question(query).cut in MODES


@given(
    cut=st.sampled_from(MODES),
    percent=st.floats(0, 100),
    cost=st.floats(0, 1_000),
    rate=st.floats(1, 99),
    months=st.integers(1, 60),
)
def test_an_address_opens_the_state_it_was_written_of(
    cut: str, percent: float, cost: float, rate: float, months: int
) -> None:
    asked = {
        "cut": cut,
        "threshold_percent": f"{percent:.4f}",
        "budget": "500",
        "contacts": "70",
        "contact_cost": f"{cost:.4f}",
        "success_percent": f"{rate:.4f}",
        "months": str(months),
    }
    question = read_question(asked)
    terms = lay_over(Economics(), question.request)
    again = read_question(dict(parse_qsl(address(question, terms))))
    assert again.cut == question.cut
    for name in ("threshold", "budget", "contacts", "contact_cost", "success_rate", "months"):
        one, two = getattr(question.request, name), getattr(again.request, name)
        assert one == two or one == pytest.approx(two, abs=1e-9)


def test_a_campaign_is_named_after_its_title() -> None:
    assert name_from("Spring call, für alle!") == "spring_call_fur_alle"
    assert name_from("2027 offer") == "campaign_2027_offer"
    assert name_from("!!!") == ""
