"""Every language has words for every sentence of the pages, for none that is gone, and with the same marks in each."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from churn.languages.catalogue import ENGLISH, FOLDER, RECORDED, languages, read_catalogue
from churn.languages.recorded import is_known
from churn.languages.words import speaking
from churn.warehouse import load_models
from tests.languages.sources import MARK, Marked, marked, words_of, written

pytestmark = pytest.mark.xdist_group("sources")  # parsed once, see tests.grammar

OTHERS = [code for code in languages() if code != ENGLISH]
TAG = re.compile(r"<(/?\w+)[^>]*>")


@cache
def entries(code: str) -> Catalog:
    with (FOLDER / f"{code}.po").open("rb") as file:
        return read_po(file, locale=code)


def key_of(context: str | None, text: object) -> Marked:
    return (context or "", (str(text[0]), str(text[1])) if isinstance(text, tuple | list) else str(text))


def test_there_is_another_language_than_english() -> None:
    assert "de" in OTHERS


@pytest.mark.parametrize("code", OTHERS)
def test_every_sentence_of_the_pages_has_words(code: str) -> None:
    there = {key_of(entry.context, entry.id) for entry in entries(code) if entry.id and entry.string}
    missing = [f"{place}: {key}" for key, place in marked().items() if key not in there]
    assert missing == [], f"add them to churn/languages/{code}.po"


@pytest.mark.parametrize("code", OTHERS)
def test_no_entry_is_left_of_a_sentence_that_is_gone(code: str) -> None:
    needed = set(marked())
    gone = [
        str(entry.id)
        for entry in entries(code)
        if entry.id and entry.context != RECORDED and key_of(entry.context, entry.id) not in needed
    ]
    assert gone == []


@pytest.mark.parametrize("code", OTHERS)
def test_recorded_sentences_are_made_of_what_modules_and_sql_files_say(code: str) -> None:
    corpus = written()
    gone = [
        text
        for entry in entries(code)
        if entry.id and entry.context == RECORDED
        for text in [str(entry.id)]
        if not all(_is_written(piece, corpus) for piece in MARK.split(text)[::2])
    ]
    assert gone == []


@pytest.mark.parametrize("code", OTHERS)
def test_every_rule_of_quality_has_words_for_what_it_asks_and_what_to_do(code: str) -> None:
    rules = [model for name, model in load_models(Path("nowhere")).items() if name.startswith("checks.")]
    with speaking(code):
        missing = [text for rule in rules for text in (rule.description, rule.settings["remedy"]) if not is_known(text)]
    assert len(rules) > 15
    assert missing == []


def _is_written(piece: str, corpus: frozenset[tuple[str, ...]]) -> bool:
    """Say whether the words of a piece of a sentence stand in the sources, three by three where there are more; half of them do for one put together."""
    words = words_of(piece)
    if len(words) < 4:
        return all((word,) in corpus for word in words)
    trios = list(zip(words, words[1:], words[2:], strict=False))
    return sum(trio in corpus for trio in trios) >= 0.5 * len(trios)


@pytest.mark.parametrize("code", OTHERS)
def test_translations_have_the_marks_and_tags_of_their_sentences(code: str) -> None:
    wrong = []
    for entry in entries(code):
        if not entry.id:
            continue
        texts = entry.id if isinstance(entry.id, tuple | list) else (entry.id,)
        translations = entry.string if isinstance(entry.string, tuple | list) else (entry.string,)
        tags = Counter(TAG.findall(texts[-1]))
        wrong += [
            f"{texts[0]} | {text}"
            for text in map(str, translations)
            if set(MARK.findall(text)) != set(MARK.findall(texts[-1])) or Counter(TAG.findall(text)) != tags
        ]
    assert wrong == []


@pytest.mark.parametrize("code", OTHERS)
def test_every_plural_has_all_the_forms_of_the_language(code: str) -> None:
    catalogue = read_catalogue(code)
    forms = entries(code).num_plurals
    assert catalogue.plurals
    assert all(len(there) == forms and all(there) for there in catalogue.plurals.values())
    assert all(0 <= catalogue.rule(number) < forms for number in range(120))


@pytest.mark.parametrize("code", OTHERS)
def test_no_entry_waits_for_a_second_look(code: str) -> None:
    assert [str(entry.id) for entry in entries(code) if entry.id and entry.fuzzy] == []
