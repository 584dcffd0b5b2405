"""The first hour of strangers: their files, and README's commands word by word, from `init` to a priced list."""

from __future__ import annotations

import csv
import json
import random
import shlex
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest

from tests import ROOT
from tests.company import call
from tests.docs.test_readme import blocks

README = (ROOT / "README.md").read_text(encoding="utf-8")
ENDS = date(2026, 6, 30)
SHORT = {
    "CHURN_TRAINING__TUNE_MINUTES": "0",
    "CHURN_TRAINING__CANDIDATES": '["logistic_regression"]',
}  # all else as it comes


def days_of(first: date, last: date, rate: float, dice: random.Random, *, fades: date = date.max) -> Iterator[date]:
    for number in range((last - first).days):
        day = first + timedelta(days=number)
        if dice.random() < rate * (1 if day < fades else 0.3):
            yield day


def write_csv(
    path: Path, head: Sequence[str], rows: Sequence[Sequence[object]], *, like_german_offices: bool = False
) -> None:
    with path.open("w", encoding="cp1252" if like_german_offices else "utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=";" if like_german_offices else ",")
        writer.writerows([head, *rows])


def german_exports(folder: Path, dice: random.Random) -> None:
    """Four tables as an office program exports them: semicolons, decimal commas, ja and nein, German headings."""
    customers: list[list[object]] = []
    contracts: list[list[object]] = []
    payments: list[list[object]] = []
    logins: list[list[object]] = []
    for number in range(1, 1_501):
        who, first, liveliness = f"{number:05d}", date(2025, 1, 1) + timedelta(days=dice.randrange(540)), dice.random()
        plan = dice.choice(["Basis", "Plus", "Premium"])
        price = {"Basis": "9,90", "Plus": "19,90", "Premium": "1.039,90"}[plan]
        renewed, left = first, None
        while renewed + timedelta(days=30) <= ENDS and left is None:
            paid = "bezahlt" if dice.random() > 0.05 else "fehlgeschlagen"
            payments.append([f"Z{number}-{renewed:%y%m%d}", who, f"{renewed:%d.%m.%Y}", price, paid])
            renewed += timedelta(days=30)
            left = renewed if dice.random() < 0.03 + 0.12 * (1 - liveliness) else None
        customers.append([who, f"{first:%d.%m.%Y}", dice.choice(["DE", "AT"]), dice.choice(["ja", "ja", "nein"])])
        ended, why = (f"{left:%d.%m.%Y}", dice.choice(["Preis", "Wettbewerber"])) if left else ("", "")
        contracts.append([f"V{number}", who, f"{first:%d.%m.%Y}", ended, price, plan, why])
        fades = left - timedelta(days=45) if left else ENDS
        logins += [
            [who, f"{day:%d.%m.%Y} {dice.randrange(6, 23):02d}:15", dice.randrange(1, 90)]
            for day in days_of(first, left or ENDS, 0.05 + 0.4 * liveliness, dice, fades=fades)
        ]
    for name, head, rows in (
        ("kunden", ["Kundennummer", "Angelegt am", "Land", "Einwilligung"], customers),
        (
            "verträge",
            ["Vertragsnummer", "Kundennummer", "Beginn", "Ende", "Monatspreis", "Tarif", "Kündigungsgrund"],
            contracts,
        ),
        ("zahlungen", ["Zahlungsnr", "Kundennummer", "Datum", "Betrag", "Status"], payments),
        ("nutzung", ["Kundennummer", "Anmeldung", "Minuten"], logins),
    ):
        write_csv(folder / f"{name}.csv", head, rows, like_german_offices=True)


def flat_table(folder: Path, dice: random.Random) -> None:
    """One table of attributes with a label, as public data sets are."""
    rows: list[list[object]] = []
    for number in range(3_400):
        months, contract = dice.randrange(1, 72), dice.choice(["Month-to-month", "One year", "Two year"])
        charges = round(dice.uniform(18, 110), 2)
        chance = {"Month-to-month": 0.42, "One year": 0.11, "Two year": 0.03}[contract] * (1.4 if months < 12 else 0.8)
        left = "Yes" if dice.random() < chance else "No"
        rows.append([f"{number:04d}-ABC", dice.choice(["Male", "Female"]), months, contract, charges, left])
    write_csv(folder / "customers.csv", ["customerID", "gender", "tenure", "Contract", "MonthlyCharges", "Churn"], rows)


def events_alone(folder: Path, dice: random.Random) -> None:
    """One file of events as a product's analytics export it; nobody says who left."""
    with (folder / "events.jsonl").open("w", encoding="utf-8") as file:
        for number in range(1_200):
            first, rate = date(2025, 7, 1) + timedelta(days=dice.randrange(320)), dice.uniform(0.05, 0.6)
            last = min(first + timedelta(days=int(dice.expovariate(1 / 150))), ENDS)
            for day in days_of(first, last, rate, dice):
                at = int(datetime.combine(day, time(dice.randrange(24))).timestamp())
                own = {"time": at, "distinct_id": f"u{number}", "$insert_id": f"{dice.getrandbits(64):x}"}
                print(json.dumps({"event": dice.choice(["open", "play", "buy"]), "properties": own}), file=file)


@pytest.mark.slow  # a company, its warehouse and a model
@pytest.mark.parametrize(
    ("export", "files", "fees"),
    [
        (german_exports, "*.csv", lambda fee: fee in {9.9, 19.9, 1039.9}),
        (flat_table, "*.csv", lambda fee: 18 <= fee <= 110),
        (events_alone, "*.jsonl", None),
    ],
    ids=["german exports", "flat table", "events alone"],
)
def test_readme_leads_from_a_strangers_files_to_a_priced_list(
    export: Callable[[Path, random.Random], None], files: str, fees: Callable[[float], bool] | None, tmp_path: Path
) -> None:
    (tmp_path / "exports").mkdir()
    export(tmp_path / "exports", random.Random(5))
    given = sorted(path.relative_to(tmp_path).as_posix() for path in (tmp_path / "exports").glob(files))
    load_to_simulation = next(block for block in blocks("console", README) if block.startswith("churn refresh"))
    for command in (f"churn init --from {shlex.join(given)}", *load_to_simulation.splitlines()):
        done = call(*shlex.split(command)[1:], cwd=tmp_path, env=SHORT)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    with (tmp_path / "risk.csv").open(encoding="utf-8", newline="") as file:
        listed = list(csv.DictReader(file))
    assert len(listed) > 100
    worth = [float(row["expected_profit" if fees else "churn_probability"]) for row in listed]
    assert worth == sorted(worth, reverse=True)
    assert all(fees(float(row["monthly_margin"])) for row in listed) if fees else True
    assert all(row["reasons"] for row in listed)
    assert "net" in (tmp_path / "campaign.html").read_text(encoding="utf-8")
