"""A running Odoo 14 and a look into its database: what the product wrote is judged by SQL, never by the product."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.odoo.chroot import RigBroken, built_root, install_missing
from tests.ports import free_port
from tests.private_postgres import PostgresServer, postgres_binaries, running_postgres

USER, PASSWORD = "admin", "admin"
NOBODY = 65534
TEMPLATE = "tmpl"
MODULES = "crm,contacts,mass_mailing"
START_SECONDS = 120.0
# The mount belongs to a namespace that ends with the process, so even kill -9 leaves nothing mounted.
_ENTER = 'mount -t proc proc "$0/proc" && mount --bind "$1" "$0/srv" && root="$0" && shift && exec chroot --userspec=65534:65534 "$root" "$@"'
# What a campaign writes; made once, as a customer's administrator would.
CUSTOM_FIELDS = {
    "x_churn_probability": "float",
    "x_risk_band": "char",
    "x_percentile": "float",
    "x_expected_profit": "float",
    "x_reasons": "text",
    "x_action": "char",
    "x_campaign": "char",
    "x_model": "char",
    "x_scored_at": "datetime",
    "x_run": "char",
    "x_key": "char",
}
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Database:
    """One Odoo database, made from the template."""

    url: str
    name: str
    postgres: PostgresServer = field(repr=False)
    users: dict[str, int] = field(default_factory=dict, repr=False)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return what SQL sees in Odoo's own tables."""
        import psycopg

        with psycopg.connect(self.postgres.url(self.name), autocommit=True) as connection:
            return connection.execute(query, values or None).fetchall()  # type: ignore[arg-type]

    def one(self, query: str, *values: object) -> Any:
        """Return the single value of a query."""
        (row,) = self.rows(query, *values)
        return row[0]

    def call(
        self, model: str, method: str, *args: Any, user: str = USER, password: str = PASSWORD, **kwargs: Any
    ) -> Any:
        """Call Odoo as somebody who works there would, past the product."""
        uid = self.users.get(user) or self._rpc("common", "login", [self.name, user, password])
        assert uid, f"{user} may not sign in"
        self.users[user] = uid  # signing in takes a tenth of a second
        return self._rpc("object", "execute_kw", [self.name, uid, password, model, method, list(args), kwargs])

    def _rpc(self, service: str, method: str, args: Sequence[Any]) -> Any:
        body = {"jsonrpc": "2.0", "method": "call", "params": {"service": service, "method": method, "args": args}}
        answer = httpx.post(f"{self.url}/jsonrpc", json=body, timeout=300.0).json()
        if "error" in answer:
            raise RuntimeError(answer["error"]["data"]["message"])
        return answer.get("result")


@dataclass(frozen=True)
class OdooServer:
    """A running server; every test gets a database of its own from the template."""

    url: str
    postgres: PostgresServer
    process: subprocess.Popen[bytes] = field(repr=False)
    log: Path

    def new_database(self) -> Database:
        """Return a fresh copy of the template."""
        name = f"odoo_{os.getpid()}_{next(_numbers)}"
        self._administer(f'create database "{name}" template {TEMPLATE}')
        return Database(self.url, name, self.postgres)

    def drop(self, database: Database) -> None:
        """Delete a database, whoever is connected to it."""
        self._administer(f'drop database if exists "{database.name}" with (force)')

    def prepare(self) -> None:
        """Give every later database the custom fields a campaign writes, and a salesman with the usual rights."""
        first = self.new_database()
        (model,) = first.call("ir.model", "search", [("model", "=", "res.partner")])
        common = {"model_id": model, "state": "manual"}
        fields = [{**common, "name": n, "field_description": n, "ttype": kind} for n, kind in CUSTOM_FIELDS.items()]
        first.call("ir.model.fields", "create", fields)
        self._administer(f"drop database {TEMPLATE} with (force)")
        self._administer(f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{first.name}'")
        self._administer(f'create database {TEMPLATE} template "{first.name}"')
        self.drop(first)

    def _administer(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.postgres.url("postgres"), autocommit=True) as admin:
            admin.execute(statement)  # type: ignore[arg-type]


@contextmanager
def running_odoo() -> Iterator[OdooServer]:
    """Build what is missing, then run PostgreSQL and Odoo for as long as the block lasts. Raises RigBroken."""
    install_missing()
    binaries = postgres_binaries()
    if binaries is None:
        raise RigBroken("PostgreSQL was installed, and yet its server programs are not found")
    root = built_root()
    folder = Path(tempfile.mkdtemp(prefix="churn-odoo-"))
    try:
        with running_postgres(binaries) as postgres:
            _settle(folder, postgres)
            _initialise(root, folder)
            with _serving(root, folder, postgres) as server:
                server.prepare()
                yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _settle(folder: Path, postgres: PostgresServer) -> None:
    """Write Odoo's settings into the folder that becomes its /srv."""
    (folder / "data").mkdir()
    options = {
        "db_host": postgres.host,
        "db_port": postgres.port,
        "db_user": postgres.user,
        "db_password": postgres.password,
        "db_maxconn": 24,
        "data_dir": "/srv/data",
        "http_interface": "127.0.0.1",
        "list_db": False,
        # One database at a time is seen, as on a server for one company: Odoo tells its reasons then, and the
        # template, which nobody may use while it is copied, stays unseen.
        "dbfilter": "^odoo_",
        "max_cron_threads": 0,
        "without_demo": "all",
        "limit_time_real": 600,
    }
    text = "".join(f"{name} = {value}\n" for name, value in options.items())
    (folder / "odoo.conf").write_text(f"[options]\n{text}")
    for path in (folder, *folder.iterdir()):
        os.chown(path, NOBODY, NOBODY)


def _command(root: Path, folder: Path, *options: str) -> list[str]:
    odoo = ("env", "-i", "HOME=/srv/data", "TMPDIR=/srv/data", "LANG=C.UTF-8", "PATH=/usr/bin:/bin", "odoo")
    return [
        *("unshare", "--mount", "--propagation", "private", "sh", "-c", _ENTER, str(root), str(folder)),
        *(*odoo, "-c", "/srv/odoo.conf", *options),
    ]


def _initialise(root: Path, folder: Path) -> None:
    done = subprocess.run(
        _command(root, folder, "-d", TEMPLATE, "-i", MODULES, "--stop-after-init", "--log-level=warn", "--no-http"),
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RigBroken(f"Odoo could not make its database ({done.returncode}): {done.stderr[-3000:]}")


@contextmanager
def _serving(root: Path, folder: Path, postgres: PostgresServer) -> Iterator[OdooServer]:
    port = free_port()
    log = folder / "odoo.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            _command(root, folder, "--http-port", str(port), "--log-level=warn"),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    server = OdooServer(f"http://127.0.0.1:{port}", postgres, process, log)
    try:
        _await(server)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=20)


def _await(server: OdooServer) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            httpx.post(f"{server.url}/web/webclient/version_info", json={}, timeout=5.0).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    raise RigBroken(f"Odoo does not answer: {server.log.read_text(errors='replace')[-3000:]}")
