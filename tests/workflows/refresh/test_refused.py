"""A refresh that is refused, killed or out of space leaves staging and features as they were, whatever had been read by then."""

from __future__ import annotations

import gzip
import hashlib
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from churn.bootstrap import build_context
from churn.config import load_settings
from churn.context import Context
from churn.errors import ChurnError
from churn.workflows.refresh import build_features, refresh_warehouse
from tests.company import clean_environment

DAY = date(2026, 7, 10)
FIRST, SECOND = datetime(2026, 7, 20, 2), datetime(2026, 7, 21, 2)
CUSTOMERS = "customer_id,signed_up_at\n" + "".join(f"C{n},2026-01-0{n}\n" for n in range(1, 6))
SUBSCRIPTIONS = "subscription_id,customer_id,started_at,ended_at\n" + "".join(
    f"S{n},C{n},2026-01-0{n},\n" for n in range(1, 6)
)
PAYMENTS = "payment_id,customer_id,attempted_at,amount,status\n" + "".join(
    f"P{n},C{n},2026-07-0{n},10,failed\n" for n in range(1, 6)
)
SESSIONS = "customer_id,started_at,duration_minutes\n" + "".join(
    f"C{n % 5 + 1},2026-07-{n % 9 + 1:02} 10:00:00,{n}\n" for n in range(150)
)
LEFT = "customer_id,churned_at\nC5,2026-07-05\n"


class Home:
    """A small company whose payments come first, so that they are read before anything else is refused."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.sections: dict[str, str] = {}
        for name, text in (("payments", PAYMENTS), ("customers", CUSTOMERS), ("subscriptions", SUBSCRIPTIONS)):
            self.declare(name, f"{name}.csv", text)
        self.declare("sessions", "sessions.csv", SESSIONS)
        self.declare("churn_events", "churn_events.csv", LEFT)
        self.rest = ""

    def declare(self, table: str, file: str, text: str, more: str = "") -> None:
        """Put a file there and declare it as the source of a table."""
        (self.folder / file).write_text(text)
        self.sections[table] = f'[sources.{table}]\npath = "{file}"\n{more}\n'

    def context(self, at: datetime) -> Context:
        (self.folder / "churn.toml").write_text(self.rest + "".join(self.sections.values()))
        settings = load_settings(config=self.folder / "churn.toml", home=self.home, environ={})
        return replace(build_context(settings=settings), clock=lambda: at)

    def refresh(self, at: datetime) -> None:
        refresh_warehouse(self.context(at))

    def hashes(self) -> dict[str, str]:
        """Return a hash of the rows of each raw and staged table and of the features of a day, and the files of facts."""
        hashes = {}
        with duckdb.connect(str(self.home / "warehouse.duckdb"), read_only=True) as connection:
            names = connection.execute(
                "select table_schema || '.' || table_name from information_schema.tables"
                " where table_schema in ('raw', 'staging', 'totals')"
            ).fetchall()
            for (name,) in names:
                rows = connection.execute(f"select * from {name} order by all").fetchall()
                hashes[name] = hashlib.sha256(repr(rows).encode()).hexdigest()
        for path in sorted((self.home / "facts").glob("*/*.parquet")):
            hashes[str(path.relative_to(self.home))] = hashlib.sha256(path.read_bytes()).hexdigest()
        return hashes

    def features(self) -> str:
        frame, _ = build_features(self.context(datetime(2027, 1, 1)), first=DAY)
        return hashlib.sha256(repr(frame.sort("customer_id").rows()).encode()).hexdigest()


def write(file: str, text: str) -> Callable[[Home], None]:
    return lambda home: (home.folder / file).write_text(text) and None


def truncated_parquet(home: Home) -> None:
    """A file whose first groups of rows can be read and whose last cannot."""
    path = home.folder / "tickets.parquet"
    frame = pl.DataFrame(
        {
            "ticket_id": [f"T{n}" for n in range(50_000)],
            "customer_id": ["C1"] * 50_000,
            "opened_at": [datetime(2026, 7, 1)] * 50_000,
            "category": [hashlib.sha256(str(n).encode()).hexdigest() for n in range(50_000)],
        }
    )
    frame.write_parquet(path, row_group_size=5_000)
    content = bytearray(path.read_bytes())
    content[len(content) * 3 // 4 : len(content) * 7 // 8] = bytes(len(content) // 8)
    path.write_bytes(content)
    home.sections["support_tickets"] = (
        '[sources.support_tickets]\npath = "tickets.parquet"\ncolumns = { category = "upper(category)" }\n'
    )


def broken_gzip(home: Home) -> None:
    text = "ticket_id,customer_id,opened_at\n" + "".join(f"T{n},C{n % 5},2026-07-01\n" for n in range(50_000))
    whole = gzip.compress(text.encode())
    (home.folder / "tickets.csv.gz").write_bytes(whole[: len(whole) // 2])
    home.sections["support_tickets"] = '[sources.support_tickets]\npath = "tickets.csv.gz"\n'


def tickets(text: str, more: str = "") -> Callable[[Home], None]:
    return lambda home: home.declare("support_tickets", "tickets.csv", text, more)


def broken_staging(home: Home) -> None:
    (home.home / "sql" / "staging").mkdir(parents=True)
    (home.home / "sql" / "staging" / "late.sql").write_text("-- Late.\nselect no_such_column from raw.customers\n")


def no_file(home: Home) -> None:
    (home.folder / "customers.csv").unlink()
    home.sections["customers"] = '[sources.customers]\npath = "exports/customers-*.csv"\n'


@dataclass(frozen=True)
class Refusal:
    """What is done to a home that was loaded once, what the error tells, and settings of the home beside its sources."""

    harm: Callable[[Home], object]
    says: str
    rest: str = field(default="")


TICKETS = "ticket_id,customer_id,opened_at\n"
REFUSALS = {
    "customers come with a header alone": Refusal(write("customers.csv", "customer_id,signed_up_at\n"), "5 rows"),
    "customers come as an empty file": Refusal(write("customers.csv", ""), "empty"),
    "subscriptions come with a header alone": Refusal(
        write("subscriptions.csv", "subscription_id,customer_id,started_at,ended_at\n"), "5 rows"
    ),
    "subscriptions are all left out": Refusal(
        lambda home: home.declare("subscriptions", "subscriptions.csv", SUBSCRIPTIONS, "where = \"customer_id = 'X'\""),
        "no rows for subscriptions",
    ),
    "churn is told by events that are none": Refusal(
        write("churn_events.csv", "customer_id,churned_at\n"), "1 rows", '[churn]\ntold_by = "churn_events"\n'
    ),
    "silence is asked of sessions that are none": Refusal(
        write("sessions.csv", "customer_id,started_at,duration_minutes\n"),
        "had 150 rows",
        '[churn]\ndefinition = "inactivity"\n',
    ),
    "a file shrinks": Refusal(write("sessions.csv", SESSIONS[:600]), "had 150 rows"),
    "rows are mostly bad": Refusal(write("sessions.csv", SESSIONS.replace("C1,", ",").replace("C2,", ",").replace("C3,", ",")), "cannot be used"),
    "a column is missing": Refusal(write("subscriptions.csv", SUBSCRIPTIONS.replace("customer_id", "who")), "needs a column"),
    "a date has two readings": Refusal(tickets(TICKETS + "T1,C1,03/04/2026\n"), "3 April or 4 March"),
    "an amount has two readings": Refusal(
        lambda home: home.declare("payments", "payments.csv", PAYMENTS.replace(",10,", ',"10,5",')), "two readings"
    ),
    "a label is none": Refusal(
        lambda home: home.declare("customer_snapshots", "flat.csv", "customer_id,has_churned\n1,2\n2,1\n"), "`2`"
    ),
    "an expression names no column": Refusal(
        tickets(TICKETS + "T1,C1,2026-07-01\n", 'columns = { category = "no_such" }'), "no_such"
    ),
    "an option is unknown": Refusal(tickets(TICKETS, "options = { delimitre = ';' }"), "delimitre"),
    "a file cannot be found": Refusal(no_file, "no file"),
    "Parquet breaks off late": Refusal(truncated_parquet, "tickets.parquet"),
    "gzip breaks off late": Refusal(broken_gzip, "tickets.csv.gz"),
    "currencies are mixed": Refusal(write("payments.csv", PAYMENTS.replace(",10,", ",$10,", 2).replace(",10,", ",€10,")), "€"),
    "a column is called static that is none": Refusal(
        lambda home: home.declare("customers", "customers.csv", CUSTOMERS.replace("C1", "C9"), 'static = ["colour"]'), "colour"
    ),
    "SQL of one's own does not run": Refusal(broken_staging, "no_such_column"),
}  # fmt: skip


@dataclass(frozen=True)
class Loaded:
    """A home that was loaded once, by its hashes and features, and a copy to bring it back from: it knows its own path."""

    folder: Path
    hashes: dict[str, str]
    features: str

    @property
    def kept(self) -> Path:
        return self.folder.with_name(f"{self.folder.name} kept")

    def anew(self) -> Home:
        """Return the home as it was when it had been loaded."""
        home = Home(self.folder)
        shutil.rmtree(self.folder)
        shutil.copytree(self.kept, self.folder)
        return home


def load(folder: Path, rest: str = "") -> Loaded:
    folder.mkdir()
    home = Home(folder)
    home.rest = rest
    home.refresh(FIRST)
    loaded = Loaded(folder, home.hashes(), home.features())
    shutil.copytree(folder, loaded.kept)
    return loaded


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return load(tmp_path_factory.mktemp("loaded") / "company")


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refused_refresh_changes_nothing_and_a_mended_one_everything(
    loaded: Loaded, tmp_path: Path, name: str
) -> None:
    refusal = REFUSALS[name]
    first = load(tmp_path / "company", refusal.rest) if refusal.rest else loaded
    home, before, features = first.anew(), first.hashes, first.features
    home.rest = refusal.rest
    sections = dict(home.sections)
    contents = {path: path.read_bytes() for path in home.folder.glob("*.csv")}
    (home.folder / "payments.csv").write_text(PAYMENTS.replace("failed", "succeeded"))  # is read first
    refusal.harm(home)
    with pytest.raises(ChurnError, match=refusal.says):
        home.refresh(SECOND)
    assert home.hashes() == before
    if name == "SQL of one's own does not run":
        (home.home / "sql" / "staging" / "late.sql").unlink()
    home.sections = sections
    for path, content in contents.items():
        path.write_bytes(content)
    assert home.features() == features
    (home.folder / "payments.csv").write_text(PAYMENTS.replace("failed", "succeeded"))
    home.refresh(SECOND)
    with duckdb.connect(str(home.home / "warehouse.duckdb"), read_only=True) as connection:
        paid = connection.execute(
            "select count(*) from staging.payments where superseded_at is null and status = 'succeeded'"
        )
        assert paid.fetchone() == (5,)


def _command(home: Home) -> list[str]:
    home.context(SECOND)  # writes the settings
    command = [sys.executable, "-W", "ignore", "-m", "churn", "refresh", "--home", str(home.home)]
    return [*command, "--config", str(home.folder / "churn.toml")]


def _started(home: Home) -> subprocess.Popen[str]:
    return subprocess.Popen(
        _command(home),
        cwd=home.folder,
        env=clean_environment() | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("step", ["Loading churn_events", "Building staging.payments", "Building staging.sessions"])
def test_a_refresh_killed_in_the_middle_changes_nothing(loaded: Loaded, step: str) -> None:
    home, before = loaded.anew(), loaded.hashes
    (home.folder / "payments.csv").write_text(PAYMENTS.replace("failed", "succeeded"))
    (home.folder / "sessions.csv").write_text(SESSIONS + "C1,2026-07-11 10:00:00,5\n")
    process = _started(home)
    assert process.stderr is not None
    assert any(line.startswith(step) for line in process.stderr), "it never came there"
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    home.features()  # whatever opens the warehouse next removes files that the killed run left
    assert home.hashes() == before


def _limited(home: Home, most: int) -> subprocess.CompletedProcess[str]:
    """Refresh where no file may grow beyond `most` bytes, as on a disk that fills up."""
    return subprocess.run(
        _command(home),
        cwd=home.folder,
        env=clean_environment(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def test_a_disk_that_fills_up_at_any_byte_changes_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path)  # nothing was built in it yet, so that its file has no room inside
    home.refresh(FIRST)
    before = home.hashes()
    (home.folder / "payments.csv").write_text(PAYMENTS.replace("failed", "succeeded"))
    (home.folder / "customers.csv").write_text(CUSTOMERS + "".join(f"D{n},2026-02-02\n" for n in range(20_000)))
    size = (home.home / "warehouse.duckdb").stat().st_size
    # The log of the commit, which decides, takes almost as much as the file: with more room than that a refresh is done.
    for most in (1_000, size // 2, size * 3 // 4):
        done = _limited(home, most)
        assert done.returncode == 7, done.stderr
        home.features()
        assert home.hashes() == before, most
