"""What people ask of such a product before they trust it: each question is answered in words on the page where one would look."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from churn.accounts.sign_in import create_link
from churn.api import create_app
from churn.jobs.requests import ask_plan, ask_sync
from tests.api.pages.conftest import Served, context_of
from tests.api.pages.test_campaigns import MEASURED, keep_measurement, refuse, work_everything
from tests.campaigns import measured
from tests.company import Company, copy_home

PUSHED = "fix_payment"
SAID = "Choose a band that there is."
RISKIEST, NEWEST_PUSH = "the riskiest customer", "the newest push"
# The question; the page; what answers it there: texts, in this order.
QUESTIONS = (
    (
        "Is 30 % a probability, or only a place in a ranking?",
        "/model",
        ("Its probabilities come true", "customers were given", "on average, and", "of them left"),
    ),
    (
        "Have customers changed, or does the alarm only count how many there are?",
        "/model",
        ("Which features have drifted?", "PSI", "expected", "unless chance, the season"),
    ),
    (
        "Who counts as lost: canceled, ended, unpaid; and from which day on?",
        "/model",
        ("Churn here is any end of a subscription, within 30 days that begin 2 days after each date",),
    ),
    (
        "Were those whom campaigns kept, and those whose outcome is open, learnt as stayers?",
        "/model",
        ("rows of customers whom a campaign contacted within their window stay in", "rows of customers who left before a team could act were left out"),
    ),
    (
        "From which risk on does a contact earn its cost, and what does it rest on?",
        "/simulator",
        ("A contact pays from", "risk, at", "a save", "What matters most", "Before you believe it"),
    ),
    (
        "Why this customer, and do the reasons add up to the risk?",
        RISKIEST,
        ("Probability of leaving", "within 30 days, starting 2 days from now", "In percentage points, from the average customer to this one"),
    ),
    (
        "What do I do about this customer, and what will it bring?",
        RISKIEST,
        ("Expected profit", "of contacting them now", "What to do", "What can be acted on"),
    ),
    (
        "How large must the campaign be before its holdout can tell anything?",
        f"/campaigns/{PUSHED}",
        ("What the measurement will tell", "Expected is a drop from", "To see it 80 % of the time takes", "chosen customers instead of"),
    ),
    (
        "Did the campaign keep anybody, or would they have stayed anyway?",
        f"/campaigns/{MEASURED}",
        ("What it caused", "customers chosen for contact", "of", "like them left alone", "confidence", "Promised and kept"),
    ),
    (
        "Which rows did the CRM refuse, why, and how are they sent again?",
        NEWEST_PUSH,
        ("Refused, by what the CRM says", SAID, "Send again"),
    ),
    (
        "Which model served when, and who decided it?",
        "/model",
        ("Who served when", "By", "Why", "serves now"),
    ),
    (
        "Did the night run, run twice, or vanish?",
        "/jobs",
        ("Next", "Last run", "Nightly", "Runs", "took", "asked for by"),
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def pages(finished_company: Company, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The pages of a company that has planned, pushed and measured a campaign, as somebody who may push sees them."""
    home: Path = tmp_path_factory.mktemp("questions") / "home"
    copy_home(finished_company.home, home)
    served = Served("", context_of(home), home)
    for campaign in (PUSHED, MEASURED):
        ask_plan(served.context, campaign, who="maria")
        assert work_everything(served) == ["plan done:"]
    ask_sync(served.context, PUSHED, connector="file", who="maria")
    assert work_everything(served) == ["sync done:"]
    refuse(served, "C0000042", SAID)
    keep_measurement(served, measured.document(measured.followed()))
    with TestClient(create_app(served.context)) as client:
        link = {"token": create_link(served.context, ("read", "push"))}
        assert client.get("/sign-in/link", params=link, follow_redirects=False).status_code == 303
        yield client


@pytest.mark.parametrize(("question", "page", "answers"), QUESTIONS, ids=[question for question, *_ in QUESTIONS])
def test_a_question_is_answered_on_the_page_where_one_would_look(
    pages: TestClient, question: str, page: str, answers: tuple[str, ...]
) -> None:
    if page in {RISKIEST, NEWEST_PUSH}:
        folder = {RISKIEST: "/risk-list?order=risk", NEWEST_PUSH: "/pushes"}[page]
        links = re.findall(r'href="(/(?:customers|pushes)/[^"]+)"', pages.get(folder).text)
        page = html.unescape(links[0])
    answer = pages.get(page, headers={"Accept": "text/html"})
    assert answer.status_code == 200
    at, text = 0, read(answer.text)
    for words in answers:
        found = text.find(words, at)
        assert found >= 0, f"{question} {page} does not say “{words}” after “{text[max(0, at - 60) : at]}”"
        at = found + len(words)


def read(page: str) -> str:
    """Return what one reads of a page, with plain blanks."""
    body = page.partition("<main")[2]
    body = re.sub(r"(?s)<(script|style|template)\b.*?</\1>", " ", body)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).replace("\u202f", " ").split())
