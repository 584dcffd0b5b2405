"""A real MariaDB for tests: a private server on a free loopback port, and a database of its own for each test."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.ports import free_port

PASSWORD = "my-s3cret-word"  # tests look for it where no secret may appear
_START_SECONDS = 60.0
_numbers = itertools.count(1)


@dataclass(frozen=True)
class MariadbServer:
    """A running private server; `user` may do everything."""

    port: int
    user: str = "churn"
    password: str = PASSWORD

    def url(self, database: str, *, with_password: bool = True, scheme: str = "mariadb") -> str:
        """Return the address of one of its databases."""
        secret = f":{self.password}" if with_password else ""
        return f"{scheme}://{self.user}{secret}@127.0.0.1:{self.port}/{database}"


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariadbServer]:
    """One server per test process (so also per xdist worker), in a temporary folder, gone at the end."""
    pytest.importorskip("pymysql", reason="PyMySQL is not installed (extra `mysql`)")
    daemon = shutil.which("mariadbd", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/libexec")
    installer = shutil.which("mariadb-install-db")
    if daemon is None or installer is None:
        pytest.skip("no MariaDB server on this machine (install the package `mariadb-server-core`)")
    with running_mariadb(daemon, installer) as server:
        yield server


@pytest.fixture
def mariadb_url(mariadb_server: MariadbServer) -> Iterator[str]:
    """The address, with password, of an empty database that lives as long as the test."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    run(mariadb_server, f"create database {name}")
    yield mariadb_server.url(name)
    run(mariadb_server, f"drop database {name}")


def run(server: MariadbServer, *statements: str, database: str | None = None, charset: str = "utf8mb4") -> None:
    """Run statements as the server's own user."""
    import pymysql

    connection = pymysql.connect(
        host="127.0.0.1", port=server.port, user=server.user, password=server.password, database=database, charset=charset, autocommit=True
    )  # fmt: skip
    with connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@contextmanager
def running_mariadb(daemon: str, installer: str) -> Iterator[MariadbServer]:
    """Run a private server for as long as the block lasts."""
    folder = Path(tempfile.mkdtemp(prefix="churn-my-"))
    process: subprocess.Popen[bytes] | None = None
    stack = ExitStack()
    try:
        account = _account()
        who: dict[str, Any] = (
            {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        )
        data = folder / "data"
        data.mkdir()
        if account is not None:
            os.chown(folder, account.pw_uid, account.pw_gid)
            os.chown(data, account.pw_uid, account.pw_gid)
        made = subprocess.run(
            [installer, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal", "--skip-test-db"],
            cwd=folder, capture_output=True, text=True, check=False, **who,
        )  # fmt: skip
        assert made.returncode == 0, made.stdout + made.stderr
        first = folder / "first.sql"
        first.write_text(
            f"create user 'churn'@'%' identified by '{PASSWORD}';\ngrant all on *.* to 'churn'@'%' with grant option;\n"
        )
        first.chmod(0o644)
        port = free_port()
        log = stack.enter_context((folder / "log").open("wb"))
        process = subprocess.Popen(
            [
                daemon, "--no-defaults", f"--datadir={data}", f"--socket={folder / 'socket'}", f"--port={port}",
                "--bind-address=127.0.0.1", f"--pid-file={folder / 'pid'}", "--innodb-flush-log-at-trx-commit=0",
                "--innodb-buffer-pool-size=16M", "--skip-name-resolve", f"--init-file={first}", "--sql-mode=",
            ],
            cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, **who,
        )  # fmt: skip
        server = MariadbServer(port)
        _wait(server, process, folder / "log")
        yield server
    finally:
        if process is not None:
            process.send_signal(signal.SIGKILL)  # nothing in there is worth a checkpoint
            process.wait(timeout=20)
        stack.close()
        shutil.rmtree(folder, ignore_errors=True)


def _account() -> pwd.struct_passwd | None:
    """Return the account to run as, where we are root; None means as ourselves."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    return names.get("mysql") or names["nobody"]


def _wait(server: MariadbServer, process: subprocess.Popen[bytes], log: Path) -> None:
    import pymysql

    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            run(server, "select 1")
        except pymysql.MySQLError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(log.read_text(errors="replace"))
