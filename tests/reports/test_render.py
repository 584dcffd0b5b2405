"""Templates: everything escaped, nothing missing in silence, mistakes named by file and line."""

from datetime import date, datetime

import pytest

from churn.errors import ConfigError
from churn.reports.render import environment, render
from churn.wording import day, instant


def written(home, text):
    (home / "reports").mkdir(exist_ok=True)
    (home / "reports" / "mine.html.j2").write_text(text)
    return home


def test_values_are_escaped(tmp_path):
    assert render("mine.html", home=written(tmp_path, "{{ x }}"), x="<b>") == "&lt;b&gt;\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{{ nothing }}", "nothing"),
        ("one\n{% if %}", "line 2"),
        ("{% include 'gone.html' %}", "gone.html"),
    ],
)
def test_a_template_that_cannot_be_filled_is_named(tmp_path, text, says):
    with pytest.raises(ConfigError, match=says):
        render("mine.html", home=written(tmp_path, text))


def test_shares_and_counts_that_do_not_exist_are_dashes(tmp_path):
    text = "{{ none | percent }} {{ none | count }} {{ 0.064 | percent }} {{ 1234.4 | count }} {{ 5.5 | money('EUR') }}"
    assert environment(written(tmp_path, text)).get_template("mine.html").render() == "- - 6.4\u00a0% 1,234 €5.50"


def test_days_and_instants_read_as_people_write_them():
    assert day(date(2026, 1, 3)) == day("2026-01-03T04:05:06") == "3 January 2026"
    assert instant(datetime(2026, 1, 3, 4, 5)) == instant("2026-01-03T04:05:00") == "3 January 2026, 04:05 UTC"
    assert day(None) == instant(None) == "-"
