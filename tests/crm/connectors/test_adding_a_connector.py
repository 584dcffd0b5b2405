"""Walks the worked example of docs/extending.md: its connector, its settings, against a real server, killed in the middle."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests import ROOT
from tests.company import Company, clean_environment
from tests.crm.homes import build

pytestmark = pytest.mark.slow

SECRET = "b00k-s3cret"


class Book(ThreadingHTTPServer):
    """People by key; each change is counted, and takes `pause` seconds."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Page)
        self.people: dict[str, dict[str, Any]] = {}
        self.changes = 0
        self.pause = 0.0


class _Page(BaseHTTPRequestHandler):
    server: Book

    def do_GET(self) -> None:
        if self.headers["Authorization"] != f"Bearer {SECRET}":
            return self._answer(401, {})
        key = self.path.rpartition("/")[2]
        is_there = key == "me" or key in self.server.people
        return self._answer(200 if is_there else 404, self.server.people.get(key, {}))

    def do_PATCH(self) -> None:
        fields = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        time.sleep(self.server.pause)
        self.server.people.setdefault(self.path.rpartition("/")[2], {}).update(fields)
        self.server.changes += 1
        self._answer(200, {})

    def _answer(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def book() -> Iterator[Book]:
    server = Book()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def home(tmp_path: Path, book: Book) -> Company:
    """A home set up as the page says."""
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    (connector,) = re.findall(r"```python\n(\"\"\"The connector.*?)```", page, flags=re.DOTALL)
    (section,) = re.findall(r"```toml\n(\[connectors\.book\].*?)```", page, flags=re.DOTALL)
    folder = build(tmp_path / "home", customers=40, held_out=0)
    (folder / "connectors").mkdir()
    (folder / "connectors" / "addressbook.py").write_text(connector, encoding="utf-8")
    section = re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{book.server_address[1]}", section)
    (folder / "churn.toml").write_text(section, encoding="utf-8")
    return Company(folder)


def sync(home: Company, *more: str, **options: Any) -> Any:
    environment = {"CHURN_CONNECTOR_BOOK_SECRET": SECRET}
    return home.run("sync", "call", "--to", "book", "--force", *more, env=environment, **options)


def test_the_connector_of_the_docs_pushes_and_goes_on_after_a_kill(home: Company, book: Book) -> None:
    book.pause = 0.05
    command = [sys.executable, "-m", "churn", "sync", "call", "--to", "book", "--force", "--home", str(home.home)]
    environment = clean_environment() | {"CHURN_CONNECTOR_BOOK_SECRET": SECRET}
    started = subprocess.Popen(command, cwd=home.home, env=environment, stderr=subprocess.DEVNULL)
    for _ in range(3_000):
        if book.changes >= 15:
            break
        time.sleep(0.01)
    started.send_signal(signal.SIGKILL)
    started.wait(30)
    book.pause = 0
    assert 15 <= book.changes < 38
    document = json.loads(sync(home, "--json").stdout)
    assert document["state"] == "done"
    assert len(document["resumed"]) == 1
    assert len(book.people) == 38  # all but one objection, and one without consent
    assert {person["band"] for person in book.people.values()} == {"critical"}
    before = book.changes
    document = json.loads(sync(home, "--json").stdout)
    assert (document["unchanged"], book.changes) == (38, before)


def test_a_refused_or_missing_secret_is_named_and_never_shown(home: Company, book: Book) -> None:
    done = home.run("sync", "call", "--to", "book", code=2)
    assert "CHURN_CONNECTOR_BOOK_SECRET" in done.stderr
    wrong = {"CHURN_CONNECTOR_BOOK_SECRET": "wr0ng-s3cret"}
    done = home.run("sync", "call", "--to", "book", "--force", code=6, env=wrong)
    assert "refuses our credentials" in done.stderr
    assert "wr0ng-s3cret" not in done.stderr + (home.home / "churn.log").read_text(encoding="utf-8")
    assert book.people == {}


def test_the_command_line_shows_a_push_its_status_and_its_rejections(home: Company, tmp_path: Path) -> None:
    dry = home.run("sync", "call", "--to", "file", "--dry-run", "--force").stdout
    assert "Would bring file into step" in dry
    assert not (home.home / "lists").exists()
    pushed = home.run("sync", "call", "--to", "file").stdout
    assert "1 objected, 1 without consent" in pushed
    status = home.json("sync", "status")
    assert [run["state"] for run in status["runs"]] == ["done"]
    out = tmp_path / "rejected.csv"
    home.run("sync", "status", "--rejected", "--out", str(out))
    assert out.read_text(encoding="utf-8").startswith("connector,campaign,customer_id,code")
    again = home.run("sync", "call", "--to", "file", "--dry-run").stdout
    assert "For example" in dry
    assert "For example" not in again
    assert home.json("sync", "withdraw", "call", "--to", "file")["cleared"] == 38
    assert "Took call back from file" in home.run("sync", "withdraw", "call", "--to", "file").stdout


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ('[connectors.x]\nkind = "odo"\nurl = "http://h"\n', "did you mean `odoo`"),
        ('[connectors.x]\nkind = "rest"\nurl = "http://h"\nlookup = "x"\n', "Did you mean `lookup_path`"),
        ('[connectors.x]\nkind = "webhook"\nurl = "http://me:pw@h/x"\n', "CHURN_CONNECTOR_<NAME>_SECRET"),
        ('[connectors.x]\nkind = "nosuch"\n', "connectors"),
    ],
)
def test_a_wrong_section_says_what_to_write(home: Company, section: str, told: str) -> None:
    (home.home / "churn.toml").write_text(section, encoding="utf-8")
    assert told in home.run("sync", "call", "--to", "x", code=2).stderr
