"""What the terminal shows is text: data are never markup, and never commands to the terminal."""

from __future__ import annotations

import pytest

from churn.cli.common import Session
from churn.cli.tables import facts, line, shown, table

HOSTILE = ["Basic [/legacy]", "[bold]Pro[/bold]", "[link=http://x.example]y[/link]", "a:smile:b", "[/]", "[]", "\\[x]"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_table_shows_brackets_and_colons_as_they_stand(capsys: pytest.CaptureFixture[str], text: str) -> None:
    table(f"Plans of {text}", [text, "customers"], [[text, 1], [None, 2]], right=[1])
    facts([(text, text)])
    line(text)
    assert capsys.readouterr().out.count(text) == 6


@pytest.mark.parametrize("sign", ["\x1b[31m", "\x1b]0;title\x07", "\x9b2J", "\u202e", "\u2066", "\r", "\x08"])
def test_what_would_command_the_terminal_is_shown_as_a_replacement(
    capsys: pytest.CaptureFixture[str], sign: str
) -> None:
    table("", ["plan"], [[f"a{sign}b"]])
    facts([("plan", f"a{sign}b")])
    line(f"a{sign}b")
    out = capsys.readouterr().out
    assert not set(out) & set("\x1b\x07\x9b\u202e\u2066\r\x08")
    assert out.count("a\N{REPLACEMENT CHARACTER}") == 3


def test_letters_of_all_scripts_lines_and_tabs_are_shown() -> None:
    text = "Köln 東京 עברית 🙂\n\tx"
    assert shown(text) == text


def test_progress_is_text_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    session = Session(home=None, config=None, as_json=False, quiet=False)
    session.progress.step("Loading Basic [/legacy]", 0.5)
    session.progress.close()
