"""What there is to translate: sentences that templates and modules mark, and all the text that recorded sentences come from."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from jinja2.ext import babel_extract
from pydantic_core._pydantic_core import list_all_errors

from tests import ROOT
from tests.grammar import nodes, sources

KEYWORDS = ("tr", "tr_html", "N_", "trn", "trc")  # the functions that mark sentences
MARK = re.compile(r"\{(\w*)\}")
# What the wording of reasons makes of a phrase in the plural for one thing, and for none.
_COUNTED = re.compile(r"\{\} ((?:\w+ )?\w+?)(ies|s)\b")
Marked = tuple[str, str | tuple[str, str]]  # what a word means here, or nothing; the sentence, or it and its plural


@cache
def marked() -> dict[Marked, str]:
    """Return every marked sentence with the file that holds it."""
    sentences: dict[Marked, str] = {}
    for file in sources():
        for node in nodes(file):  # by its grammar: also inside of f-strings
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KEYWORDS:
                texts = tuple(arg.value if isinstance(arg, ast.Constant) else None for arg in node.args)
                _keep(sentences, node.func.id, texts, file)
    for file in sorted([*(ROOT / "churn" / "api" / "templates").rglob("*.j2"), *(ROOT / "reports").rglob("*.j2")]):
        with file.open("rb") as source:
            for marked_in_template in babel_extract(source, KEYWORDS, [], {}):
                _keep(sentences, marked_in_template[1], marked_in_template[2], file)
    return sentences


def _keep(sentences: dict[Marked, str], keyword: object, texts: object, file: Path) -> None:
    parts = (texts,) if isinstance(texts, str) else texts
    if not isinstance(parts, tuple) or not parts or not isinstance(parts[0], str) or not parts[0]:
        return  # a sentence in a variable: it is marked where it is written
    key: Marked = ("", parts[0])
    if keyword == "trn":
        key = ("", (parts[0], parts[1]))
    elif keyword == "trc":
        key = (parts[0], parts[1])
    sentences.setdefault(key, file.relative_to(ROOT).as_posix())


@cache
def written() -> frozenset[tuple[str, ...]]:
    """Return the words, and all words three by three, of the texts in modules, SQL files and reports that recorded sentences are made of."""
    texts = [text for file in sources() for text in _constants(file)]
    sql = [file.read_text(encoding="utf-8") for file in sorted((ROOT / "sql").rglob("*.sql"))]
    phrases = [phrase for text in sql for phrase in re.findall(r'"([^"\n]*)"', text)]
    for phrase in phrases:
        single = _COUNTED.sub(lambda match: "1 " + match[1] + ("y" if match[2] == "ies" else ""), phrase)
        texts += [single, phrase.replace("{}", "no"), phrase.replace("about {}", "hardly any")]
    texts += [
        file.read_text(encoding="utf-8") for file in sorted(ROOT.glob("campaigns/*.toml"))
    ]  # titles of those that ship
    texts += [file.read_text(encoding="utf-8") for file in sorted((ROOT / "churn").rglob("*.toml"))]
    texts += [str(message["message_template_python"]) for message in list_all_errors()]  # of settings and files
    words = words_of("\n".join([*texts, *sql, (ROOT / "reports" / "words" / "en.toml").read_text(encoding="utf-8")]))
    return frozenset((word,) for word in words) | frozenset(zip(words, words[1:], words[2:], strict=False))


def words_of(text: str) -> list[str]:
    """Return the words of a text in small letters, without numbers and marks."""
    return re.findall(r"[^\W\d_]+", text.lower())


def _constants(file: Path) -> Iterator[str]:
    for node in nodes(file):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
