from __future__ import annotations

from pathlib import Path

from churn.bootstrap import build_context
from churn.config import Settings
from churn.workflows.privacy.files import personal_files, source_folders


def test_sources_named_in_full_lie_inside_beside_or_outside_the_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "raw").mkdir(parents=True)
    for name in ("payments-1.csv", "raw/sessions-1.csv", "other.csv"):
        (home / name).touch()
    sources = {
        "customers": {"path": str(tmp_path / "outside" / "customers*.csv")},
        "payments": {"path": str(home / "payments-*.csv")},
        "sessions": {"path": str(home / "raw" / "sessions-*.csv")},
        "contacts": {"path": "contacts-*.csv"},
    }
    context = build_context(settings=Settings.model_validate({"home": home, "sources": sources}))
    assert source_folders(context) == [home / "payments-1.csv", home / "raw"]
    assert [path.name for path in personal_files(context) if path.suffix == ".csv"] == ["other.csv"]
