"""What the terminal shows is text: data are never markup, and never commands to the terminal."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from churn.cli import tables
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


def test_a_long_title_over_a_narrow_table_stays_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    table("As of 2026-08-09 00:00 UTC", ["n"], [[1]])
    assert capsys.readouterr().out.splitlines()[0] == "As of 2026-08-09 00:00 UTC"


def test_a_table_without_rows_says_what_is_missing_where_that_can_be_said(capsys: pytest.CaptureFixture[str]) -> None:
    table("Keys", ["name"], [], nothing="There is no key yet.")
    table("Answer", ["name"], [])
    said, title, *rest = capsys.readouterr().out.splitlines()
    assert (said, title, "name" in " ".join(rest)) == ("There is no key yet.", "Answer", True)


def test_letters_of_all_scripts_lines_and_tabs_are_shown() -> None:
    text = "Köln 東京 עברית 🙂\n\tx"
    assert shown(text) == text


def test_progress_is_text_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    session = Session(home=None, config=None, as_json=False, quiet=False)
    session.progress.step("Loading Basic [/legacy]", 0.5)
    session.progress.close()


ROWS = [
    ("C0007569", "66.2 %", "critical", "$30.96", "no login for 21 days; customer for 10.9 months"),
    ("C0007554", "62.3 %", "critical", "$1,029.02", "no login for 33 days"),
]
COLUMNS = ["customer", "risk", "band", "expected profit", "why"]


def printed(monkeypatch: pytest.MonkeyPatch, width: int, columns: list[str], rows: list[tuple[str, ...]]) -> list[str]:
    text = io.StringIO()
    monkeypatch.setattr(tables, "console", lambda: Console(width=width, file=text))
    tables.table("List", columns, rows, right=[1, 3])
    return [line.rstrip() for line in text.getvalue().splitlines()]


def test_a_terminal_of_eighty_columns_wraps_texts_and_cuts_no_number_or_id(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = printed(monkeypatch, 80, COLUMNS, ROWS)
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    assert all(cell in text for row in ROWS for cell in row[:4])
    assert "no login for 33 days" in text


def test_where_a_table_does_not_fit_each_row_is_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = printed(monkeypatch, 40, COLUMNS, ROWS)
    assert max(map(len, lines)) <= 40
    assert [line for line in lines if line and not line.startswith(" ")] == ["List", "C0007569", "C0007554"]
    assert "  expected profit  $1,029.02" in lines


def test_a_pipe_gets_whole_rows(capsys: pytest.CaptureFixture[str]) -> None:
    long = "word " * 60
    tables.table("", ["id", "text"], [("C1", long.strip())])
    assert long.strip() in capsys.readouterr().out


@given(
    st.lists(st.tuples(*[st.text("ab $1", max_size=30)] * 3), min_size=1, max_size=4),
    st.integers(20, 200),
)
def test_no_line_of_a_table_is_wider_than_the_terminal(rows: list[tuple[str, ...]], width: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        assert max(map(len, printed(patch, width, ["one", "two words", "three"], rows))) <= width
