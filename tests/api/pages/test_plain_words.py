"""Pages speak of what one can do on them: no command for a terminal in a template, nor in a text that a page shows."""

from __future__ import annotations

import html
import re

import pytest
from markupsafe import Markup

from churn.api.pages.frame import FOLDER, environment
from churn.api.pages.plain_words import on_page, unticked, without_links_in_attributes
from churn.cli.commands import COMMANDS
from tests.api.conftest import Service
from tests.api.pages.crawl import every_page

UNSPOKEN = {
    "an address of the API": re.compile(r"\b(?:GET|POST|PUT|PATCH|DELETE) /|/v1/"),
    "a command": re.compile(
        r"`churn\b|\bchurn (?:" + "|".join(sorted(COMMANDS)) + r") (?=--|[A-Z]{2,}\b)|\bcurl\b|\$ churn\b"
    ),
    "an option of a command": re.compile(r"(?<![\w-])--[a-z]{2,}"),
    "a value that nobody put into words": re.compile(r"(?<![\w.])(?:None|NaN|nan|null|True|False)(?![\w.])"),
}
WRITTEN_BY_OTHERS = re.compile(r"(?s)<(script|style|textarea|template)\b.*?</\1>|<!--.*?-->")


def test_no_template_holds_a_command_for_a_terminal() -> None:
    held = {
        path.name: re.findall(r"(?:<code>|`)churn [a-z-]+", path.read_text(encoding="utf-8"))
        for path in FOLDER.rglob("*.j2")
    }
    assert not {name: found for name, found in held.items() if found}


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_in_a_text_becomes_a_place_of_the_pages_or_whoever_runs_churn(command: str) -> None:
    shown = environment().from_string("{{ text }}").render(text=f"Late. `churn {command} NAME --now` mends <it>.")
    assert "`" not in shown
    assert f"churn {command}" not in shown
    assert "&lt;it&gt;" in shown
    assert "<a href=" in shown or "Whoever runs churn" in shown


def test_a_sentence_stays_one() -> None:
    assert on_page("Run `churn score` first.") == Markup(
        'Run <a href="/jobs">the scoring under Jobs and data</a> first.'
    )
    assert on_page("Train with `churn train`, or accept it with --allow-uncalibrated.") == Markup(
        'Train with <a href="/jobs">the training under Jobs and data</a>, or accept it.'
    )
    assert on_page("Run `churn init` for examples.") == Markup("Ask whoever runs churn for examples.")
    assert on_page("`call` is off.") == "`call` is off."
    assert on_page(3) == 3


def test_an_attribute_holds_the_words_of_a_link_alone() -> None:
    template = environment().from_string('<p class="x" data-announce="{{ text }}">{{ text }}</p>')
    html = template.render(text='"Late": see `churn campaigns show`, then `churn plan`, <b>now</b>.')
    shown = without_links_in_attributes(html)
    link = '<a href="/campaigns">{}</a>'
    words = "&#34;Late&#34;: see {}, then {}, &lt;b&gt;now&lt;/b&gt;."
    names = ("the page Campaigns", "a plan on the page of the campaign or programme")
    assert shown == f'<p class="x" data-announce="{words.format(*names)}">{words.format(*map(link.format, names))}</p>'


def test_names_lose_their_ticks_and_commands_become_places() -> None:
    assert unticked("`call` is off in `keep`") == "call is off in keep"
    assert unticked("`call` is off; `churn plan keep --despite-alarm` makes it.") == Markup(
        'call is off; <a href="/campaigns">a plan on the page of the campaign or programme</a> makes it.'
    )


def test_no_page_speaks_the_language_of_terminals_or_programs(standing_service: Service) -> None:
    spoken = []
    for path, page in every_page(standing_service):
        if path == "/docs":  # the reference of the API itself
            continue
        text = html.unescape(re.sub(r"<[^>]*>", " ", WRITTEN_BY_OTHERS.sub(" ", page)))
        for name, words in UNSPOKEN.items():
            spoken += [f"{path}: {name}: …{text[max(0, m.start() - 40) : m.end() + 30]}…" for m in words.finditer(text)]
    assert spoken == []
