"""`churn init --from` proposes sections that a refresh reads as they stand, and leaves to a person what has two readings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from churn.bootstrap import build_context
from churn.cli import build_app
from churn.config import Settings, load_settings
from churn.errors import ConfigError, ContractBroken
from churn.workflows.init_project import init_project
from churn.workflows.refresh.preview import SourcePreview, preview_sources

KUNDEN = (
    "Kundennummer;Kunde seit;Geburtsdatum;Ort;E-Mail;Werbung;Newsletter\r\n"
    + "".join(f"K{n};{n:02}.03.2024;{n:02}.04.1980;Köln;k{n}@mail.example;{'ja' if n % 3 else 'nein'};{'ja' if n % 2 else 'nein'}\r\n" for n in range(1, 21))
)  # fmt: skip
VERTRAEGE = "Vertragsnr;Kundennr;Vertragsbeginn;Tarif;Beitrag;Gekündigt am;Vertragsende\n" + "".join(
    f"V{n};K{n};{n:02}/03/2024;Basis;1.0{n:02},50;;\n" for n in range(1, 21)
)


def proposed(folder: Path, *names: str) -> tuple[str, Settings]:
    """Write churn.toml from the files and return its text and what it says."""
    init_project(folder, files=[folder / name for name in names], year=2026)
    path = folder / "churn.toml"
    return path.read_text(encoding="utf-8"), load_settings(config=path, home=folder / "home", environ={})


def read(settings: Settings) -> dict[str, SourcePreview]:
    previews = {preview.source: preview for preview in preview_sources(build_context(settings=settings))}
    assert [preview.error for preview in previews.values() if preview.error] == []
    return previews


def test_a_german_export_is_proposed_so_that_every_value_is_read(tmp_path: Path) -> None:
    (tmp_path / "kunden.csv").write_bytes(KUNDEN.encode("cp1252"))
    (tmp_path / "vertraege.csv").write_text(VERTRAEGE, encoding="utf-8")
    _, settings = proposed(tmp_path, "kunden.csv", "vertraege.csv")
    customers, subscriptions = settings.sources["customers"], settings.sources["subscriptions"]
    assert customers.options == {"encoding": "cp1252", "delim": ";"}
    assert customers.columns == {
        "customer_id": "Kundennummer", "signed_up_at": "Kunde seit", "birth_date": "Geburtsdatum", "city": "Ort",
        "email": "E-Mail", "marketing_consent": "Werbung",
    }  # fmt: skip
    assert customers.codes["marketing_consent"] == {"ja": True, "nein": False}
    assert customers.codes["Newsletter"] == {"ja": True, "nein": False}
    assert subscriptions.options == {"delim": ";", "decimal_separator": ","}
    assert subscriptions.dates == {"started_at": "%d/%m/%Y"}  # 13/03 and later prove it
    previews = read(settings)
    assert {
        (column.column, column.unread) for preview in previews.values() for column in preview.columns if column.unread
    } == set()
    columns = {column.column: column for column in previews["subscriptions"].columns}
    assert columns["monthly_fee"].examples[0] == "1001.5"
    assert columns["started_at"].examples[0].startswith("2024-03-01")
    consent = {column.column: column for column in previews["customers"].columns}["marketing_consent"]
    assert set(consent.examples) == {"true", "false"}


def test_what_has_two_readings_is_left_to_the_person(tmp_path: Path) -> None:
    (tmp_path / "zahlungen.csv").write_text(
        "Rechnungsnr;Kunde;Rechnungsdatum;Betrag;Zahlungsstatus\n"
        + "".join(f"R{n};K{n};0{n}/04/2026;1,23{n};bezahlt\n" for n in range(1, 6))
    )
    text, settings = proposed(tmp_path, "zahlungen.csv")
    source = settings.sources["payments"]
    assert source.dates is None
    assert source.options == {}
    assert source.codes == {"status": {"bezahlt": "succeeded"}}
    for line in (
        '# dates = { attempted_at = "%d/%m/%Y" }',
        '# dates = { attempted_at = "%m/%d/%Y" }',
        '# options = { delim = ";", decimal_separator = "," }',
        '# options = { delim = ";", thousands = "," }',
    ):
        assert line in text.splitlines()
        chosen = text.replace(line, line.removeprefix("# "))
        (tmp_path / "chosen.toml").write_text(chosen)
        load_settings(config=tmp_path / "chosen.toml", home=tmp_path, environ={})
    (preview,) = preview_sources(build_context(settings=settings))
    assert preview.error is not None  # nothing is read by guess afterwards


def test_a_flat_panel_is_one_table_of_snapshots(tmp_path: Path) -> None:
    (tmp_path / "panel.csv").write_text(
        "customerID,Month,tenure,MonthlyCharges,Churn\n"
        + "".join(f"{n},2026-0{1 + n % 3}-01,{n},29.{n},{'Churned' if n % 2 else 'Stayed'}\n" for n in range(30))
    )
    _, settings = proposed(tmp_path, "panel.csv")
    source = settings.sources["customer_snapshots"]
    assert list(settings.sources) == ["customer_snapshots"]
    assert source.columns == {"customer_id": "customerID", "snapshot_date": "Month", "has_churned": "Churn"}
    assert source.codes == {"has_churned": {"Churned": True, "Stayed": False}}
    columns = {column.column: column for column in read(settings)["customer_snapshots"].columns}
    assert columns["tenure"].use == "a feature"
    assert columns["has_churned"].unread == 0


def test_a_label_of_two_numbers_is_a_choice(tmp_path: Path) -> None:
    (tmp_path / "churn_data.csv").write_text(
        "id,age,churn\n" + "".join(f"{n},{20 + n},{1 + n % 2}\n" for n in range(20))
    )
    text, settings = proposed(tmp_path, "churn_data.csv")
    assert settings.sources["customer_snapshots"].codes == {}
    assert "# codes = { has_churned = { 1 = true, 2 = false } }" in text
    assert "# codes = { has_churned = { 1 = false, 2 = true } }" in text


def test_an_export_of_events_below_a_key_is_read_by_its_paths(tmp_path: Path) -> None:
    rows = [
        {"event": "play", "properties": {"distinct_id": f"u{n}", "time": 1770076800 + n, "$insert_id": f"e{n}"}}
        for n in range(20)
    ]
    (tmp_path / "export.json").write_text(json.dumps({"results": rows, "next": None}))
    _, settings = proposed(tmp_path, "export.json")
    source = settings.sources["events"]
    assert source.rows_at == "results"
    previews = read(settings)
    columns = {column.column: column for column in previews["events"].columns}
    assert columns["occurred_at"].examples[0].startswith("2026-02-03")
    assert columns["customer_id"].examples[0] == "u0"
    assert columns["event_id"].examples[0] == "e0"
    assert columns["event_type"].examples == ("play",)


def test_files_of_one_form_are_one_source(tmp_path: Path) -> None:
    for month in (1, 2):
        (tmp_path / f"sessions-{month}.csv").write_text(f"user_id,started_at\nu1,2026-0{month}-01 10:00\n")
    text, settings = proposed(tmp_path, "sessions-1.csv", "sessions-2.csv")
    assert settings.sources["sessions"].path == [str(tmp_path / f"sessions-{month}.csv") for month in (1, 2)]
    assert '# zone = "Europe/Berlin"' in text
    assert read(settings)["sessions"].rows == 2


def test_what_one_file_leaves_open_another_of_its_form_proves(tmp_path: Path) -> None:
    for day in ("04", "13"):
        (tmp_path / f"logins-{day}.csv").write_text(f"user_id,started_at,note\nu1,03/{day}/2026,a\n")
    _, settings = proposed(tmp_path, "logins-04.csv", "logins-13.csv")
    assert settings.sources["sessions"].dates == {"started_at": "%m/%d/%Y"}
    assert read(settings)["sessions"].rows == 2


def test_where_two_tables_fit_both_are_comments(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("customer_id,date\n" + "".join(f"c{n},2026-01-0{n}\n" for n in range(1, 9)))
    text, settings = proposed(tmp_path, "x.csv")
    assert settings.sources == {}
    assert "# [sources.sessions]" in text
    assert "# [sources.contacts]" in text


def test_a_table_nobody_knows_is_named_with_its_columns(tmp_path: Path) -> None:
    (tmp_path / "prices.csv").write_text("sku,price\na,1\n")
    text, settings = proposed(tmp_path, "prices.csv")
    assert settings.sources == {}
    assert "It holds sku, price." in text


def test_years_of_two_digits_come_with_their_pivot(tmp_path: Path) -> None:
    (tmp_path / "abos.csv").write_text("abo;kunde;beginn\n" + "".join(f"a{n};k{n};{n}.02.26\n" for n in range(10, 20)))
    _, settings = proposed(tmp_path, "abos.csv")
    source = settings.sources["subscriptions"]
    assert (source.dates, source.pivot_year) == ({"started_at": "%d.%m.%y"}, 2031)
    assert read(settings)["subscriptions"].rows == 10


def test_the_command_takes_what_a_shell_makes_of_a_star(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "kunden.csv").write_bytes(KUNDEN.encode("utf-8"))
    (tmp_path / "in" / "vertraege.csv").write_text(VERTRAEGE, encoding="utf-8")
    done = CliRunner().invoke(build_app(), ["init", "--from", "in/kunden.csv", "in/vertraege.csv", "--json"])
    assert done.exit_code == 0, done.output
    assert [source["table"] for source in json.loads(done.stdout)["sources"]] == ["customers", "subscriptions"]
    assert 'path = "in/kunden.csv"' in Path("churn.toml").read_text()
    shown = CliRunner().invoke(build_app(), ["refresh", "--dry-run"])
    assert shown.exit_code == 0, shown.output
    again = CliRunner().invoke(build_app(), ["init", "--from", "in"])
    assert (again.exit_code, "`churn init FOLDER`" in again.output) == (2, True)
    whole = CliRunner().invoke(build_app(), ["init", "other", "--from", "in"])
    assert whole.exit_code == 0, whole.output
    assert "customers, subscriptions" in " ".join(whole.output.split())


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "letter.docx").write_bytes(b"PK")
    (tmp_path / "book.xlsx").write_bytes(b"PK")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(ConfigError, match="cannot tell the format"):
        init_project(tmp_path, files=[tmp_path / "letter.docx"], year=2026)
    with pytest.raises(ContractBroken, match="the workbook cannot be read"):
        init_project(tmp_path, files=[tmp_path / "book.xlsx"], year=2026)
    with pytest.raises(ContractBroken, match=r"empty. Export it again, or leave it out: `churn init --from"):
        init_project(tmp_path, files=[tmp_path / "empty.csv"], year=2026)
    (tmp_path / "picture.csv").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)))
    with pytest.raises(ContractBroken, match="is no text, and no table that can be read"):
        init_project(tmp_path, files=[tmp_path / "picture.csv"], year=2026)
    with pytest.raises(ConfigError, match="no such file"):
        init_project(tmp_path, files=[tmp_path / "nothing.csv"], year=2026)
    assert not (tmp_path / "churn.toml").exists()


def test_an_export_of_logins_is_no_table_of_customers(tmp_path: Path) -> None:
    """Its customers come again and again; `Anmeldung` is a day of signing up in one file and of signing in in another."""
    (tmp_path / "kunden.csv").write_text(KUNDEN, encoding="utf-8")
    logins = "Kundennummer;Anmeldung;Minuten\n" + "".join(
        f"K{n % 20 + 1};{n % 28 + 1:02}.05.2026 08:{n % 60:02};{n % 50}\n" for n in range(200)
    )
    (tmp_path / "export7.csv").write_text(logins, encoding="utf-8")
    _, settings = proposed(tmp_path, "kunden.csv", "export7.csv")
    assert set(settings.sources) == {"customers", "sessions"}
    assert settings.sources["sessions"].columns["started_at"] == "Anmeldung"


def test_the_number_of_a_payment_is_known_by_its_ending(tmp_path: Path) -> None:
    rows = "".join(f"Z{n};K{n % 9};{n % 28 + 1:02}.05.2026;9,90;bezahlt\n" for n in range(40))
    (tmp_path / "zahlungen.csv").write_text(f"Zahlungsnr;Kundennr;Datum;Betrag;Status\n{rows}", encoding="utf-8")
    _, settings = proposed(tmp_path, "zahlungen.csv")
    assert settings.sources["payments"].columns["payment_id"] == "Zahlungsnr"


@pytest.mark.parametrize("label", ["Yes/No", "1/0", "churned/retained"])
def test_a_flat_table_of_labelled_customers_is_one_whatever_its_name(tmp_path: Path, label: str) -> None:
    yes, no = label.split("/")
    rows = "".join(f"{n},{n % 70},{20 + n % 80},{yes if n % 4 == 0 else no}\n" for n in range(60))
    (tmp_path / "customers.csv").write_text(f"customerID,tenure,MonthlyCharges,Churn\n{rows}", encoding="utf-8")
    _, settings = proposed(tmp_path, "customers.csv")
    assert set(settings.sources) == {"customer_snapshots"}
    assert settings.churn.definition == "any"


def test_where_only_events_are_known_silence_tells_who_left(tmp_path: Path) -> None:
    events = "".join(
        json.dumps({"event": "open", "properties": {"distinct_id": f"u{n % 7}", "time": 1_767_225_600 + 3_600 * n}})
        + "\n"
        for n in range(60)
    )
    (tmp_path / "events.jsonl").write_text(events, encoding="utf-8")
    _, settings = proposed(tmp_path, "events.jsonl")
    assert set(settings.sources) == {"events"}
    assert (settings.churn.definition, settings.churn.activity_table) == ("inactivity", "events")


@pytest.mark.parametrize("never", ["31.12.9999", "9999-12-31", "9999-12-31 00:00:00"])
def test_a_day_that_stands_for_none_is_proposed_as_missing(tmp_path: Path, never: str) -> None:
    (tmp_path / "vertraege.csv").write_text(
        "Vertragsnr;Kundennr;Vertragsbeginn;Tarif;Beitrag;Gekündigt am;Vertragsende\n"
        + "".join(f"V{n};K{n};{n:02}.03.2024;Basis;10;{'1900-01-01' if n > 5 else '10.04.2024'};{never if n > 5 else '20.04.2024'}\n" for n in range(1, 21)),
        encoding="utf-8",
    )  # fmt: skip
    text, settings = proposed(tmp_path, "vertraege.csv")
    columns = settings.sources["subscriptions"].columns
    assert columns["canceled_at"] == "nullif(\"Gekündigt am\", '1900-01-01')"
    assert columns["ended_at"] == f"nullif(Vertragsende, '{never}')"
    assert f"# A placeholder in Vertragsende, read as missing: {never}." in text
    missing = {column.column: column.missing for column in read(settings)["subscriptions"].columns}
    assert (missing["canceled_at"], missing["ended_at"], missing["started_at"]) == (15, 15, 0)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            "Farbe;Form\nrot;rund\nblau;eckig\n",
            "No file is surely one of the tables: each stands in it as a comment, with its columns. Say there which table it is",
        ),
        (
            "Kundennummer;Vertragsbeginn;Kündigungsdatum;Tarif;Monatspreis\n1;17.03.2024;;Basis;9,99\n2;18.04.2024;19.05.2025;Plus;19,99\n",
            "proposed from the files: subscriptions. Nothing in it is left open: run `churn refresh --dry-run`",
        ),
    ],
)
def test_the_command_says_what_was_made_of_the_files_and_what_to_do_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "vertraege.csv").write_text(rows, encoding="utf-8")
    done = CliRunner().invoke(build_app(), ["init", "--from", "vertraege.csv"])
    assert done.exit_code == 0, done.output
    assert said in " ".join(done.output.split())


def test_examples_that_need_other_files_are_left_out_and_no_check_stumbles_over_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kunden.csv").write_text(KUNDEN, encoding="utf-8")
    (tmp_path / "verträge.csv").write_text(VERTRAEGE, encoding="utf-8")
    done = CliRunner().invoke(build_app(), ["init", "--from", "."])
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "Left out fix_payment, support_call, examples of campaigns that need payments and support_tickets" in said
    assert "being neither CSV" not in said
    assert [path.name for path in (tmp_path / ".churn").rglob("*.toml")] == ["price_incentive.toml"]
    checked = CliRunner().invoke(build_app(), ["campaigns", "validate", "--json"])
    assert checked.exit_code == 0, checked.output
    warned = " ".join(json.loads(checked.output)["warnings"])
    assert "`fix_payment`, an example that ships: `has_unpaid_bill` is made of the source `payments`" in warned
    named = CliRunner().invoke(build_app(), ["campaigns", "validate", "fix_payment"])
    assert named.exit_code == 2, named.output


def test_headings_with_points_and_signs_are_proposed_as_they_stand(tmp_path: Path) -> None:
    rows = "".join(f"V{n};K{n};{n:02}.03.2024;9,{n:02};\n" for n in range(1, 21))
    (tmp_path / "verträge.csv").write_text("Vertrags-Nr.;Kunden-Nr.;Beginn;Monatspreis (€);\n" + rows, encoding="utf-8")
    _, settings = proposed(tmp_path, "verträge.csv")
    assert settings.sources["subscriptions"].columns == {
        "subscription_id": "Vertrags-Nr.", "customer_id": "Kunden-Nr.", "started_at": "Beginn", "monthly_fee": "Monatspreis (€)",
    }  # fmt: skip
    columns = {column.column: column for column in read(settings)["subscriptions"].columns}
    assert columns["customer_id"].examples[0] == "K1"
    assert columns["monthly_fee"].examples[0] == "9.01"
    assert not [name for name in columns if name.startswith("column")]  # a delimiter behind each row


@pytest.mark.parametrize(
    ("amount", "options"),
    [
        ("1 0{n:02},50", {"decimal_separator": ",", "thousands": " "}),
        ("1\u202f0{n:02}.50", {"thousands": " "}),
        ("1\u00a00{n:02},50 €", {"decimal_separator": ",", "thousands": " "}),
        ("1\u20190{n:02}.50", {"thousands": "'"}),
    ],
)
def test_thousands_parted_by_blanks_and_apostrophes_are_declared(
    tmp_path: Path, amount: str, options: dict[str, str]
) -> None:
    rows = "".join(f"P{n};K{n};2024-03-{n:02};{amount.format(n=n)};089 123 4{n:02}\n" for n in range(1, 21))
    (tmp_path / "payments.csv").write_text(
        "payment_id;customer_id;attempted_at;amount;phone\n" + rows, encoding="utf-8"
    )
    _, settings = proposed(tmp_path, "payments.csv")
    assert settings.sources["payments"].options == {"delim": ";", **options}
    columns = {column.column: column for column in read(settings)["payments"].columns}
    assert (columns["amount"].examples[0], columns["amount"].unread) == ("1001.5", 0)


def test_days_that_a_spreadsheet_counts_are_proposed_as_dates(tmp_path: Path) -> None:
    rows = "".join(f"V{n},K{n},{45350 + n},{45350 + n}.5,{'' if n % 2 else 45400}\n" for n in range(1, 21))
    (tmp_path / "contracts.csv").write_text(
        "subscription_id,customer_id,started_at,Kündigung am,ended_at\n" + rows, encoding="utf-8"
    )
    _, settings = proposed(tmp_path, "contracts.csv")
    columns = {column.column: column for column in read(settings)["subscriptions"].columns}
    assert columns["started_at"].examples[0].startswith("2024-02-29")  # 45351
    assert columns["canceled_at"].examples[0].startswith("2024-02-29 12:00")
    assert (columns["ended_at"].examples[0][:10], columns["ended_at"].unread) == ("2024-04-18", 0)


def test_a_column_of_ours_whose_values_are_not_read_is_left_as_a_question(tmp_path: Path) -> None:
    rows = "".join(f"P{n},K{n},2024-03-{n:02},EUR {n}.50\n" for n in range(1, 21))
    (tmp_path / "payments.csv").write_text("payment_id,customer_id,attempted_at,amount\n" + rows, encoding="utf-8")
    text, _ = proposed(tmp_path, "payments.csv")
    assert "# Values of amount, such as `EUR 1.50`, are not read as numbers." in text
    assert '# amount = "null"' in text
    assert "Kept under their own names: amount" not in text


def test_the_heading_that_is_ours_wins_over_another_spelling_of_it(tmp_path: Path) -> None:
    rows = "".join(f"K{n},old{n}@mail.example,k{n}@mail.example\n" for n in range(1, 21))
    (tmp_path / "customers.csv").write_text("customer_id,E-Mail,email\n" + rows, encoding="utf-8")
    _, settings = proposed(tmp_path, "customers.csv")
    assert settings.sources["customers"].columns == {}
    columns = {column.column: column for column in read(settings)["customers"].columns}
    assert columns["email"].examples[0] == "k1@mail.example"


def test_a_label_as_a_fraction_is_no_question(tmp_path: Path) -> None:
    rows = "".join(f"K{n},{n % 5},{float(n % 2)}\n" for n in range(1, 41))
    (tmp_path / "panel.csv").write_text("customer_id,seats,churn\n" + rows, encoding="utf-8")
    text, settings = proposed(tmp_path, "panel.csv")
    assert "Say what each means" not in text
    assert "codes" not in text.split("[sources.customer_snapshots]")[1].split("[training]")[0]
    assert [c.unread for c in read(settings)["customer_snapshots"].columns if c.column == "has_churned"] == [0]


@pytest.mark.parametrize("above", ["Contracts, as of 1 November\n", "Contracts\n\nMade by ada\n"])
def test_lines_above_the_header_are_skipped_by_an_option(tmp_path: Path, above: str) -> None:
    (tmp_path / "contracts.csv").write_text(above + VERTRAEGE, encoding="utf-8")
    _, settings = proposed(tmp_path, "contracts.csv")
    subscriptions = settings.sources["subscriptions"]
    assert subscriptions.options == {"skip": above.count("\n"), "delim": ";", "decimal_separator": ","}
    columns = {column.column: column for column in read(settings)["subscriptions"].columns}
    assert columns["monthly_fee"].examples[0] == "1001.5"


def test_files_of_another_kind_in_a_folder_are_told(tmp_path: Path) -> None:
    exports = tmp_path / "exports"
    exports.mkdir()
    (exports / "kunden.csv").write_text(KUNDEN, encoding="utf-8")
    for name in ("verträge.docx", ".hidden", "~$offen.xlsx"):  # Office locks an open workbook by such a file
        (exports / name).write_bytes(b"PK")
    project = init_project(tmp_path, files=[exports], year=2026)
    assert project.left_out == (exports / "verträge.docx",)
    (tmp_path / "churn.toml").unlink()
    done = CliRunner().invoke(build_app(), ["init", str(tmp_path), "--from", str(exports)])
    assert "Left out, being neither CSV, Parquet, JSON nor a workbook" in done.output


def test_a_table_of_who_left_without_subscriptions_tells_churn(tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_text(
        "customer_id,signed_up_at\n" + "".join(f"K{n},2024-01-{n:02}\n" for n in range(1, 29))
    )
    (tmp_path / "leavers.csv").write_text(
        "customer_id,churned_at\n" + "".join(f"K{n},2024-03-{n:02}\n" for n in range(1, 9))
    )
    text, settings = proposed(tmp_path, "customers.csv", "leavers.csv")
    assert settings.churn.told_by == "churn_events"
    assert "# A table says who left when, and there are no subscriptions." in text
    (tmp_path / "churn.toml").unlink()
    (tmp_path / "contracts.csv").write_text(VERTRAEGE, encoding="utf-8")
    assert proposed(tmp_path, "customers.csv", "leavers.csv", "contracts.csv")[1].churn.told_by == "subscriptions"


def test_a_price_per_month_and_reasons_in_the_words_of_a_biller_are_known(tmp_path: Path) -> None:
    reasons = ("Customer request", "Card declined", "Past due", "Upgraded", "Converted", "On hold")
    rows = "".join(f"S{n},C{n},basic,20,2026-01-0{n + 1},2026-03-01,{word}\n" for n, word in enumerate(reasons))
    head = "Subscription ID,Customer No,Plan,Price per month,Start Date,End Date,Cancellation Reason\n"
    (tmp_path / "subscriptions.csv").write_text(head + rows, encoding="utf-8")
    _, settings = proposed(tmp_path, "subscriptions.csv")
    subscriptions = settings.sources["subscriptions"]
    assert subscriptions.columns["monthly_fee"] == "Price per month"
    assert subscriptions.codes["end_reason"] == {
        "Customer request": "voluntary",
        "Card declined": "payment_failure",
        "Past due": "payment_failure",
        "Upgraded": "plan_change",
        "Converted": "plan_change",
        "On hold": "pause",
    }
