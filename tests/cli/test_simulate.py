"""`churn simulate` as its user types it: one document or one screen, errors in their class."""

import json

import pytest
import typer
from typer.testing import CliRunner

from churn.cli import simulate as command
from churn.cli.plot import BAND, CURVE, MARK, band_plot
from churn.cli.simulation_view import show, show_side_by_side
from tests.reports.documents import document


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "110")
    app = typer.Typer()
    command.register(app)

    def invoke(*arguments, code=0):
        done = CliRunner().invoke(app, [*arguments, "--home", str(tmp_path / "home")])
        assert done.exit_code == code, done.output
        return done

    return invoke


def test_the_case_study_as_json_is_one_document_and_nothing_else(run):
    found = json.loads(run("--preset", "case-study", "--json").stdout)
    assert found["net_profit"] == 46_000
    assert found["file"] is None


def test_the_case_study_on_a_terminal_reads_from_answer_to_assumptions(run):
    text = run("--preset", "case-study").stdout
    assert text.startswith("Contact 11,000 customers, spend $22,000, expect $46,000 net, 90 % between $20,")
    assert text.index("break-even") < text.index("What matters most") < text.index("What this assumes")
    assert "$76,800" in text


def test_two_scenarios_stand_side_by_side(run, tmp_path):
    earlier = tmp_path / "dear.json"
    run("--preset", "case-study", "--contact-cost", "3", "--out", str(earlier), "--quiet")
    text = run("--preset", "case-study", "--compare", str(earlier)).stdout
    assert "Side by side" in text
    assert "$35,000" in text
    found = json.loads(run("--preset", "case-study", "--compare", str(earlier), "--json").stdout)
    assert [s["net_profit"] for s in found["scenarios"]] == [35_000]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--budget", "5", "--contacts", "3"], 2, "exclude"),
        (["--preset", "case-study", "--out", "a.xls"], 2, ".html"),
        (["--threshold", "2"], 2, "threshold"),
        (["--profit-model", "magic"], 2, "magic"),
        ([], 3, "churn score"),
        (["--on", "evaluation"], 4, "churn train"),
        (["--preset", "case-study", "--compare", "nothing.json"], 2, "no such file"),
    ],
)
def test_what_cannot_be_done_ends_with_its_class_of_error(run, arguments, code, says):
    assert says in run(*arguments, code=code).output


def test_a_simulation_of_customers_shows_its_curve(capsys):
    show(document(mode="contacts", amount=300))
    text = capsys.readouterr().out
    assert CURVE in text
    assert MARK in text
    assert "300 of 2,000" in text
    assert "of highest expected profit, at probabilities of" in " ".join(text.split())


def test_an_override_and_a_campaign_of_nobody_are_said(capsys):
    show(document(is_overridden=True))
    assert "NOT CALIBRATED" in capsys.readouterr().out
    show(document(value=0.5))
    assert capsys.readouterr().out.startswith("Contact nobody")


def test_unnamed_scenarios_compare_too(capsys):
    show_side_by_side([document(name=None), document(name="other", known=True)])
    text = capsys.readouterr().out
    assert "this one" in text
    assert "other" in text


def test_a_plot_shows_curve_band_zero_and_mark_within_its_width():
    lines = band_plot(
        [10, 20, 40],
        [5, 8, -6],
        [2, 3, -12],
        [9, 13, 1],
        mark=(20, 8),
        x_label=str,
        y_label=lambda v: f"{v:.0f}",
        width=50,
    )
    assert max(map(len, lines)) <= 50
    assert all(sign in "".join(lines) for sign in (BAND, CURVE, MARK, "─"))
    assert lines[0].split()[0] == "13"
    assert lines[-1].split() == ["0.0", "20.0", "40"]


def test_a_plot_of_nothing_but_zeros_does_not_fail():
    assert band_plot([1], [0], [0], [0], mark=None, x_label=str, y_label=str)
