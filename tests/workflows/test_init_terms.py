"""`churn init --from` asks what the names of a contract's columns leave open, and takes nothing for granted."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from churn.config import SourceSettings, load_settings
from churn.workflows.init_project import init_project

ROWS = range(1, 25)


def day(number: int) -> str:
    return f"{date(2025, 1, 1) + timedelta(days=number)}"


def proposed(folder: Path, name: str, header: str, *columns: list[object]) -> tuple[str, dict[str, SourceSettings]]:
    """Write a file of these columns beside an id, and return the text of churn.toml and its sources."""
    ids = [f"C{n}" for n in ROWS]
    lines = [",".join(str(value) for value in row) for row in zip(ids, *columns, strict=True)]
    (folder / name).write_text("\n".join([f"customer_id,{header}", *lines, ""]), encoding="utf-8")
    init_project(folder, files=[folder / name], year=2026)
    path = folder / "churn.toml"
    text = path.read_text(encoding="utf-8")
    return text, dict(load_settings(config=path, home=folder / "home", environ={}).sources)


STARTS: list[object] = [day(n) for n in ROWS]
SOME_ENDS: list[object] = [day(300 + n) if n % 4 == 0 else "" for n in ROWS]


@pytest.mark.parametrize(
    ("words", "interval", "share"),
    [
        (("yearly", "monthly"), "billing_period", "when 'yearly' then 12 when 'monthly' then 1"),
        (
            ("jährlich", "monatlich"),
            "case lower(billing_period) when 'jährlich' then '12' when 'monatlich' then '1' end",
            "when 'jährlich' then 12 when 'monatlich' then 1",
        ),
    ],
)
def test_a_price_beside_a_billing_period_may_be_of_either(
    tmp_path: Path, words: tuple[str, str], interval: str, share: str
) -> None:
    periods: list[object] = [words[n % 2] for n in ROWS]
    prices: list[object] = [120 if n % 2 else 10 for n in ROWS]
    text, sources = proposed(
        tmp_path, "subscriptions.csv", "start_date,price,billing_period,end_date", STARTS, prices, periods, SOME_ENDS
    )
    columns = sources["subscriptions"].columns
    assert "monthly_fee" not in columns
    assert sorted(columns["billing_interval"].split()) == sorted(interval.split())
    assert '# monthly_fee = "price"\n' in text
    line = next(line for line in text.splitlines() if line.startswith('# monthly_fee = "price / case'))
    assert sorted(share.split()) == sorted(line.partition("(billing_period) ")[2].removesuffix(' end"').split())


def test_a_price_that_is_paid_by_the_month_and_a_monthly_fee_are_taken(tmp_path: Path) -> None:
    by_month: list[object] = ["monthly" for _ in ROWS]
    prices: list[object] = [10 for _ in ROWS]
    _, sources = proposed(
        tmp_path, "subscriptions.csv", "start_date,price,interval,end_date", STARTS, prices, by_month, SOME_ENDS
    )
    assert sources["subscriptions"].columns["monthly_fee"] == "price"
    assert sources["subscriptions"].columns["billing_interval"] == "interval"


def test_an_end_in_every_row_may_be_that_of_a_term_which_goes_on(tmp_path: Path) -> None:
    ends: list[object] = [day(365 + n) for n in ROWS]
    text, sources = proposed(tmp_path, "memberships.csv", "start_date,plan,expires_at", STARTS, ["p"] * 24, ends)
    assert not {"ended_at", "term_end"} & set(sources["subscriptions"].columns)
    assert '# ended_at = "expires_at"\n# term_end = "expires_at"\n' in text


def test_an_end_in_some_rows_is_one(tmp_path: Path) -> None:
    text, sources = proposed(tmp_path, "memberships.csv", "start_date,plan,expires_at", STARTS, ["p"] * 24, SOME_ENDS)
    assert sources["subscriptions"].columns["ended_at"] == "expires_at"
    assert "filled in every row" not in text


@pytest.mark.parametrize(
    ("name", "words", "gone"),
    [("status", ("active", "cancelled"), "cancelled"), ("cancelled", ("no", "yes"), "yes")],
)
def test_a_word_that_says_who_left_does_not_say_when(
    tmp_path: Path, name: str, words: tuple[str, str], gone: str
) -> None:
    states: list[object] = [words[n % 2] for n in ROWS]
    text, _ = proposed(tmp_path, "contracts.csv", f"start_date,plan,{name}", STARTS, ["p"] * 24, states)
    assert f"# canceled_at = \"case when {name} in ('{gone}') then THEIR_COLUMN end\"\n" in text


def test_subscriptions_that_never_end_are_asked_about(tmp_path: Path) -> None:
    text, _ = proposed(tmp_path, "contracts.csv", "start_date,plan", STARTS, ["p"] * 24)
    assert "No column says when somebody left" in text
    assert '# canceled_at = "THEIR_COLUMN"\n# ended_at = "THEIR_COLUMN"\n' in text


def test_customers_who_say_when_they_left_may_tell_of_churn(tmp_path: Path) -> None:
    mails: list[object] = [f"c{n}@mail.example" for n in ROWS]
    text, sources = proposed(tmp_path, "customers.csv", "created_at,email,churned_at", STARTS, mails, SOME_ENDS)
    assert set(sources) == {"customers"}
    assert "# [sources.churn_events]\n" in text
    assert '# columns = { customer_id = "customer_id", churned_at = "churned_at" }\n' in text


def test_calls_are_contacts_only_if_the_company_made_them(tmp_path: Path) -> None:
    text, sources = proposed(tmp_path, "calls.csv", "called_at", STARTS)
    assert sources == {}
    assert "calls.csv, 24 rows: contacts? Only if you made them" in text
    (tmp_path / "churn.toml").unlink()
    _, sources = proposed(tmp_path, "mailings.csv", "sent_at,campaign", STARTS, ["spring"] * 24)
    assert set(sources) == {"contacts"}
