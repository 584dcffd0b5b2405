"""`churn init --from` proposes a column that says who wants no marketing as objections, never as consent."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from churn.warehouse import open_warehouse
from churn.warehouse.loading.ingest import ingest
from tests.workflows.test_init_from_files import proposed

EMAILS = [f"a{n}@example.com" for n in range(1, 31)]


def objecting(folder: Path, heading: str, words: list[str], more: tuple[str, list[str]] | None = None) -> list[str]:
    """Write customers with such a column, load them as proposed, and return who objected."""
    headings = ["Customer ID", "Email", heading, *([more[0]] if more else [])]
    lines = [",".join(headings)]
    for n, email in enumerate(EMAILS):
        cells = [str(n + 1), email, words[n % len(words)], *([more[1][n % len(more[1])]] if more else [])]
        lines.append(",".join(cells))
    (folder / "customers.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    _, settings = proposed(folder, "customers.csv")
    assert "marketing_consent" not in settings.sources["customers"].columns
    with open_warehouse(None, holder="tests") as warehouse:
        ingest(warehouse, settings.sources, now=datetime(2026, 3, 1))
        rows = warehouse.rows(
            "select customer_id from raw.customers where objected_at is not null order by cast(customer_id as int)"
        )
        return [row[0] for row in rows]


HEADINGS = (
    "Newsletter abgemeldet", "unsubscribed", "opt_out", "Email Opt Out", "do_not_contact", "HasOptedOutOfEmail", "DoNotCall",
    "no_marketing", "Werbesperre", "Keine Werbung", "is_unsubscribed", "Werbewiderspruch",
    "BLOCKLISTED", "Blacklisted", "Suppression",
)  # fmt: skip
WORDS = (["1", "0", "0"], ["TRUE", "FALSE", "FALSE"], ["x", "", ""], ["Yes", "No", "N/A"], ["ja", "nein", ""])


@pytest.mark.parametrize(
    ("heading", "words"),
    [*((heading, WORDS[-1]) for heading in HEADINGS), *(("unsubscribed", words) for words in WORDS)],
)
def test_only_those_who_said_so_objected(tmp_path: Path, heading: str, words: list[str]) -> None:
    assert objecting(tmp_path, heading, words) == [str(n) for n in range(1, 31, 3)]


def test_whoever_objected_in_one_of_two_columns_objected(tmp_path: Path) -> None:
    who = objecting(tmp_path, "email_opt_out", ["1", "0", "0"], ("phone_opt_out", ["0", "0", "1"]))
    assert who == [str(n) for n in range(1, 31) if n % 3 != 2]


def test_words_that_nobody_knows_are_a_question(tmp_path: Path) -> None:
    lines = [f"{n},{email},{'A' if n % 2 else 'B'}" for n, email in enumerate(EMAILS)]
    (tmp_path / "customers.csv").write_text("id,email,unsubscribed\n" + "\n".join(lines) + "\n", encoding="utf-8")
    text, settings = proposed(tmp_path, "customers.csv")
    assert "objected_at" not in settings.sources["customers"].columns
    assert "unsubscribed (`A`, `B`) sounds like an objection to marketing, and is not read as one." in text


def test_exports_of_mailing_tools_tell_who_objected_when_and_whose_customer_it_is(tmp_path: Path) -> None:
    def rows(*columns: str) -> str:
        return "\n".join(",".join(column.format(n=n) for column in columns) for n in range(1, 31))

    head = "Email Address,MEMBER_RATING,OPTIN_TIME,UNSUB_TIME,UNSUB_REASON,LEID,CUSTOMERID\n"
    unsubscribed = rows(
        "a{n}@x.example", "2", "2025-01-03 10:22:11", "2026-03-{n:0>2} 09:00:00", "NORMAL", "9{n}", "C{n}"
    )
    (tmp_path / "unsubscribed.csv").write_text(head + unsubscribed + "\n", encoding="utf-8")
    _, settings = proposed(tmp_path, "unsubscribed.csv")
    assert settings.sources["customers"].columns == {
        "customer_id": "CUSTOMERID",
        "email": "Email Address",
        "objected_at": "UNSUB_TIME",
    }


def test_a_consent_that_was_never_given_is_none_and_the_companys_own_number_counts(tmp_path: Path) -> None:
    words = ("SUBSCRIBED", "UNSUBSCRIBED", "NEVER_SUBSCRIBED")
    lines = [f"01HA{n},{email},{words[n % 3]},C{n}" for n, email in enumerate(EMAILS)]
    head = "Contact ID,Email,Email Marketing Consent,External ID\n"
    (tmp_path / "people.csv").write_text(head + "\n".join(lines) + "\n", encoding="utf-8")
    _, settings = proposed(tmp_path, "people.csv")
    customers = settings.sources["customers"]
    assert customers.columns["customer_id"] == "External ID"
    assert customers.columns["marketing_consent"] == "Email Marketing Consent"
    assert customers.codes["marketing_consent"] == {
        "SUBSCRIBED": True,
        "UNSUBSCRIBED": False,
        "NEVER_SUBSCRIBED": False,
    }
