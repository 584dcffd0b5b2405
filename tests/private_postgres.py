"""A private PostgreSQL on a free loopback port, for as long as a block lasts; for tests and benchmarks."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free_port

_USER = "churn"
_PASSWORD = "pg-s3cret-word"  # tests look for it where no secret may appear
_START_SECONDS = 30.0


@dataclass(frozen=True)
class PostgresServer:
    """A running private server; `user` is its superuser."""

    host: str
    port: int
    user: str
    password: str

    def url(self, database: str, *, with_password: bool = True) -> str:
        """Return a `postgresql://` address of one of its databases."""
        secret = f":{self.password}" if with_password else ""
        return f"postgresql://{self.user}{secret}@{self.host}:{self.port}/{database}"


@contextmanager
def running_postgres(binaries: Path) -> Iterator[PostgresServer]:
    """Run a private server for as long as the block lasts."""
    # Not tmp_path: its parents are closed to other users, and PostgreSQL refuses to run as root.
    folder = Path(tempfile.mkdtemp(prefix="churn-pg-"))
    process: subprocess.Popen[bytes] | None = None
    try:
        account = _account()
        if account is not None:
            os.chown(folder, account.pw_uid, account.pw_gid)
        _initialise(binaries, folder, account)
        process, server = _start(binaries, folder, account)
        yield server
    finally:
        if process is not None:
            # Immediate shutdown: nothing in there is worth a checkpoint.
            process.send_signal(signal.SIGQUIT)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=20)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def stoppable_postgres(binaries: Path) -> Iterator[StoppablePostgres]:
    """Run a private server that goes away and comes back, on the same port with what it holds."""
    folder = Path(tempfile.mkdtemp(prefix="churn-pg-"))
    account = _account()
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
    held: StoppablePostgres | None = None
    try:
        _initialise(binaries, folder, account)
        process, server = _start(binaries, folder, account)
        held = StoppablePostgres(binaries, folder, process, server)
        yield held
    finally:
        if held is not None:
            held.stop()
        shutil.rmtree(folder, ignore_errors=True)


class StoppablePostgres:
    """A server that is killed by `stop` and back after `start`."""

    def __init__(self, binaries: Path, folder: Path, process: subprocess.Popen[bytes], server: PostgresServer) -> None:
        self._binaries, self._folder, self._process, self.server = binaries, folder, process, server

    def stop(self) -> None:
        """End every session at once, as a crash does."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(timeout=20)

    def start(self) -> None:
        """Come back on the same port."""
        self._process, _ = _start(self._binaries, self._folder, _account(), port=self.server.port)


def postgres_binaries() -> Path | None:
    """Return the newest installed server's folder of programs."""
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if (config := shutil.which("pg_config")) is not None:
        told = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False).stdout.strip()
        candidates.append(Path(told))
    if (found := shutil.which("postgres")) is not None:
        candidates.append(Path(found).parent)
    return next((p for p in candidates if (p / "initdb").exists() and (p / "postgres").exists()), None)


def _account() -> pwd.struct_passwd | None:
    """Return the account to run as, where we are root; None means as ourselves."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


def _as(account: pwd.struct_passwd | None) -> dict[str, object]:
    if account is None:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _environment(folder: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    return {**kept, "HOME": str(folder), "LC_ALL": "C"}


def _initialise(binaries: Path, folder: Path, account: pwd.struct_passwd | None) -> None:
    secret = folder / "pwfile"
    secret.write_text(_PASSWORD)
    if account is not None:
        os.chown(secret, account.pw_uid, account.pw_gid)
    done = subprocess.run(
        [
            *(str(binaries / "initdb"), "--pgdata", str(folder / "data"), "--username", _USER, "--encoding", "UTF8"),
            *("--locale", "C", "--auth", "scram-sha-256", "--pwfile", str(secret), "--no-sync", "--no-instructions"),
        ],
        cwd=folder,
        env=_environment(folder),
        capture_output=True,
        text=True,
        check=False,
        **_as(account),  # type: ignore[call-overload]
    )
    assert done.returncode == 0, done.stderr


def _start(
    binaries: Path, folder: Path, account: pwd.struct_passwd | None, *, port: int | None = None
) -> tuple[subprocess.Popen[bytes], PostgresServer]:
    log = folder / "log"
    for _ in range(3):  # another process may take the port between our look and the server's
        port = port or free_port()
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": folder,
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "shared_buffers": "32MB",
            "max_connections": 40,
        }
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with log.open("wb") as sink:
            process = subprocess.Popen(
                [str(binaries / "postgres"), "-D", str(folder / "data"), *arguments],
                cwd=folder,
                env=_environment(folder),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                **_as(account),  # type: ignore[call-overload]
            )
        server = PostgresServer("127.0.0.1", port, _USER, _PASSWORD)
        if _answers(server, process):
            return process, server
        process.kill()
        process.wait()
    raise RuntimeError(log.read_text(errors="replace"))


def _answers(server: PostgresServer, process: subprocess.Popen[bytes]) -> bool:
    import psycopg

    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            psycopg.connect(server.url("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return True
    return False
