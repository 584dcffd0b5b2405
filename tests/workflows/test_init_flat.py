"""`churn init --from` on flat tables as they are passed around: labels in words, no id, numbered rows, lines of invoices."""

from __future__ import annotations

from pathlib import Path

import pytest

from churn.bootstrap import build_context
from churn.config import Settings, load_settings
from churn.errors import ChurnError
from churn.warehouse import open_warehouse
from churn.workflows.init_project import init_project
from churn.workflows.refresh import refresh_warehouse
from churn.workflows.refresh.preview import preview_sources

ROWS = 120


def proposed(folder: Path, name: str, head: str, *rows: str) -> tuple[str, Settings]:
    """Write the file, propose its section, and return the text and the settings that it makes."""
    (folder / name).write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    init_project(folder, files=[folder / name], year=2026)
    return (folder / "churn.toml").read_text(encoding="utf-8"), reread(folder)


def reread(folder: Path, *changes: tuple[str, str]) -> Settings:
    path = folder / "churn.toml"
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    return load_settings(config=path, home=folder / "home", environ={})


def test_a_flag_of_words_is_the_label(tmp_path: Path) -> None:
    rows = [f"{7000 + n},{'Attrited' if n % 6 == 0 else 'Existing'} Customer,{n % 40}" for n in range(ROWS)]
    text, settings = proposed(tmp_path, "bankchurners.csv", "CLIENTNUM,Attrition_Flag,Age", *rows)
    source = settings.sources["customer_snapshots"]
    assert source.columns == {"customer_id": "CLIENTNUM", "has_churned": "Attrition_Flag"}
    assert source.codes == {"has_churned": {"Existing Customer": False, "Attrited Customer": True}}
    assert "uncomment" not in text.lower()


def test_a_status_that_says_who_left_is_the_label_and_its_strange_word_a_question(tmp_path: Path) -> None:
    rows = [f"C{n},{('Stayed', 'Churned', 'Joined')[n % 3]},{n % 70},Paris" for n in range(ROWS)]
    text, settings = proposed(tmp_path, "telecom_customers.csv", "Customer ID,Customer Status,Tenure,City", *rows)
    source = settings.sources["customer_snapshots"]
    assert source.columns["has_churned"] == "Customer Status"
    assert source.codes == {"has_churned": {"Churned": True, "Stayed": False}}
    answer = "codes = { has_churned = { Churned = true, Stayed = false, Joined = false } }"
    assert f"# {answer}" in text
    with pytest.raises(ChurnError, match="Joined"):
        refresh_warehouse(build_context(settings=settings))
    in_force = "codes = { has_churned = { Churned = true, Stayed = false } }\n"
    whole = reread(tmp_path, (f"# {answer}\n", ""), (in_force, f"{answer}\n"))
    assert refresh_warehouse(build_context(settings=whole)).loads[0].total_rows == ROWS


def test_a_status_beside_other_files_stays_a_column_of_customers(tmp_path: Path) -> None:
    customers = "id,name,status,city,email\n" + "".join(
        f"C{n},N{n},{'churned' if n % 5 == 0 else 'active'},Bonn,n{n}@mail.example\n" for n in range(40)
    )
    (tmp_path / "customers.csv").write_text(customers, encoding="utf-8")
    terms = "subscription_id,customer_id,started_at,ended_at\n" + "".join(f"S{n},C{n},2025-01-05,\n" for n in range(40))
    (tmp_path / "subscriptions.csv").write_text(terms, encoding="utf-8")
    init_project(tmp_path, files=[tmp_path / "customers.csv", tmp_path / "subscriptions.csv"], year=2026)
    assert set(reread(tmp_path).sources) == {"customers", "subscriptions"}


def test_without_an_id_a_column_that_names_each_row_is_offered(tmp_path: Path) -> None:
    rows = [f"KS,{n},{382 + n}-{4000 + n},{'True.' if n % 7 == 0 else 'False.'}" for n in range(ROWS)]
    text, settings = proposed(tmp_path, "churn.txt", "State,Account Length,Phone,Churn?", *rows)
    source = settings.sources["customer_snapshots"]
    assert source.columns == {"has_churned": "Churn?"}
    assert source.codes == {"has_churned": {"False.": False, "True.": True}}
    assert '# customer_id = "Phone"' in text
    assert '# customer_id = "row_number"' in text


def test_without_anything_that_names_customers_a_row_s_place_does(tmp_path: Path) -> None:
    rows = [f"{n % 9},{n % 40},{int(n % 8 == 0)}" for n in range(ROWS)]
    _, settings = proposed(tmp_path, "customer churn.csv", "Call Failure,Months,Churn", *rows)
    assert settings.sources["customer_snapshots"].columns == {"customer_id": "row_number", "has_churned": "Churn"}
    assert refresh_warehouse(build_context(settings=settings)).loads[0].total_rows == ROWS


def test_a_label_that_is_not_known_for_some_is_missing(tmp_path: Path) -> None:
    rows = [f"{n},{'NA' if n > 100 else 'Yes' if n % 4 == 0 else 'No'},{n % 30}" for n in range(ROWS)]
    text, settings = proposed(tmp_path, "cell2cell.csv", "CustomerID,Churn,Months", *rows)
    assert "Not known in" not in text
    (preview,) = preview_sources(build_context(settings=settings))
    label = next(column for column in preview.columns if column.column == "has_churned")
    assert (label.missing, label.unread) == (19, 0)


def test_two_words_are_offered_as_the_label_where_none_is_called_so(tmp_path: Path) -> None:
    rows = [f"C{n},{'gone' if n % 5 == 0 else 'here'},{n % 30},2026-0{1 + n % 3}-01" for n in range(ROWS)]
    text, _ = proposed(tmp_path, "panel.csv", "customer_id,state,months,snapshot_date", *rows)
    assert '# has_churned = "state"' in text


def test_a_column_that_counts_the_rows_is_no_feature(tmp_path: Path) -> None:
    rows = [f"{n + 1},{90_000 + 7 * n},{n % 50},{int(n % 5 == 0)}" for n in range(ROWS)]
    _, settings = proposed(tmp_path, "churn.csv", "RowNumber,CustomerId,Age,Exited", *rows)
    (preview,) = preview_sources(build_context(settings=settings))
    uses = {column.column: column.use for column in preview.columns}
    assert uses["RowNumber"] == "not used: it counts the rows of the file"
    assert uses["Age"] == "a feature"
    columns = {
        column.column: column.is_used for column in refresh_warehouse(build_context(settings=settings)).own_columns
    }
    assert columns == {"RowNumber": False}


def test_lines_of_an_invoice_are_no_versions_of_one_payment(tmp_path: Path) -> None:
    rows = [f"{500 + n // 3},C{n // 6},2026-03-{1 + n % 28:02},{n % 4 + 1},{n % 9}.50" for n in range(ROWS)]
    text, settings = proposed(tmp_path, "invoices.csv", "Invoice,Customer ID,InvoiceDate,Quantity,Price", *rows)
    assert "payment_id" not in settings.sources["payments"].columns
    line = """payment_id = "Invoice || '-' || row_number\""""
    assert f"# {line}" in text
    assert '# amount = "Quantity * Price"' in text
    mapped = reread(tmp_path, ('amount = "Price"\n', f'amount = "Quantity * Price"\n{line}\n'))
    broken = {check.rule for check in refresh_warehouse(build_context(settings=mapped)).checks if check.defect_count}
    assert "rows_of_an_id_agree" not in broken
    paid = sum((n % 4 + 1) * (n % 9 + 0.5) for n in range(ROWS))
    with open_warehouse(tmp_path / "home" / "warehouse.duckdb", holder="test", read_only=True) as warehouse:
        assert warehouse.rows("select count(*), sum(amount) from staging.payments") == [(ROWS, paid)]
