"""P7 and P8: one score with reasons, and the risk of one customer, over HTTP on loopback, as a CRM asks for them."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.company import BenchCompany, company, trained
from benchmarks.measuring import ROOT, Result
from churn.modeling.serving.online import online_scorer
from churn.progress import Progress

RATE = 200  # requests a second
SECONDS = 15
CONNECTIONS = 16
OPEN_RATES = {"CHURN_API__REQUESTS_PER_MINUTE": "100000000"}
MLFLOW = ROOT / ".venv-bench" / "bin" / "python"


def run_scores(customers: int, repeats: int, progress: Progress) -> list[Result]:
    """P7: requests at a steady rate, one connection each in turn; then as many as go, beside MLflow's model server."""
    found = company(customers, 18, progress)
    version = trained(found, progress)["xgboost"]
    body = json.dumps({"rows": [{"customer_id": "bench", "features": _features(found)}], "with_reasons": True})
    with churn_service(found.home) as (port, token):
        head = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        progress.step(f"P7: {RATE} requests a second for {SECONDS} s, {repeats} times")
        steady = [asyncio.run(paced(port, "/v1/scores", head, body, RATE, SECONDS)) for _ in range(repeats)]
        ours = statistics.median(wrk(port, "/v1/scores", head, body=body)["rate"] for _ in range(repeats))
    p50, p99 = (1000 * statistics.median(_quantile(one, q) for one in steady) for q in (0.5, 0.99))
    theirs = _mlflow_rate(found, version, repeats, progress)
    beside = "MLflow is not installed in .venv-bench" if theirs is None else f"MLflow's rate {theirs:,.0f}/s"
    work = "one score with its five reasons over HTTP"
    details = {"p50_ms": p50, "p99_ms": p99, "rate": ours, "mlflow_rate": theirs}
    rows = [
        (f"{work}, at {RATE}/s, median", p50, "ms", "at most", 5.0, 2.0, f"p50 {p50:.2f} ms", "the case's 12 ms"),
        (f"{work}, at {RATE}/s, 99th percentile", p99, "ms", "at most", 20.0, None, f"p99 {p99:.2f} ms", "-"),
    ]
    if theirs is not None:
        rows.append((f"{work}, as many as go", ours / theirs, "x", "at least", 1.0, 5.0, f"{ours:,.0f}/s", beside))
    return [
        Result("P7", told, figure, unit, goal, bar, aim, mine, other, repeats, note="", details=details)  # type: ignore[arg-type]  # goal is one of two words
        for told, figure, unit, goal, bar, aim, mine, other in rows
    ]


def run_lookups(customers: int, repeats: int, progress: Progress) -> list[Result]:
    """P8: different customers all the time, in turns with a FastAPI route that does nothing, on the same server."""
    found = company(customers, 18, progress)
    trained(found, progress)
    with found.context().open_store() as store:
        ids = store.published.current(limit=20_000, columns=("customer_id", "expected_profit"))["customer_id"].to_list()
    paths = [f"/v1/customers/{one}/risk" for one in ids]
    ours, theirs = [], []
    with churn_service(found.home) as (port, token), empty_service() as empty_port:
        head = {"Authorization": f"Bearer {token}"}
        for turn in range(repeats + 1):  # the first warms both
            progress.step(f"P8: turn {turn} of {repeats}")
            rates = wrk(port, paths, head)["rate"], wrk(empty_port, paths, head)["rate"]
            if turn:
                ours.append(rates[0])
                theirs.append(rates[1])
    share = statistics.median(ours) / statistics.median(theirs)
    return [
        Result(
            bench="P8",
            work=f"risk of one of {len(ids):,} customers over HTTP, with reasons: key, rate limit, store, log and metrics",
            figure=share,
            unit="x",
            goal="at least",
            bar=0.5,
            aim=0.8,
            ours=f"{statistics.median(ours):,.0f}/s",
            reference=f"an empty async FastAPI route, same uvicorn, no middleware: {statistics.median(theirs):,.0f}/s",
            repeats=repeats,
            details={"ours": ours, "reference": theirs, "connections": CONNECTIONS},
        )
    ]


@contextmanager
def churn_service(home: Path) -> Iterator[tuple[int, str]]:
    """Serve `home` in a process of its own; give its port and a key that may read."""
    from churn.accounts.keys import create_key
    from churn.bootstrap import build_context
    from churn.config import load_settings

    context = build_context(settings=load_settings(config=home / "churn.toml", home=home, environ={}))
    token = create_key(context, f"bench {time.time_ns()}", ["read"])
    with service_process(home, OPEN_RATES) as (port, _):
        head = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        asyncio.run(paced(port, "/v1/scores", head, '{"rows": [{"features": {}}], "with_reasons": true}', 20, 2))
        yield port, token


@contextmanager
def service_process(home: Path, env: dict[str, str], *options: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Serve `home` in a process of its own; give its port, once something listens there, and the process."""
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "churn", "serve", "--home", str(home), "--port", str(port)]
    with _process([*command, "--config", str(home / "churn.toml"), *options], port, env) as running:
        yield port, running


@contextmanager
def empty_service() -> Iterator[int]:
    """Serve one FastAPI route that does nothing, on the same server with the same settings."""
    port = free_port()
    with _process([sys.executable, "-m", "benchmarks.empty_service", str(port)], port, {}):
        yield port


async def paced(port: int, path: str, headers: dict[str, str], body: str, rate: float, seconds: float) -> list[float]:
    """Send requests at a steady rate, each when it is due whatever became of those before; return seconds from due to answered.

    Waiting for an answer before sending the next would hide how long the others would have waited.
    """
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    raw = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{lines}Content-Length: {len(body.encode())}\r\n\r\n{body}".encode()
    )
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    taken: list[float] = []

    async def one(due: float) -> None:
        reader, writer = idle.pop() if idle else await asyncio.open_connection("127.0.0.1", port)
        writer.write(raw)
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        if not head.startswith(b"HTTP/1.1 200") or length is None:
            raise RuntimeError(f"the service answered {head[:200]!r}")
        await reader.readexactly(int(length[1]))
        taken.append(time.perf_counter() - due)
        idle.append((reader, writer))

    began, tasks = time.perf_counter(), []
    for number in range(int(rate * seconds)):
        due = began + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(due)))
    await asyncio.gather(*tasks)
    for _, writer in idle:
        writer.close()
    return taken


def wrk(
    port: int, path: str | Sequence[str], headers: dict[str, str], *, body: str | None = None, seconds: int = 5
) -> dict[str, float]:
    """Ask as often as goes on some connections; return `rate` a second. Raises RuntimeError for an answer that is no 200."""
    paths = [path] if isinstance(path, str) else list(path)
    told = "".join(f"wrk.headers[{json.dumps(k)}] = {json.dumps(v)}\n" for k, v in headers.items())
    if body is not None:
        told += f"wrk.method = 'POST'\nwrk.body = {json.dumps(body)}\n"
    told += f"local paths = {{{', '.join(json.dumps(one) for one in paths)}}}\nlocal at = 0\n"
    told += "request = function() at = at % #paths + 1; return wrk.format(nil, paths[at]) end\n"
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "requests.lua"
        script.write_text(told, encoding="utf-8")
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script), f"http://127.0.0.1:{port}"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise RuntimeError(done.stdout)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    return {"rate": float(rate[1]) if rate else 0.0}


def _features(found: BenchCompany) -> dict[str, Any]:
    """Return one customer's features as a caller would send them: nothing that JSON does not know."""
    from churn.snapshots.dataset import feature_frame
    from churn.warehouse.models.sql_models import load_models

    with found.context().open_warehouse("bench") as warehouse:
        frame, docs = feature_frame(warehouse, load_models(found.home))
    row = frame.row(frame.height // 2, named=True)
    names = {doc.name for doc in docs}
    return {name: value for name, value in row.items() if name in names and isinstance(value, float | int | str)}


def _mlflow_rate(found: BenchCompany, version: str, repeats: int, progress: Progress) -> float | None:
    """Return the rate of MLflow's model server with the same trees: scores only, of rows that are encoded already."""
    if (
        not MLFLOW.is_file()
        or subprocess.run([str(MLFLOW), "-c", "import mlflow"], capture_output=True, check=False).returncode
    ):
        return None
    from churn.modeling import load_bundle

    model = load_bundle(found.home / "models" / version)
    row = online_scorer(model).matrix([_features(found)])[0].tolist()
    with tempfile.TemporaryDirectory() as folder:
        model.estimator.save_model(Path(folder) / "model.json")
        command = [str(MLFLOW), "-W", "ignore", "-m", "benchmarks.mlflow_model", folder, json.dumps(row)]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        port = free_port()
        serve = [str(MLFLOW), "-W", "ignore", "-m", "mlflow", "models", "serve", "--env-manager", "local"]
        serve += ["-m", f"{folder}/mlflow", "-h", "127.0.0.1", "-p", str(port)]
        path = {"PATH": f"{MLFLOW.parent}:{os.environ['PATH']}", "MLFLOW_DISABLE_TELEMETRY": "true"}
        with _process(serve, port, path):
            progress.step("P7: MLflow's server")
            time.sleep(10)
            body = json.dumps({"inputs": [row]})
            head = {"Content-Type": "application/json"}
            return statistics.median(wrk(port, "/invocations", head, body=body)["rate"] for _ in range(repeats))


@contextmanager
def _process(command: Sequence[str | Path], port: int, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; it is up when something listens on its port."""
    with tempfile.TemporaryFile() as told:
        running = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)} | env, stdout=told, stderr=told
        )
        try:
            for _ in range(600):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                if running.poll() is not None:
                    told.seek(0)
                    raise RuntimeError(told.read().decode()[-2000:])
                time.sleep(0.1)
            yield running
        finally:
            running.terminate()
            running.wait(30)


def free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
