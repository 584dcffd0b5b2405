"""No feature may know what was not known at its date: held for every feature file, each by itself."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from churn.warehouse import SqlModel, load_models
from tests.sql.companies import add_facts, add_records, add_versions, base_company, known_by, repeat_all, unknown_at
from tests.worlds import World, at, build, shipped_models

DATE, LATER = "2024-06-01", "2024-07-15"
GROUPS = sorted(name for name in shipped_models() if name.startswith("features."))
SEEDS = range(4)

pytestmark = pytest.mark.xdist_group("point in time")  # the companies are built once


def hashes(world: World, models: dict[str, SqlModel] | None = None, day: str = DATE) -> dict[str, str]:
    """Build two dates, and return a hash of the rows of `day` in every table of the population and the features."""
    with world.warehouse() as warehouse:
        models = build(warehouse, DATE, LATER, models=models)
        names = [name for name in models if name.startswith("features.") and warehouse.has_table(name)]
        names += ["snapshots.spine", "snapshots.customer_value"]
        found = {}
        for name in names:
            kept = warehouse.rows(
                f"select * from {name} where snapshot_date = ? order by customer_id", [at(day).date()]
            )
            plain = [
                tuple(sorted(v.items()) if isinstance(v, dict) else v for v in row) for row in kept
            ]  # maps: any order
            found[name] = hashlib.sha256(repr(plain).encode()).hexdigest()
        return found


def company(seed: int) -> tuple[World, np.random.Generator]:
    random = np.random.default_rng(seed)
    return base_company(at(DATE), random), random


@pytest.fixture(scope="module")
def unchanged() -> list[tuple[dict[str, str], dict[str, str]]]:
    """Hashes of random companies before and after facts are added that are future or arrive late."""
    found = []
    for seed in SEEDS:
        world, random = company(seed)
        before = hashes(world)
        draw = unknown_at(at(DATE), random)
        add_facts(world, 60, draw, random)
        add_records(world, 25, draw, random)
        world.flat("c01", "2024-06-02", score=-1.0, tier="t9").flat("c02", LATER, score=-1.0, tier="t9")
        found.append((before, hashes(world)))
    return found


@pytest.fixture(scope="module")
def changed() -> tuple[dict[str, str], dict[str, str]]:
    """Hashes of a company before and after facts are added that were known in time."""
    world, random = company(0)
    before = hashes(world)
    draw = known_by(at(DATE) - timedelta(seconds=1), random, days=30)
    add_facts(world, 60, draw, random)
    add_records(world, 3, draw, random)
    world.flat("c02", DATE, score=-1.0, tier="t9")
    return before, hashes(world)


@pytest.fixture(scope="module")
def retold() -> list[tuple[dict[str, str], dict[str, str]]]:
    """Hashes of random companies before and after later versions of old facts become known, at the date or after it."""
    found = []
    for seed in SEEDS:
        world, random = company(seed)
        before = hashes(world)
        ahead = [at(DATE), at(DATE), *(at(DATE) + timedelta(hours=int(h)) for h in random.integers(0, 2000, 6))]
        add_versions(world, 40, lambda ahead=ahead, random=random: (at(DATE), ahead[random.integers(8)]), random)
        found.append((before, hashes(world)))
    return found


@pytest.fixture(scope="module")
def corrected() -> tuple[dict[str, str], dict[str, str]]:
    """Hashes of a company before and after later versions of old facts that were known in time."""
    world, random = company(0)
    before = hashes(world)
    add_versions(world, 40, lambda: (at("2024-05-30"), at(DATE) - timedelta(seconds=1)), random)
    return before, hashes(world)


@pytest.mark.parametrize("name", [*GROUPS, "snapshots.spine", "snapshots.customer_value"])
def test_facts_that_are_future_or_arrive_late_leave_every_row_as_it_was(
    name: str, unchanged: list[tuple[dict[str, str], dict[str, str]]]
) -> None:
    for before, after in unchanged:
        assert after[name] == before[name]


@pytest.mark.parametrize("name", [*GROUPS, "snapshots.spine", "snapshots.customer_value"])
def test_versions_that_become_known_later_leave_every_row_as_it_was(
    name: str, retold: list[tuple[dict[str, str], dict[str, str]]]
) -> None:
    for before, after in retold:
        assert after[name] == before[name]


@pytest.mark.parametrize("name", [name for name in GROUPS if name != "features.attributes"])
def test_versions_known_in_time_change_the_features_so_that_the_check_above_can_fail(
    name: str, corrected: tuple[dict[str, str], dict[str, str]]
) -> None:
    before, after = corrected
    assert after[name] != before[name]


@pytest.fixture(scope="module")
def repeated() -> tuple[dict[str, str], dict[str, str]]:
    """Hashes of a company before and after every fact got a second version that says the same."""
    world, _ = company(0)
    before = hashes(world)
    return before, hashes(repeat_all(world, at(DATE) - timedelta(days=1)))


@pytest.mark.parametrize("name", [*GROUPS, "snapshots.spine", "snapshots.customer_value"])
def test_versions_of_one_fact_count_once(name: str, repeated: tuple[dict[str, str], dict[str, str]]) -> None:
    before, after = repeated
    assert after[name] == before[name]


@pytest.mark.parametrize("name", GROUPS)
def test_facts_known_in_time_change_the_features_so_that_the_check_above_can_fail(
    name: str, changed: tuple[dict[str, str], dict[str, str]]
) -> None:
    before, after = changed
    assert after[name] != before[name]


@pytest.mark.parametrize(
    "condition",
    ["f.occurred_at < s.snapshot_date", "f.available_at < s.snapshot_date", "f.occurred_at <= s.snapshot_date", "true"],
)
def test_a_feature_file_that_forgets_half_of_the_rule_is_caught(condition: str, tmp_path: Path) -> None:
    folder = tmp_path / "sql" / "features"
    folder.mkdir(parents=True)
    (folder / "leaky.sql").write_text(
        "select s.customer_id, s.snapshot_date, count(f.customer_id) as leaky_sessions "
        "from snapshots.spine as s left join staging.sessions as f "
        f"on s.customer_id = f.customer_id and {condition} and f.available_at is not null group by s.customer_id, s.snapshot_date",
        encoding="utf-8",
    )
    kept = ("features.leaky", "features.usage")
    models = {n: model for n, model in load_models(tmp_path).items() if not n.startswith("features.") or n in kept}
    world, random = company(1)
    before = hashes(world, models)
    add_facts(world, 60, unknown_at(at(DATE), random), random)
    after = hashes(world, models)
    assert after["features.leaky"] != before["features.leaky"]
    assert after["features.usage"] == before["features.usage"]


def failures(condition: str, home: Path) -> dict[str, SqlModel]:
    """Return the models with a user's feature that joins payments on `condition`, beside our own payment features."""
    folder = home / "sql" / "features"
    folder.mkdir(parents=True)
    (folder / "own.sql").write_text(
        "select s.customer_id, s.snapshot_date, count(f.customer_id) filter (where f.status = 'failed') as own_failures "
        "from snapshots.spine as s left join staging.payments as f on s.customer_id = f.customer_id "
        f"and f.occurred_at < s.snapshot_date and f.available_at < s.snapshot_date and {condition} "
        "group by s.customer_id, s.snapshot_date",
        encoding="utf-8",
    )
    kept = ("features.own", "features.payments")
    return {n: model for n, model in load_models(home).items() if not n.startswith("features.") or n in kept}


def test_a_feature_file_that_reads_the_newest_version_is_caught(tmp_path: Path) -> None:
    models = failures("f.superseded_at is null", tmp_path)
    world, random = company(1)
    before = hashes(world, models)
    after = hashes(add_versions(world, 40, lambda: (at(DATE), at(DATE)), random), models)
    assert after["features.own"] != before["features.own"]
    assert after["features.payments"] == before["features.payments"]


def test_a_feature_file_that_counts_every_version_is_caught(tmp_path: Path) -> None:
    models = failures("true", tmp_path)
    world, _ = company(1)
    before = hashes(world, models)
    after = hashes(repeat_all(world, at(DATE) - timedelta(days=1)), models)
    assert after["features.own"] != before["features.own"]
    assert after["features.payments"] == before["features.payments"]
