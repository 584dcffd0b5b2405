"""What a refresh keeps about the quality of its sources."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from churn.bootstrap import build_context
from churn.config import load_settings
from churn.views.quality import read_quality
from churn.workflows.refresh import refresh_warehouse


def test_the_newest_session_is_the_last_one_that_is_not_of_the_future(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (tmp_path / "sessions.csv").write_text(
        "customer_id,started_at\nA,2026-06-20 10:00\nA,2026-07-05 11:30\nB,2026-07-02 12:00\nA,2026-07-30 09:00\nB,2026-09-01\n"
    )
    (tmp_path / "churn.toml").write_text('[sources.sessions]\npath = "sessions.csv"\n')
    context = build_context(settings=load_settings(config=tmp_path / "churn.toml", home=home, environ={}))

    def newest(at: datetime) -> datetime | None:
        refresh_warehouse(replace(context, clock=lambda: at), full=True)
        document = read_quality(home)
        assert document is not None
        return document.sources[0].newest_at

    assert newest(datetime(2026, 7, 9)) == datetime(2026, 7, 5, 11, 30)
    assert newest(datetime(2026, 6, 30)) == datetime(2026, 6, 20, 10)
    assert newest(datetime(2026, 12, 1)) == datetime(2026, 9, 1)
    assert newest(datetime(2026, 1, 1)) is None
