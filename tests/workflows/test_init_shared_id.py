"""`churn init --from` finds the column that names customers by what it holds, where no name tells."""

from __future__ import annotations

from pathlib import Path

from tests.workflows.test_init_from_files import proposed, read

MEMBERS = "msno,city,registered\n" + "".join(f"m{n}=,{n % 5},2026-01-{1 + n % 28:02}\n" for n in range(200))
CHARGES = "msno,city,paid_at,amount\n" + "".join(
    f"m{n % 180}=,{n % 5},2026-02-{1 + n % 28:02},9.5\n" for n in range(800)
)


def test_a_column_that_stands_in_every_file_and_names_the_rows_of_one_names_the_customers(tmp_path: Path) -> None:
    (tmp_path / "members.csv").write_text(MEMBERS)
    (tmp_path / "charges.csv").write_text(CHARGES)
    text, settings = proposed(tmp_path, "members.csv", "charges.csv")
    assert settings.sources["customers"].columns == {"customer_id": "msno", "signed_up_at": "registered"}
    assert settings.sources["payments"].columns["customer_id"] == "msno"
    assert text.count("# msno names the customers: it stands in every file, and names the rows of one.") == 2
    previews = read(settings)
    assert {name: preview.rows for name, preview in previews.items()} == {"customers": 200, "payments": 800}


def test_one_with_values_that_nobody_of_the_one_file_has_does_not(tmp_path: Path) -> None:
    (tmp_path / "members.csv").write_text(MEMBERS)
    (tmp_path / "charges.csv").write_text(
        "msno,paid_at,amount\n" + "".join(f"x{n // 4},2026-02-{1 + n % 28:02},9.5\n" for n in range(2_000))
    )
    text, settings = proposed(tmp_path, "members.csv", "charges.csv")
    assert settings.sources == {}
    assert "no canonical table is recognised" in text


def test_a_name_that_tells_goes_before_it(tmp_path: Path) -> None:
    (tmp_path / "members.csv").write_text(MEMBERS.replace("city", "customer_id"))
    (tmp_path / "charges.csv").write_text(CHARGES.replace("city", "customer_id"))
    text, _ = proposed(tmp_path, "members.csv", "charges.csv")
    assert "names the customers" not in text
