from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import httpx
import pytest

from churn.store import open_store
from tests.faults.serving import CHURN, answers, service, started, until
from tests.faults.shops import Shop, fill, may_mount, one_line
from tests.faults.test_store_away import QUIET


@pytest.fixture
def full_shop(finished_shop: Path, tmp_path: Path) -> Iterator[Shop]:
    """A company in full swing on a disk of its own; `fill(shop.home / "ballast", leave=0)` fills it."""
    if not may_mount():
        pytest.skip("mounting a small file system takes root on Linux")
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=128m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"a small file system cannot be mounted here: {done.stderr.strip()}")
    subprocess.run(["cp", "-r", f"{finished_shop}/.", str(folder)], check=True)
    yield Shop(folder)
    subprocess.run(["umount", "--lazy", str(folder)], check=True)  # the log may be open still


def test_whatever_is_run_on_a_full_disk_says_so_in_a_line_and_goes_well_afterwards(full_shop: Shop) -> None:
    before = full_shop.json("risk-list")
    ballast = full_shop.home / "ballast"
    for command in (["score"], ["report"], ["sync", "risk-list", "--to", "file"]):
        for left in (0, 150_000, 1_500_000):
            fill(ballast, leave=left)
            done = full_shop.run(*command, "--quiet", code=7 if left == 0 else None)
            if done.returncode == 0:
                continue
            told = one_line(done.stderr, [])
            assert re.search("disk is full|no space left", told, re.IGNORECASE), f"{command}: {told}"
            assert done.returncode == 7, told
            assert "TransactionContext" not in told, f"{command}: {told}"
    ballast.unlink()
    assert full_shop.json("risk-list") == before, "nothing was lost"
    full_shop.run("score")
    full_shop.run("sync", "risk-list", "--to", "file", "--force")


def test_a_service_and_a_scheduler_outlive_a_full_disk(full_shop: Shop) -> None:
    home, ballast = full_shop.home, full_shop.home / "ballast"
    key = full_shop.json("keys", "create", "crm", "--scope", "read", "--scope", "push")["key"]
    head = {"Authorization": f"Bearer {key}"}
    event = {"customer_id": "c1", "campaign": "x", "event_id": "e1", "kind": "contacted"}
    body = {"events": [event | {"occurred_at": "2026-07-03T09:30:00+02:00"}]}
    with (
        service(home, **QUIET) as (address, process),
        started([*CHURN, "scheduler", "--home", str(home)], home, **QUIET) as beside,
    ):
        fill(ballast, leave=0)

        def write() -> httpx.Response:
            return httpx.post(f"{address}/v1/outcomes", json=body, headers=head, timeout=60, verify=False)

        assert httpx.get(f"{address}/v1/risk-list", headers=head, timeout=60, verify=False).status_code == 200
        refused = write()
        assert refused.status_code == 507, refused.text
        assert refused.json()["code"] == "resource_error"
        assert answers(address, "/readyz")
        assert process.poll() is None
        assert beside.poll() is None
        ballast.unlink()
        assert write().status_code == 200
        with open_store(f"sqlite:///{home / 'store.sqlite'}") as store:
            at = datetime.now(UTC).replace(tzinfo=None)
            run = store.jobs.request("retention", logical_date=date(2026, 6, 1), requested_by="test", at=at)
            until(lambda: getattr(store.jobs.get(run.run_id), "state", "") == "done")
