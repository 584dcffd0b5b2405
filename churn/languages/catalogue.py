"""Reads the words of a language from its gettext file: translations by the English text, and the patterns of recorded sentences."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from gettext import c2py
from itertools import count
from pathlib import Path
from typing import Final

ENGLISH: Final = "en"
FOLDER: Final = Path(__file__).resolve().parent
RECORDED: Final = "recorded"  # the context of sentences that other parts of churn write, and pages recognise
# A mark `n` stands for a number, `word` for one word, `known` for a text that the catalogue knows; any other for whatever stands there.
_NUMBERED: Final = re.compile(r"n\d*")
_SINGLE: Final = re.compile(r"word\d*")
KNOWN: Final = re.compile(r"known\d*")
_A_NUMBER: Final = r"(?:\d{4}-\d\d-\d\d|[\u2212±+-]?[$€£]?\d[\d.,]*(?:[ \u00a0\u202f]?%)?)"
_MARK: Final = re.compile(r"\{(\w*)\}")
_WORD: Final = re.compile(r"\w+")


@dataclass(frozen=True)
class Pattern:
    """A recorded sentence with marks: what it looks like, what must stand in it, how much of it is fixed, and its translation."""

    regex: re.Pattern[str]
    literal: str
    size: int
    names: tuple[str, ...]
    translation: str


@dataclass(frozen=True)
class Catalogue:
    """What there is in one language: words by English text, plural forms, recorded texts, and patterns, most exact first."""

    code: str
    words: Mapping[str, str]
    plurals: Mapping[str, tuple[str, ...]]
    rule: Callable[[int], int]  # from a number to the place of its plural form
    recorded: Mapping[str, str]
    patterns: tuple[Pattern, ...]
    by_word: Mapping[
        str, tuple[int, ...]
    ]  # the places of patterns by a word that a text must hold; of those without under ""

    def patterns_for(self, text: str) -> Iterator[Pattern]:
        """Yield the patterns that may fit a text, most exact first."""
        words = {"", *_WORD.findall(text)}
        places = sorted(place for word in words for place in self.by_word.get(word, ()))
        return (self.patterns[place] for place in places if self.patterns[place].literal in text)

    def plural(self, singular: str, number: float) -> str | None:
        """Return the form of a counted sentence for `number`; None where the language lacks the sentence."""
        forms = self.plurals.get(singular)
        return None if forms is None else forms[self.rule(round(number))]


@cache
def languages() -> tuple[str, ...]:
    """Return the codes of the languages that pages know, English first."""
    return (ENGLISH, *sorted(file.stem for file in FOLDER.glob("*.po")))


def nearest_language(code: str) -> str:
    """Return `code` where the catalogues know it, else English: a report may be in a language that has no catalogue."""
    return code if code in languages() else ENGLISH


@cache
def read_catalogue(code: str) -> Catalogue:
    """Return the words of a language; none for English, whose words the sources are."""
    if code == ENGLISH:
        return Catalogue(code, {}, {}, int, {}, (), {})

    from babel.messages.plurals import get_plural
    from babel.messages.pofile import read_po

    with (FOLDER / f"{code}.po").open("rb") as file:
        entries = read_po(file, locale=code)
    words: dict[str, str] = {}
    plurals: dict[str, tuple[str, ...]] = {}
    recorded: dict[str, str] = {}
    patterns: list[tuple[Pattern, frozenset[str]]] = []
    for entry in entries:
        text, translation = entry.id, entry.string
        if not text or not translation or entry.fuzzy:
            continue
        if not isinstance(text, str):
            plurals[text[0]] = tuple(translation)
        elif not isinstance(translation, str):
            continue
        elif entry.context != RECORDED:
            words[f"{entry.context}\x04{text}" if entry.context else text] = translation
        elif _MARK.search(text):
            patterns.append((_pattern(text, translation), _whole_words(text)))
        else:
            recorded[text] = translation
    patterns.sort(key=lambda pattern: -pattern[0].size)
    rule = c2py(get_plural(code).plural_expr)
    by_word = _by_word([held for _, held in patterns])
    return Catalogue(code, words, plurals, rule, recorded, tuple(pattern for pattern, _ in patterns), by_word)


def _whole_words(text: str) -> frozenset[str]:
    """Return the words of a sentence with marks that stand in it as they are: not those that a value may grow on to."""
    return frozenset(_WORD.findall(re.sub(r"\w*\{\w*\}\w*", " ", text)))


def _by_word(held: Sequence[frozenset[str]]) -> dict[str, tuple[int, ...]]:
    """Return the places of sentences by the rarest of their words."""
    often = Counter(word for words in held for word in words)
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, words in enumerate(held):
        places[min(words, key=lambda word: (often[word], word), default="")].append(place)
    return {word: tuple(there) for word, there in places.items()}


def _pattern(text: str, translation: str) -> Pattern:
    pieces = _MARK.split(text)
    literals, marks = pieces[::2], pieces[1::2]
    bare = count()  # marks without a name, in their own order: the translation's are counted so too
    names = tuple(mark or f"_{next(bare)}" for mark in marks)
    parts = [re.escape(literals[0])]
    seen: set[str] = set()
    for name, literal in zip(names, literals[1:], strict=True):
        inside = _A_NUMBER if _NUMBERED.fullmatch(name) else r"\S+?" if _SINGLE.fullmatch(name) else ".*?"
        parts.append(f"(?P={name})" if name in seen else f"(?P<{name}>{inside})")
        parts.append(re.escape(literal))
        seen.add(name)
    bare = count()
    numbered = _MARK.sub(lambda mark: mark[0] if mark[1] else f"{{_{next(bare)}}}", translation)
    return Pattern(
        re.compile("".join(parts), re.DOTALL), max(literals, key=len), len("".join(literals)), names, numbered
    )
