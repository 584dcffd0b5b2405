from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from churn.store import Store, open_store
from tests.store.builders import NOON, model, run, score_list

pytestmark = pytest.mark.slow

_PUBLISH_FOR_EVER = """
import itertools, sys
from churn.store import open_store
from tests.store.builders import run, score_list

with open_store(sys.argv[1]) as store:
    for number in itertools.count(1):
        frame = score_list(2_000 + number, plan=[f"run-{number}"] * (2_000 + number))
        store.scores.publish(run(f"run-{number}"), frame)
        print(number, flush=True)
"""


def _assert_whole(store: Store) -> str:
    """Every row of the list must be of the run that the list says it is of."""
    page = store.scores.page(limit=100_000)
    assert page.run is not None
    assert page.frame.height == page.run.customers
    assert set(page.frame["plan"]) == {page.run.run_id}
    return page.run.run_id


def test_readers_see_the_old_list_or_the_new_one_and_never_a_mix(store_url: str) -> None:
    publisher = subprocess.Popen([sys.executable, "-c", _PUBLISH_FOR_EVER, store_url], stdout=subprocess.PIPE)
    assert publisher.stdout is not None
    try:
        publisher.stdout.readline()
        seen, deadline = set(), time.monotonic() + 60
        with open_store(store_url) as store:
            while len(seen) < 6 and time.monotonic() < deadline:
                seen.add(_assert_whole(store))
    finally:
        publisher.kill()
        publisher.communicate()
    assert len(seen) == 6, "the publisher did not get on"


@pytest.mark.parametrize("delay", [0.0, 0.03, 0.07])
def test_a_publication_killed_midway_leaves_a_whole_list_and_the_next_one_succeeds(
    store_url: str, delay: float
) -> None:
    publisher = subprocess.Popen([sys.executable, "-c", _PUBLISH_FOR_EVER, store_url], stdout=subprocess.PIPE)
    assert publisher.stdout is not None
    publisher.stdout.readline()
    time.sleep(delay)
    publisher.kill()
    publisher.communicate()
    with open_store(store_url) as store:
        _assert_whole(store)
        store.scores.publish(run("run-after"), score_list(3, plan=["run-after"] * 3))
        assert _assert_whole(store) == "run-after"


def test_two_publications_at_once_leave_one_of_them_whole(store_url: str) -> None:
    def publish(number: int) -> None:
        with open_store(store_url) as store:
            store.scores.publish(
                run(f"run-{number}"), score_list(300 + number, plan=[f"run-{number}"] * (300 + number))
            )

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(publish, range(6)))
    with open_store(store_url) as store:
        _assert_whole(store)
        assert len(store.scores.runs()) == 6


def test_promotions_at_once_follow_each_other_and_none_is_lost(store_url: str) -> None:
    versions = [f"m{number}" for number in range(8)]
    with open_store(store_url) as store:
        for version in versions:
            store.models.register(model(version))
    barrier = threading.Barrier(len(versions))

    def promote(version: str) -> None:
        with open_store(store_url) as store:
            barrier.wait(timeout=60)
            store.models.promote(version, "ada", "at once", NOON)

    with ThreadPoolExecutor(len(versions)) as pool:
        list(pool.map(promote, versions))
    with open_store(store_url) as store:
        history = store.models.history()[::-1]
        champion = store.models.champion()
    assert {change.version for change in history} == set(versions)
    assert [change.replaced_version for change in history] == [None, *(change.version for change in history[:-1])]
    assert champion is not None
    assert champion.version == history[-1].version
