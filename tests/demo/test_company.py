"""What is written where, and that the same arguments give the same bytes."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from churn.config import load_settings
from churn.demo import CompanyFiles, generate_company, sources_toml
from churn.errors import ConfigError, ResourceError

TABLES = ["contacts", "customers", "payments", "sessions", "subscriptions", "support_tickets"]


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("file_format", ["parquet", "csv"])
@pytest.mark.parametrize("scenario", ["base", "dirty"])
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    tmp_path: Path, file_format: str, scenario: str
) -> None:
    for name, seed in {"one": 4, "two": 4, "three": 5}.items():
        generate_company(
            tmp_path / name, customers=60, months=2, seed=seed, scenario=scenario, file_format=file_format
        )  # fmt: skip
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    one, other = digests(tmp_path / "one"), digests(tmp_path / "three")
    assert not {name for name in one if one[name] == other[name]} - {f"contacts.{file_format}"}  # none in these months


def test_csv_and_parquet_tell_the_same_story(tmp_path: Path) -> None:
    csv = generate_company(tmp_path / "csv", customers=80, months=2, file_format="csv")
    parquet = generate_company(tmp_path / "parquet", customers=80, months=2)
    for table in TABLES:
        told = pl.read_parquet(parquet.files[table])
        read = pl.read_csv(csv.files[table], infer_schema=False)
        assert read.columns == told.columns
        assert read["customer_id"].to_list() == told["customer_id"].to_list()


def test_every_table_is_where_the_result_says_and_sessions_come_by_month(tmp_path: Path) -> None:
    files = generate_company(tmp_path, customers=80, months=3)
    assert sorted(files.files) == TABLES
    assert len(list(tmp_path.glob(files.files["sessions"].name))) == 3
    for table, path in files.files.items():
        assert len(pl.read_parquet(path)) == files.counts[table]
    assert len(pl.read_parquet(files.truth)) == files.counts["truth"]
    assert (files.first_date, files.cutoff_date) == (date(2026, 4, 1), date(2026, 7, 1))
    assert files.customers == 80


def test_the_sources_section_loads_as_settings(tmp_path: Path) -> None:
    files = generate_company(tmp_path / "data", customers=5, months=1)
    config = tmp_path / "churn.toml"
    config.write_text(sources_toml(files), encoding="utf-8")
    sources = load_settings(config=config, home=tmp_path, environ={}).sources
    assert {name: source.path for name, source in sources.items()} == {
        name: str(path) for name, path in files.files.items()
    }


def test_an_earlier_company_is_replaced_and_other_files_stay(tmp_path: Path) -> None:
    (tmp_path / "notes.csv").write_text("mine")
    generate_company(tmp_path, customers=20, months=3, file_format="csv")
    generate_company(tmp_path, customers=20, months=2)
    names = {path.name for path in tmp_path.iterdir()}
    assert "notes.csv" in names
    assert not {name for name in names if name.endswith(".csv")} - {"notes.csv"}
    assert len([name for name in names if name.startswith("sessions-")]) == 2


def test_one_customer_is_a_company_too(tmp_path: Path) -> None:
    files = generate_company(tmp_path, customers=1, months=1)
    assert files.counts["customers"] >= 1


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        ({"customers": 0}, "--customers"),
        ({"customers": 10, "months": 0}, "--months"),
        ({"customers": 10, "seed": -1}, "--seed"),
        ({"customers": 10, "scenario": "bse"}, "--scenario"),
        ({"customers": 10, "file_format": "xlsx"}, "--format"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_written(
    tmp_path: Path, arguments: dict[str, object], place: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        generate_company(tmp_path / "new", **arguments)
    assert refused.value.where == place
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    with pytest.raises(ResourceError, match="taken"):
        generate_company(tmp_path / "taken", customers=5, months=1)


def test_progress_moves_forward_and_names_the_month(tmp_path: Path) -> None:
    heard: list[tuple[str, float | None]] = []

    class Ear:
        def step(self, message: str, done: float | None = None) -> None:
            heard.append((message, done))

    generate_company(tmp_path, customers=10, months=2, progress=Ear())
    assert [message for message, _ in heard][:2] == ["Simulating May 2026", "Simulating June 2026"]
    shares = [done for _, done in heard if done is not None]
    assert shares == sorted(shares)
    assert shares[-1] <= 1


def test_the_company_keeps_its_size(company: CompanyFiles) -> None:
    truth = pl.read_parquet(company.truth)
    seated = truth.group_by("month").agg(pl.col("is_active").sum())["is_active"]
    assert seated.min() > 0.97 * company.customers
    assert seated.max() <= company.customers
