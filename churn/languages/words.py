"""Says sentences in the language of whoever asks; the English text is the source and the key.

The language is set for each request, for its thread and its tasks alone; a command and a job speak English. Values fill the
named marks of a sentence, `{days}`, and are words already: numbers and days are written by `churn.wording`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

from markupsafe import Markup, escape

from churn.languages.catalogue import ENGLISH, read_catalogue

P = ParamSpec("P")
R = TypeVar("R")
_LANGUAGE: ContextVar[str] = ContextVar("language", default=ENGLISH)


class Word(str):
    """A sentence that is said when it is shown: pages put it into words then."""

    __slots__ = ()


def language() -> str:
    """Return the code of the language spoken here and now."""
    return _LANGUAGE.get()


def speak(code: str) -> None:
    """Speak a language from here on, in this task and in what it starts."""
    _LANGUAGE.set(code)


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Speak a language within a block."""
    token = _LANGUAGE.set(code)
    try:
        yield
    finally:
        _LANGUAGE.reset(token)


def in_english(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate what makes sentences for the record: a page that asks for one gets it in English too, and recognises it.

    Made in another language its numbers would be written as that writes them, and be taken for English ones.
    """

    @wraps(function)
    def spoken(*args: P.args, **named: P.kwargs) -> R:
        with speaking(ENGLISH):
            return function(*args, **named)

    return spoken


def N_(text: str) -> str:  # noqa: N802  # its name wherever gettext is used
    """Return `text` marked as a sentence, for tables that are made once: it is said when a page shows it."""
    return Word(text)


def shown(value: object) -> object:
    """Return a marked sentence in the language spoken, and everything else as it is."""
    return tr(value) if isinstance(value, Word) else value


def within(text: str) -> str:
    """Return a name as it stands inside a sentence: in English in small letters, elsewhere as it is."""
    name = str(shown(text))
    return name.lower() if _LANGUAGE.get() == ENGLISH else name


def tr(text: str, /, **values: object) -> str:
    """Return a sentence in the language spoken, with its values. Markup among them is kept, everything else is escaped then."""
    code = _LANGUAGE.get()
    return _filled(text if code == ENGLISH else read_catalogue(code).words.get(text, text), values)


def trc(context: str, text: str, /) -> str:
    """Return a word that means different things in different places, said as in the place that `context` names."""
    code = _LANGUAGE.get()
    return text if code == ENGLISH else read_catalogue(code).words.get(f"{context}\x04{text}", text)


def trn(singular: str, plural: str, number: float, /, **values: object) -> str:
    """Return a sentence in the form that the language has for `number`, with its values."""
    code = _LANGUAGE.get()
    text = None if code == ENGLISH else read_catalogue(code).plural(singular, number)
    return _filled(text or (singular if number == 1 else plural), values)


def tr_html(text: str, /, **values: object) -> Markup:
    """Return a sentence that holds tags, in the language spoken; its values are escaped."""
    code = _LANGUAGE.get()
    sentence = text if code == ENGLISH else read_catalogue(code).words.get(text, text)
    markup = Markup(sentence)  # noqa: S704  # of templates and catalogues, which we write
    return markup.format(**{name: shown(value) for name, value in values.items()}) if values else markup


def by_language(maxsize: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that keeps the newest results of a function, apart for each language."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @lru_cache(maxsize=maxsize)
        def kept(_language: str, *args: P.args, **named: P.kwargs) -> R:
            return function(*args, **named)

        @wraps(function)
        def called(*args: P.args, **named: P.kwargs) -> R:
            return kept(_LANGUAGE.get(), *args, **named)  # type: ignore[arg-type]

        return called

    return decorate


def _filled(text: str, given: Mapping[str, object]) -> str:
    if not given:
        return text
    values = {name: shown(value) for name, value in given.items()}
    if any(hasattr(value, "__html__") for value in values.values()):
        return escape(text).format(**values)
    return text.format(**values)
