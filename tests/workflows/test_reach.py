"""What is configured elsewhere is looked at before a night needs it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from churn.bootstrap import build_context
from churn.config import Settings, SourceSettings
from churn.workflows.reach import reach_connectors, reach_places


def test_a_lakes_tables_are_looked_up(tmp_path: Path) -> None:
    deltalake = pytest.importorskip("deltalake", reason="deltalake is not installed (extra `lake`)")
    there = tmp_path / "there"
    deltalake.write_deltalake(str(there), pa.table({"customer_id": ["a"]}))
    sources = {
        "customers": SourceSettings(path=str(there), format="delta"),
        "payments": SourceSettings(path=str(tmp_path / "not-there"), format="delta"),
        "sessions": SourceSettings(path="sessions.csv"),
    }
    places = reach_places(build_context(settings=Settings(home=tmp_path / "home", sources=sources)))
    assert [(place.what, place.where) for place in places] == [
        ("sources", "customers (delta)"),
        ("sources", "payments (delta)"),
    ]
    assert places[0].error is None
    assert "there is no Delta table" in str(places[1].error)


def test_a_place_for_iceberg_tables_needs_a_catalogue_that_answers(tmp_path: Path) -> None:
    pytest.importorskip("pyiceberg", reason="pyiceberg is not installed (extra `lake`)")
    catalogs = {None: "no catalogue is named", f"sqlite:///{tmp_path}/c.db": None, "http://127.0.0.1:9": "failed"}
    for catalog, words in catalogs.items():
        publish = {"iceberg": str(tmp_path / "wh"), "iceberg_catalog": catalog}
        settings = Settings.model_validate({"home": tmp_path / "home", "publish": publish})
        (place,) = reach_places(build_context(settings=settings))
        assert (place.what, place.where) == ("publish", f"Iceberg ({tmp_path / 'wh'})")
        assert place.error is None if words is None else words in str(place.error)


def test_each_connector_is_signed_in_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    connectors = {
        "lists": {"kind": "file", "path": str(tmp_path / "lists")},
        "ads": {"kind": "file", "audience": "meta", "path": str(tmp_path / "file")},
        "news": {"kind": "rest", "preset": "mailchimp", "url": "http://127.0.0.1:9", "place": "a1"},
    }
    context = build_context(settings=Settings.model_validate({"home": tmp_path / "home", "connectors": connectors}))
    reached = {place.where: place.error for place in reach_connectors(context)}
    assert reached["lists"] is None
    assert "no folder" in str(reached["ads"])
    assert "CHURN_CONNECTOR_NEWS_SECRET" in str(reached["news"])
