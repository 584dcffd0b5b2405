"""Every sentence that is written down for pages to show has words in every language, whichever part writes it."""

from __future__ import annotations

import re

import pytest

from churn.languages.catalogue import ENGLISH, languages
from churn.languages.recorded import is_known
from churn.languages.words import speaking
from tests.languages.errors import VALUE
from tests.languages.prose import PROSE, recorded_sentences
from tests.languages.test_errors import ANOTHER, SAMPLES, is_sentence

pytestmark = pytest.mark.xdist_group("sources")  # parsed once, see tests.grammar

OTHERS = [code for code in languages() if code != ENGLISH]
BEFORE = re.compile(r"^\x01\w*\x02 (?=[A-Z])")  # a sentence before this one that is written elsewhere
CODE = re.compile(r"[a-z]+(?:[_ ][a-z]+){1,2}")  # the name of a method or a verdict: pages have their own words for it


def own(text: str) -> str:
    """Return a text without the sentences around it that are written elsewhere."""
    return BEFORE.sub("", ANOTHER.sub("", text)).strip()


@pytest.mark.parametrize("code", OTHERS)
def test_every_sentence_that_is_written_down_has_words(code: str) -> None:
    with speaking(code):
        missing = [
            f"{place}: {VALUE.sub(lambda value: f'{{{value[1]}}}', text)}"
            for text, place in ((own(text), place) for text, place in recorded_sentences().items())
            if is_sentence(text)
            and CODE.fullmatch(text) is None
            and not any(is_known(VALUE.sub(sample, text)) for sample in SAMPLES)
        ]
    assert missing == [], f'add them to churn/languages/{code}.po with the context "recorded"'


def test_the_search_for_sentences_gets_everywhere() -> None:
    places = set(recorded_sentences().values())
    for folder in ("campaigns", "monitoring", "exploration", "modeling", "decisions", "crm", "jobs", "workflows"):
        assert any(place.startswith(f"churn/{folder}/") for place in places), folder
    assert len(recorded_sentences()) > 400


@pytest.mark.parametrize(
    "sentence",
    [
        "No night has been scored yet.",  # a constant
        "no campaign runs and no programme is due",  # handed to a function that makes it
        "\x01count\x02 customers have this e-mail address",  # a value among its words
        "The \x01name\x02 run of \x01logical_date\x02 failed at \x01words\x02",  # of an alert
    ],
)
def test_sentences_are_found_where_they_are_written(sentence: str) -> None:
    assert any(sentence in text for text in recorded_sentences()), sorted(PROSE)
