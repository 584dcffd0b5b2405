from __future__ import annotations

import json
import shlex
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.company import clean_environment
from tests.faults.conftest import FIRST_LIST
from tests.faults.serving import CHURN
from tests.faults.shops import Shop, may_mount

# As the container runs it: nothing can be written but the volume and /tmp. /srv stands for the volume.
_LOCKED = """
set -e
mount --bind {home} /srv
mount -t tmpfs tmpfs /tmp
mount -o remount,bind,ro /
cd /srv
if touch /usr/x 2>/dev/null; then exit 99; fi
{churn} score --quiet
{churn} serve --port 0 > address & pid=$!
for n in $(seq 300); do test -s address && break; sleep 0.2; done
url=$(grep -o 'http://127.0.0.1:[0-9]*' address | head -1)
for n in $(seq 300); do {churn} health --quiet --url "$url" && break; sleep 0.2; done
{python} -c "
import sys, urllib.request as r
for path in ('/readyz', '/sign-in', '/metrics'):
    assert r.urlopen(sys.argv[1] + path).status == 200
" "$url"
kill -TERM $pid
wait $pid || true
"""


def test_a_file_system_that_cannot_be_written_but_for_the_home_and_tmp_is_enough(shop: Shop) -> None:
    if not may_mount() or subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("a name space of its own for mounts takes root on Linux")
    if any(Path(path).is_relative_to("/tmp") for path in (CHURN[0], __file__)):
        pytest.skip("the test lays an empty /tmp over the one in which this checkout lies")
    script = _LOCKED.format(home=shop.home, churn=shlex.join(CHURN), python=shlex.quote(CHURN[0]))
    settings = {"CHURN_HOME": "/srv", "HOME": "/tmp", "NUMBA_CACHE_DIR": "/tmp/numba", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script],
        env=clean_environment() | settings,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


_SHUT = """
set -e
mount --bind {home} /srv
mount -o remount,bind,ro /srv
cd /srv
if touch /srv/x 2>/dev/null; then exit 99; fi
{churn} risk-list --json --home /srv
"""


@pytest.mark.parametrize("has_log", [False, True])
def test_the_risk_list_is_read_from_a_home_that_cannot_be_written(shop: Shop, has_log: bool) -> None:
    if not may_mount() or subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("a name space of its own for mounts takes root on Linux")
    writer = sqlite3.connect(shop.home / "store.sqlite") if has_log else None  # as beside a service that runs
    if writer is not None:
        writer.execute("update score_runs set stale_reason = 'told by the log alone'")
        writer.commit()
        assert (shop.home / "store.sqlite-wal").stat().st_size > 0
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", _SHUT.format(home=shop.home, churn=shlex.join(CHURN))],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    if writer is not None:
        writer.close()
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["snapshot_date"] == FIRST_LIST
