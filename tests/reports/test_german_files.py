"""Files that people get by command and job are in the language spoken: no text of a German page is the English one's."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from html import unescape
from pathlib import Path

import pytest

from churn.documents.exploration import ChurnBin, ColumnProfile
from churn.documents.uplift import UpliftDocument, UpliftOrigin, UsedCustomers
from churn.languages.words import speaking
from churn.reports.campaign import render_campaign
from churn.reports.charts.columns import ends
from churn.reports.simulation import render_simulation
from churn.reports.uplift import render_uplift
from tests.campaigns.measured import document as measured
from tests.campaigns.measured import followed
from tests.modeling.uplift.experiments import experiment, learn
from tests.reports.documents import document as simulated

OWN = "silent days"  # a feature of the test's own has no words
STYLE = re.compile(r"<style.*?</style>", re.DOTALL)
TEXT = re.compile(r">([^<]+)<|aria-label=\"([^\"]+)\"")


def texts(page: str) -> set[str]:
    """Return the texts of a page, those that are read aloud too, that have three words or more."""
    pieces = (" ".join(unescape(a or b).split()) for a, b in TEXT.findall(STYLE.sub("", page)))
    return {piece for piece in pieces if len(re.findall(r"[A-Za-z]{2,}", piece)) > 2 and OWN not in piece}


def taught() -> UpliftDocument:
    learnt = learn(experiment(3_000, spread=0.3, effect=0.05, harm=0.3), learners=("t_learner",), draws=40)
    origin = UpliftOrigin(
        campaign="support call",
        learnt_at=datetime(2026, 8, 10, 6),
        window_days=(30,),
        snapshot_dates=(date(2026, 7, 1),),
        counts=UsedCustomers(assigned=3_000, used=3_000),
    )
    return UpliftDocument.of(origin, learnt.figures())


def drawn(name: str) -> Callable[[Path], str]:
    """Return what draws the page of a document; the document is made here and now, in English as jobs make theirs."""
    if name == "campaign":
        campaign = measured(followed())
        return lambda home: render_campaign(campaign, home=home)
    if name == "simulation":
        simulation = simulated(mode="contacts", amount=300)
        return lambda home: render_simulation(simulation, home=home)
    uplift = taught()
    return lambda home: render_uplift(uplift, home=home)


@pytest.mark.parametrize("name", ["campaign", "simulation", "uplift"])
def test_no_text_stays_english(name: str, tmp_path: Path) -> None:
    draw = drawn(name)
    english = texts(draw(tmp_path))
    with speaking("de"):
        page = draw(tmp_path)
    assert '<html lang="de">' in page
    assert len(english) > 20
    assert sorted(english & texts(page)) == []


def test_the_ends_of_a_column_are_said_in_the_language_spoken() -> None:
    bins = [
        ChurnBin(label=label, rows=100, churned=5, churn_rate=0.05, low=0.02, high=0.1)
        for label in ("below 0.4", "0.4 to 17.1", "17.1 or more")
    ]
    column = ColumnProfile.model_construct(churn=tuple(bins))
    assert ends(column) == ("below 0.4", "17.1 or more")
    with speaking("de"):
        assert ends(column) == ("unter 0,4", "17,1 oder mehr")


def test_numbers_are_written_as_the_language_does(tmp_path: Path) -> None:
    draw = drawn("campaign")
    with speaking("de"):
        page = draw(tmp_path)
    assert re.search(r"p = 0,\d", page)
    assert not re.search(r"\d\.\d+\u00a0%", page)
