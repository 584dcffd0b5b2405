from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from churn.store import open_store
from tests.company import churn, clean_environment
from tests.faults.conftest import FIRST_LIST
from tests.faults.shops import Shop, corner_shop, fill, may_mount, one_line


def _starved(shop: Shop, *arguments: str, file_size: int) -> subprocess.CompletedProcess[str]:
    """Run a command that may write no file larger than `file_size` bytes, as on a disk that fills up."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))

    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "churn", *arguments, "--home", str(shop.home), "--quiet"],
        cwd=shop.home,
        env=clean_environment(),
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of four megabytes."""
    if not may_mount():
        pytest.skip("mounting a small file system takes root on Linux")
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"a small file system cannot be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_loading_onto_a_full_disk_says_so_and_succeeds_once_there_is_space(small_disk: Path) -> None:
    shop = corner_shop(small_disk / "home")
    ballast = small_disk / "ballast"
    fill(ballast, leave=300_000)
    one_line(shop.run("refresh", "--quiet", code=7).stderr, [])
    ballast.unlink()
    shop.run("refresh")


def test_loading_more_than_may_be_written_says_so(tmp_path: Path) -> None:
    shop = corner_shop(tmp_path / "home", customers=3_000)
    done = _starved(shop, "refresh", file_size=60_000)
    assert done.returncode == 7, done.stderr
    one_line(done.stderr, [])
    shop.run("refresh")


def test_scoring_onto_a_full_disk_keeps_the_list_in_force(shop: Shop) -> None:
    with open_store(f"sqlite:///{shop.home / 'store.sqlite'}") as store:
        before = store.scores.current()
    done = _starved(shop, "score", file_size=40_000)
    assert done.returncode == 7, done.stderr
    one_line(done.stderr, ["Free disk space"])
    assert shop.json("risk-list")["snapshot_date"] == FIRST_LIST
    with open_store(f"sqlite:///{shop.home / 'store.sqlite'}") as store:
        assert store.scores.current().equals(before)


def test_training_onto_a_full_disk_leaves_no_version_behind(shop: Shop) -> None:
    known = shop.json("models", "list")
    bundles = sorted(path.name for path in (shop.home / "models").iterdir())
    done = _starved(shop, "train", file_size=20_000)
    assert done.returncode == 7, done.stderr
    one_line(done.stderr, [])
    assert shop.json("models", "list") == known
    assert sorted(path.name for path in (shop.home / "models").iterdir()) == bundles


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    done = churn("risk-list", "--quiet", "--home", "taken", cwd=tmp_path)
    assert done.returncode == 2
    one_line(done.stderr, ["taken", "--home"])
