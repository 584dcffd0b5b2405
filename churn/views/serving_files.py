"""The files that pages read instead of the warehouse: a folder for each run, and the score history."""

from __future__ import annotations

import json
from pathlib import Path

from churn.documents.score_summary import ScoreSummary
from churn.errors import ResourceError
from churn.languages.words import tr

KEPT_RUNS = 2  # the one in use, and the one a reader may still be at
KEPT_SCORES = 24  # the newest runs of which each customer's probability stays readable
KEPT_MONTHS = 24  # and, of months further back, the newest run of each
ROWS_PER_GROUP = 16_384
FEATURES, TIMELINE, USAGE, LIST, SEARCH, FORMULAS, BUYING, SUMMARY = (
    "features.parquet",
    "timeline.parquet",
    "usage.parquet",
    "list.parquet",
    "search.parquet",
    "formulas.parquet",
    "buying.parquet",
    "summary.json",
)
LIST_COLUMNS = (
    "customer_id",
    "churn_probability",
    "risk_band",
    "expected_profit",
    "change",
    "monthly_margin",
    "plan",
    "is_listed",
)


def serving_path(home: Path) -> Path:
    """Return the folder of all serving files."""
    return home / "serving"


def run_path(home: Path, run_id: str) -> Path:
    """Return the folder of one run's files; it may be absent."""
    return serving_path(home) / run_id


def history_files(home: Path) -> list[Path]:
    """Return the files of past scores, one a date, oldest first."""
    return sorted((serving_path(home) / "history").glob("*.parquet"))


def read_summary(home: Path, run_id: str) -> ScoreSummary | None:
    """Return the summary of a run; None where it was published before there were such files.

    Raises ResourceError for a file that cannot be read, ContractBroken for one that another version wrote.
    """
    path = run_path(home, run_id) / SUMMARY
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ResourceError(
            tr("cannot be read: {error}", error=error), where=str(path), remedy=tr("Score again.")
        ) from error
    return ScoreSummary.read(values, where=str(path))
