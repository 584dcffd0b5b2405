"""Recognises sentences that were written in English, and says them in the language spoken.

Jobs write findings, alerts, reasons and plans at night, for nobody's language yet, and errors come from everywhere. A page
says such a text in its own language where the catalogue has it: as a whole, by a pattern with marks, or sentence by sentence.
What no entry fits stays as it is.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice
from typing import Final

from churn.languages.catalogue import ENGLISH, KNOWN, Catalogue, read_catalogue
from churn.languages.words import N_, Word, language, tr

_END: Final = re.compile(r"(?<=[.!?]) (?=[A-Z0-9“\"`])")
_NUMBER: Final = re.compile(r"(?<![\w.,:/])(?<!\w-)(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?(?![\w:/]|[.,]\d|-\d)")
_ENGLISH_MONEY: Final = re.compile(r"([$€£])(\d{1,3}(?:,\d{3})*(?:\.\d+)?|\d+(?:\.\d+)?)(?![\d.,]*[kMB]\b)")
_PERCENT: Final = re.compile(r"(?<=\d)%(?!\w)")
_AND: Final = N_(" and ")
_COLON: Final = re.compile(": ")
_PLACES: Final = 4  # a step, a file, a section, a field
_DEPTH: Final = 3


def recorded(text: str) -> str:
    """Return a text that was written in English in the language spoken, or as it is."""
    code = language()
    if isinstance(text, Word):
        return tr(text)
    return text if code == ENGLISH or not text else _said(code, text)


def is_known(text: str) -> bool:
    """Say whether the language spoken has words for each sentence of a text."""
    if language() == ENGLISH:
        return True
    words = read_catalogue(language())
    return _whole(words, text, 0) is not None or all(_sentence(words, part, 0) for part in _END.split(text))


@lru_cache(maxsize=16_384)
def _said(code: str, text: str) -> str:
    return _in_words(read_catalogue(code), text, 0)


def _in_words(words: Catalogue, text: str, depth: int) -> str:
    """Return a text sentence by sentence where each is known, else as a whole, else with those that are known."""
    begin, end = len(text) - len(text.lstrip()), len(text.rstrip())
    sentences = _END.split(text[begin:end])
    translated: list[str | None] = []
    if len(sentences) > 1:
        translated = [_sentence(words, sentence, depth) for sentence in sentences]
        if all(translated):
            return f"{text[:begin]}{' '.join(filter(None, translated))}{text[end:]}"
    whole = _listed(words, text, depth) or _sentence(words, text, depth)
    if whole is not None:
        return whole
    joined = " ".join(now or before for now, before in zip(translated, sentences, strict=False))
    return f"{text[:begin]}{joined}{text[end:]}" if any(translated) else text


def _sentence(words: Catalogue, text: str, depth: int) -> str | None:
    """Return a sentence that is known by itself, clause by clause, or behind the place that it speaks of; None where none is."""
    return _whole(words, text, depth) or _clauses(words, text, depth) or _placed(words, text, depth)


def _placed(words: Catalogue, text: str, depth: int) -> str | None:
    """Return `place: what is wrong there` where what is wrong is known; None where it is not."""
    for colon in islice(_COLON.finditer(text), _PLACES):
        rest = text[colon.end() :]
        in_words = _whole(words, rest, depth) or _clauses(words, rest, depth)
        if in_words is not None:
            return f"{_value(words, text[: colon.start()], depth + 1)}: {in_words}"
    return None


def _clauses(words: Catalogue, text: str, depth: int) -> str | None:
    """Return clauses that semicolons part, where each is known; None where one is not."""
    parts = text.removesuffix(".").split("; ") if text not in words.recorded else ()
    if len(parts) < 2:
        return None
    clauses = [_whole(words, part, depth) or _placed(words, part, depth) for part in parts]
    if not all(clauses):
        return None
    first, *others = filter(None, clauses)
    joined = "; ".join((first, *others))
    return f"{joined}." if text.endswith(".") else joined


def _listed(words: Catalogue, text: str, depth: int) -> str | None:
    """Return `this and that` where both are known; None where one is not."""
    parts = [_whole(words, part, depth) for part in text.split(_AND)]
    if len(parts) < 2 or any(part is None for part in parts):
        return None
    return tr(_AND).join(part for part in parts if part is not None)


def _whole(words: Catalogue, text: str, depth: int) -> str | None:
    """Return the translation of a text; also of one that has or lacks its first capital or its last mark; None for none."""
    small = text[:1].lower() + text[1:]
    forms = [
        (text, _same),
        (small, _capital),
        (text.removesuffix("."), _stopped),
        (small.removesuffix("."), _capital_stopped),
        (text.removesuffix(";"), _parted),
        (f"{text}.", _unstopped),
        (_capital(text), _same),
    ]
    others = [(form, undo) for form, undo in forms if form != text or undo is _same]
    for form, undo in others:
        if form in words.recorded:
            return undo(words.recorded[form])
    for form, undo in others:
        translated = _by_pattern(words, form, depth)
        if translated is not None:
            return undo(translated)
    return None


def _same(text: str) -> str:
    return text


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _stopped(text: str) -> str:
    return f"{text}."


def _capital_stopped(text: str) -> str:
    return f"{_capital(text)}."


def _parted(text: str) -> str:
    return f"{text};"


def _unstopped(text: str) -> str:
    return text.removesuffix(".")


def _by_pattern(words: Catalogue, text: str, depth: int) -> str | None:
    for pattern in words.patterns_for(text):
        match = pattern.regex.fullmatch(text)
        if match and match.end(match.lastindex or 0) == len(text) and text.endswith(".") and not text.endswith(".."):
            continue  # its last mark holds the full stop: the text is tried without it, too
        if match and any("; " in value for value in match.groups()) and _clauses(words, text, depth) is not None:
            continue  # a mark holds clauses that have words of their own
        if match and all(_whole(words, match[n], depth + 1) for n in pattern.names if KNOWN.fullmatch(n)):
            values = {name: _value(words, match[name], depth + 1) for name in pattern.names}
            return pattern.translation.format(**values)
    return None


def _value(words: Catalogue, text: str, depth: int) -> str:
    translated = _in_words(words, text, depth) if depth < _DEPTH else text
    return _in_numbers(words.code, text) if translated == text else translated


def _in_numbers(code: str, text: str) -> str:
    """Return a text whose numbers and amounts are written as the language writes them."""
    from babel import Locale

    locale = Locale.parse(code)
    symbols = locale.number_symbols["latn"]
    decimal, group = symbols["decimal"], symbols["group"]

    def number(match: re.Match[str]) -> str:
        return match[1].replace(",", group) + (decimal + match[2][1:] if match[2] else "")

    text = _ENGLISH_MONEY.sub(lambda match: f"{match[2]}\u00a0{match[1]}", text)
    percent = locale.percent_formats[None].pattern.replace("#,##0", "")
    return _NUMBER.sub(number, _PERCENT.sub(percent, text))
