"""The curl lines of the page on the API do what it says, against the service as its user starts it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests import ROOT
from tests.company import Company, clean_environment
from tests.ports import free_port

TEXT = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")


@contextmanager
def served(company: Company, **env: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run `churn serve` in a process of its own; give its address, once it answers."""
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "churn", "serve", "--home", str(company.home), "--port", str(port)]
    running = subprocess.Popen(command, cwd=company.home, env=clean_environment() | env, stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                if httpx.get(f"{address}/healthz", verify=False).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        yield address, running
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(40)


def test_the_day_of_a_crm_works_line_by_line(company: Company, tmp_path: Path) -> None:
    rows = "".join(f"{arm},{int(number % 4 == 0)}\n" for number in range(400) for arm in ("mail", "none"))
    (tmp_path / "trial.csv").write_text(f"arm,bought\n{rows}", encoding="utf-8")
    lines = [line for line in TEXT.splitlines() if line.startswith("curl ")]
    assert len(lines) >= 7
    key = company.json("keys", "create", "crm", "--scope", "read", "--scope", "simulate", "--scope", "push")["key"]
    company.run("plan", "fix_payment", "--budget", "500")
    somebody = company.json("risk-list", "--top", "1")["customers"][0]["customer_id"]
    with served(company) as (address, _):
        for line in lines:
            here = line.replace("http://127.0.0.1:8000", address).replace("C0000042", somebody)
            command = re.sub(r"^curl ", "curl --silent --show-error --fail-with-body ", here)
            done = subprocess.run(
                ["bash", "-c", command],
                cwd=tmp_path,
                env={**clean_environment(), "KEY": key},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
            json.loads(done.stdout)


def test_a_service_told_to_stop_under_load_answers_all_it_has_accepted(company: Company) -> None:
    import asyncio

    key = company.json("keys", "create", "crm")["key"]
    head = {"Authorization": f"Bearer {key}"}
    rows = {"rows": [{"features": {}}] * 200, "with_reasons": True}
    answered: list[int] = []

    async def load(address: str, running: subprocess.Popen[bytes]) -> None:
        async def one(client: httpx.AsyncClient) -> None:
            while True:
                try:
                    answer = await client.post(f"{address}/v1/scores", json=rows, headers=head, timeout=30)
                except httpx.TransportError:
                    return  # not accepted any more
                answered.append(answer.status_code)

        limits = httpx.Limits(max_keepalive_connections=0)  # each request its own connection: accepted means begun
        async with httpx.AsyncClient(limits=limits, verify=False) as client:
            workers = [asyncio.create_task(one(client)) for _ in range(6)]
            while len(answered) <= 12:
                await asyncio.sleep(0.1)
            running.send_signal(signal.SIGTERM)
            await asyncio.gather(*workers)

    with served(company) as (address, running):
        httpx.post(f"{address}/v1/scores", json=rows, headers=head, timeout=60, verify=False)
        asyncio.run(load(address, running))
        assert running.wait(40) in {0, -signal.SIGTERM}  # it ends as the signal says once all is answered
    assert len(answered) > 6
    assert set(answered) == {200}
    lines = (company.home / "churn.log").read_text(encoding="utf-8").splitlines()
    taken = [line for line in lines if '"route": "/v1/scores"' in line]
    assert len(taken) == len(answered) + 1, "every request that was taken was answered, the first one too"
