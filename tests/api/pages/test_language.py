"""Pages in another language: how one is chosen, that the page says so, and that no English sentence is left on any."""

from __future__ import annotations

import html
import json
import re
from urllib.parse import urljoin, urlsplit

import pytest
from fastapi.testclient import TestClient

from churn.accounts.sign_in import create_link
from churn.api.pages.frame import environment
from churn.api.pages.language import COOKIE
from churn.languages.catalogue import read_catalogue
from churn.languages.words import speaking
from tests.api.conftest import Service

UNREAD = re.compile(
    r"(?s)<(script|style|pre|code|textarea|kbd|bdi|title)\b.*?</\1>|<option\b[^>]*>.*?</option>|<!--.*?-->"
)
INLINE = re.compile(r"</?(?:b|strong|i|em|a|tspan)\b[^>]*>")
SPOKEN = re.compile(r'(?:aria-label|placeholder|data-label)="([^"]+)"')
NAMED = re.compile(r"^(/customers|/pushes|/jobs/runs|/campaigns|/programmes|/experiments|/reports)/[^/]+")
ELSEWHERE = ("/static", "/charts", "/sign", "/reports/", "/docs")  # the reference of the API is English for everybody


@pytest.fixture
def german(standing_service: Service) -> TestClient:
    client = TestClient(
        standing_service.client.app, headers={"Accept-Language": "de-DE,de;q=0.9", "Accept": "text/html"}
    )
    link = {"token": create_link(standing_service.context)}
    assert client.get("/sign-in/link", params=link, follow_redirects=False).status_code == 303
    return client


def test_a_page_speaks_what_the_browser_prefers_and_says_so(german: TestClient) -> None:
    assert '<html lang="de">' in (page := german.get("/risk-list").text)
    assert "<h1>Risikoliste</h1>" in page
    english = german.get("/risk-list", headers={"Accept-Language": "en"}).text
    assert '<html lang="en">' in english
    assert "<h1>Risk list</h1>" in english


def test_ones_own_choice_counts_more_and_can_be_taken_back(german: TestClient) -> None:
    form = re.search(r'name="csrf" value="([^"]+)"', german.get("/account").text)
    assert form is not None
    chosen = german.post("/account/language", data={"csrf": form[1], "language": "en"}, follow_redirects=False)
    assert chosen.status_code == 303
    assert german.cookies[COOKIE] == "en"
    assert '<html lang="en">' in german.get("/account").text
    german.post("/account/language", data={"csrf": form[1], "language": ""}, follow_redirects=False)
    assert '<html lang="de">' in german.get("/account").text
    unknown = german.post("/account/language", data={"csrf": form[1], "language": "xx"}, follow_redirects=False)
    assert unknown.status_code == 404


def test_programs_get_english_whatever_they_accept(german: TestClient) -> None:
    assert german.get("/risk-list.csv").text.partition("\n")[0].isascii()
    refusal = german.get("/v1/models", headers={"Accept": "application/json"})
    assert refusal.status_code == 401
    assert "key" in refusal.json()["detail"].lower()


def test_scripts_are_handed_their_words(german: TestClient) -> None:
    handed = re.search(r'<script type="application/json" id="words">(.*?)</script>', german.get("/").text)
    assert handed is not None
    assert json.loads(handed[1])["words"]["Link copied"] == "Link kopiert"
    assert json.loads(handed[1])["numbers"]["decimal"] == ","
    assert 'id="words"' not in german.get("/", headers={"Accept-Language": "en"}).text


def test_a_name_within_a_sentence_is_nobodys_word() -> None:
    """A sentence that was said once is not looked up as if somebody had recorded it in English."""
    page = environment().from_string('{{ tr("· owned by {owner}", owner=owner) }} {{ tr("Owner") }}: {{ owner }}')
    with speaking("de"):
        assert page.render(owner="billing") == "· verantwortlich: billing Verantwortlich: billing"


def test_no_english_sentence_is_left_on_a_page(german: TestClient) -> None:
    words = read_catalogue("de")
    english = {text for text, said in {**words.words, **words.recorded}.items() if text != said and " " in text}
    waiting, kinds, left, opened = ["/"], {"/"}, [], 0
    while waiting:
        path = waiting.pop()
        answer = german.get(path)
        if "text/html" not in answer.headers["content-type"]:
            continue
        opened += 1
        left += [f"{path}: {text}" for text in texts_of(answer.text) if text in english or text.rstrip(".") in english]
        for href in re.findall(r'href="([^"#]+)', answer.text):
            address = urlsplit(urljoin(path, html.unescape(href)))
            kind = NAMED.sub(r"\1/one", address.path)
            if address.netloc or address.path.startswith(ELSEWHERE) or kind in kinds:
                continue
            kinds.add(kind)
            waiting.append(f"{address.path}?{address.query}" if address.query else address.path)
    assert opened >= 20, "the walk did not get around"
    assert left == []


def texts_of(page: str) -> list[str]:
    """Return what is read on a page, and what a screen reader says."""
    seen = re.sub(r"<[^>]*>", "\n", INLINE.sub("", UNREAD.sub("\n", page))).split("\n")
    return [html.unescape(text).strip() for text in (*seen, *SPOKEN.findall(page)) if text.strip()]
