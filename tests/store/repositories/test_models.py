from __future__ import annotations

import math
from datetime import datetime, timedelta

import pytest

from churn.errors import ConfigError, NoChampion
from churn.store import Store
from tests.store.builders import NOON, figures, model


def _promote(store: Store, *versions: str) -> None:
    for hours, version in enumerate(versions):
        store.models.promote(version, "ada", f"{version} earns more", NOON + timedelta(hours=hours))


def test_a_registered_version_is_a_challenger_and_reads_back(store: Store) -> None:
    store.models.register(model("m1", reason="the only one"))
    found = store.models.get("m1")
    assert found == model("m1", reason="the only one")
    assert found.status == "challenger"
    assert store.models.champion() is None


def test_figures_that_are_not_defined_become_null(store: Store) -> None:
    store.models.register(model("m1", metrics=figures(auc=math.nan, auc_interval=(0.5, math.inf))))
    kept = store.models.get("m1").metrics
    assert kept is not None
    assert (kept.auc, kept.auc_interval, kept.params) == (None, (0.5, None), {"depth": 4, "eta": 0.1})


def test_a_version_without_figures_reads_back_without(store: Store) -> None:
    store.models.register(model("m1", metrics=None))
    assert store.models.get("m1").metrics is None


def test_a_name_that_is_taken_is_refused(store: Store) -> None:
    store.models.register(model("m1"))
    with pytest.raises(ConfigError, match="m1"):
        store.models.register(model("m1"))


def test_an_unknown_version_is_refused_with_the_known_ones(store: Store) -> None:
    with pytest.raises(ConfigError, match="churn train"):
        store.models.get("m9")
    store.models.register(model("m1"))
    with pytest.raises(ConfigError, match="Known are: m1"):
        store.models.promote("m9", "ada", "typo", NOON)
    assert store.models.champion() is None


def test_the_champion_is_the_version_promoted_last(store: Store) -> None:
    for version in ("m1", "m2", "m3"):
        store.models.register(model(version))
    _promote(store, "m1", "m2")
    champion = store.models.champion()
    assert champion is not None
    assert (champion.version, champion.status) == ("m2", "champion")
    assert {m.version: m.status for m in store.models.list()} == {"m1": "retired", "m2": "champion", "m3": "challenger"}


def test_versions_are_listed_newest_first(store: Store) -> None:
    store.models.register(model("m1", created_at=datetime(2026, 1, 1)))
    store.models.register(model("m2", created_at=datetime(2026, 2, 1)))
    assert [m.version for m in store.models.list()] == ["m2", "m1"]


def test_the_history_says_who_served_when_by_whom_and_why(store: Store) -> None:
    for version in ("m1", "m2"):
        store.models.register(model(version))
    _promote(store, "m1", "m2")
    store.models.rollback("grace", "m2 is slow", NOON + timedelta(days=1))
    rolled, second, first = store.models.history()
    assert (first.version, first.replaced_version, first.who, first.why) == ("m1", None, "ada", "m1 earns more")
    assert (first.served_from, first.served_until) == (NOON, NOON + timedelta(hours=1))
    assert (second.version, second.replaced_version) == ("m2", "m1")
    assert (rolled.version, rolled.action, rolled.who, rolled.why) == ("m1", "rollback", "grace", "m2 is slow")
    assert rolled.served_until is None


def test_promoting_the_champion_again_notes_nothing(store: Store) -> None:
    store.models.register(model("m1"))
    _promote(store, "m1", "m1")
    assert len(store.models.history()) == 1


def test_each_rollback_goes_one_champion_further_back(store: Store) -> None:
    for version in ("m1", "m2", "m3"):
        store.models.register(model(version))
    _promote(store, "m1", "m2", "m3")
    assert store.models.rollback("ada", "worse", NOON).version == "m2"
    assert store.models.rollback("ada", "worse too", NOON).version == "m1"
    with pytest.raises(NoChampion, match="no earlier champion"):
        store.models.rollback("ada", "and again", NOON)
    champion = store.models.champion()
    assert champion is not None
    assert champion.version == "m1"


def test_a_version_rolled_back_can_be_promoted_again(store: Store) -> None:
    for version in ("m1", "m2"):
        store.models.register(model(version))
    _promote(store, "m1", "m2")
    store.models.rollback("ada", "by mistake", NOON)
    store.models.promote("m2", "ada", "it was good", NOON)
    assert store.models.rollback("ada", "it was not", NOON).version == "m1"


def test_without_any_champion_there_is_nothing_to_roll_back(store: Store) -> None:
    with pytest.raises(NoChampion, match="no earlier champion"):
        store.models.rollback("ada", "why not", NOON)
