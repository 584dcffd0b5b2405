"""The SQL that made a training set, kept with the model: the files of today may have changed since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from churn.snapshots.dataset import TrainingSet
    from churn.warehouse import SqlModel

SQL_FILE: Final = "sql.json"


def sql_of(models: Mapping[str, SqlModel], data: TrainingSet) -> dict[str, str]:
    """Return by table the SQL of snapshots, of totals, and of the groups of features that `data` holds."""
    groups = {feature.group for feature in data.features}
    return {
        name: model.sql
        for name, model in sorted(models.items())
        if model.schema in {"snapshots", "totals"} or (model.schema == "features" and model.table in groups)
    }
