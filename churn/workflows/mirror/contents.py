"""What a version's run holds: parameters, metrics with their intervals, and files; all read from its bundle."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from churn.documents.candidate_figures import CandidateFigures
from churn.documents.model_card import ModelCard
from churn.documents.model_figures import EvaluationCurves
from churn.files import csv_text
from churn.modeling import ServedModel, card_markdown, load_bundle, load_card, load_evaluation, load_extra
from churn.modeling.judging.curves import evaluation_curves
from churn.modeling.reasons.importance import feature_importance
from churn.snapshots.learnt_sql import SQL_FILE
from churn.workflows.mirror.messages import VersionToMirror

_FIGURES: Final = (
    "auc",
    "pr_auc",
    "log_loss",
    "brier",
    "ece",
    "recall",
    "precision",
    "f1",
    "lift",
    "recall_at_budget",
    "empc",
    "net_profit",
)
_OF_OTHERS: Final = ("auc", "log_loss", "brier", "net_profit")


@dataclass(frozen=True)
class RunContents:
    """A run: what MLflow shows as parameters, metrics and tags, the data set it learnt from, and the files beside it."""

    version: VersionToMirror
    model: ServedModel
    card: ModelCard
    params: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]
    sql: dict[str, str] = field(default_factory=dict)

    @property
    def bundle(self) -> Path:
        """The folder of the model's files."""
        return Path(self.version.bundle)

    @property
    def fingerprint(self) -> str:
        """The digest of the rows, the SQL and the policy that it learnt from."""
        return self.card.fingerprint

    @property
    def dataset_source(self) -> str:
        """Where the data come from, as MLflow's data sets say it."""
        return json.dumps({"fingerprint": self.fingerprint, "policy": self.card.policy.model_dump(mode="json")})

    @property
    def dataset_schema(self) -> str:
        """The features by name and group."""
        return json.dumps({"features": {feature.name: feature.group for feature in self.card.features}})

    @property
    def dataset_profile(self) -> str:
        """How many rows there are, and which were kept."""
        return json.dumps(self.card.counts)

    def write_files(self, folder: Path) -> None:
        """Write card, curves, weights and SQL into `folder`."""
        folder.mkdir(parents=True)
        (folder / "card.md").write_text(card_markdown(self.card), encoding="utf-8")
        (folder / "card.json").write_text(json.dumps(self.card.shown.as_json(), indent=1), encoding="utf-8")
        curves = evaluation_curves(load_evaluation(self.bundle), self.card.economics.economics(), self.card.threshold)
        _write_curves(folder / "curves", curves, tells_money=self.card.calibration.is_passed)
        weights = feature_importance(self.model)
        _write_table(folder / "feature_weights.csv", weights.features)
        for name, text in self.sql.items():
            schema, _, table = name.partition(".")
            path = folder / "sql" / schema / f"{table}.sql"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


def run_contents(version: VersionToMirror) -> RunContents:
    """Read a version's bundle. Raises ModelError where it is gone or altered."""
    folder = Path(version.bundle)
    model, card = load_bundle(folder), load_card(folder)
    kept = load_extra(folder, SQL_FILE) or {}
    sql = {name: text for name, text in kept.items() if isinstance(text, str)}
    return RunContents(
        version=version,
        model=model,
        card=card,
        params=dict(_params(card)),
        metrics=dict(_metrics(card.shown)),
        tags={
            "churn.kind": version.kind,
            "churn.fingerprint": card.fingerprint,
            "churn.calibrated": "yes" if card.calibration.is_passed else "no",
            "churn.may_serve": "yes" if card.may_serve else "no",
            "mlflow.note.content": card.reason,
        },
        sql=sql,
    )


def _params(card: ModelCard) -> Iterator[tuple[str, str]]:
    """Yield how it was made: candidate and its parameters, split, policy, settings, libraries."""
    yield "candidate", card.selected
    yield "calibration", card.calibration.method
    yield "split", card.split
    yield "seed", str(card.seed)
    yield "features", str(len(card.features))
    yield "tune_minutes", f"{card.tuning.minutes:g}"
    for name, value in card.chosen.params.items():
        yield f"{card.selected}.{name}", str(value)
    for name in ("definition", "horizon_days", "lead_days", "grace_days", "every", "snapshots"):
        yield f"policy.{name}", str(getattr(card.policy, name))
    for name, number in card.versions.items():
        yield f"version.{name}", number


def _metrics(card: ModelCard) -> Iterator[tuple[str, float]]:
    """Yield the chosen candidate's figures with the ends of their 95 % intervals, and a few of the others."""
    yield from _figures(card.chosen, _FIGURES, "")
    for candidate in card.candidates:
        yield from _figures(candidate, _OF_OTHERS, f"candidates/{candidate.name}/")
    for name, value in (("threshold", card.threshold), ("calibration_slope", card.calibration.slope)):
        if value is not None:
            yield name, value
    for name, count in card.counts.items():
        yield f"data/{name}", float(count)
    for part in card.slices:
        yield f"data/{part.slice}_rows", float(part.rows)


def _figures(candidate: CandidateFigures, names: Sequence[str], prefix: str) -> Iterator[tuple[str, float]]:
    for name in names:
        value, ends = getattr(candidate, name), getattr(candidate, f"{name}_interval")
        for key, number in ((name, value), (f"{name}_low", ends[0]), (f"{name}_high", ends[1])):
            if number is not None:
                yield f"{prefix}{key}", float(number)


def _write_curves(folder: Path, curves: EvaluationCurves, *, tells_money: bool) -> None:
    folder.mkdir()
    for name in ("calibration", "roc", "precision_recall", "gains", "cuts"):
        hidden = () if tells_money else ("net_profit",)
        _write_table(folder / f"{name}.csv", getattr(curves, name), hidden)


def _write_table(path: Path, rows: Sequence[BaseModel], hidden: Sequence[str] = ()) -> None:
    """Write documents as CSV, which MLflow's pages show as a table and people download."""
    plain = [{k: v for k, v in row.model_dump(mode="json").items() if k not in hidden} for row in rows]
    text = csv_text([list(plain[0]), *(list(row.values()) for row in plain)] if plain else [])
    path.write_text(text, encoding="utf-8")
