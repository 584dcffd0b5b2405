"""The product from Python: `churn.open` returns a home whose methods give frames and typed documents.

Each method does what the command of its name does, by the same workflow, and raises the product's errors
(churn.errors). It writes no file and prints nothing unless asked to. A home may be used beside a running service: what
reads the list reads the published one; what needs the warehouse waits for whoever holds it (churn.errors.ResourceError
where it stays held).
"""

from __future__ import annotations

import difflib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, overload

from churn.bootstrap import build_context
from churn.context import Context
from churn.decisions.bands import BANDS, risk_bands
from churn.decisions.simulation_request import SimulationRequest
from churn.errors import ConfigError, ModelError
from churn.files import write_frame
from churn.modeling import MadeElsewhere, explain, reasons_json
from churn.progress import SILENT, Progress
from churn.views.champion import load_champion
from churn.views.customer import CustomerView, customer_view
from churn.views.risk_list import listed_frame
from churn.workflows.experiment import ExperimentFile, analyse_experiment
from churn.workflows.measure import measure_campaign
from churn.workflows.mirror import mirror_if_configured
from churn.workflows.plan import PlannedCampaigns, PlanRequest, plan_campaigns
from churn.workflows.publish import PublishResult, publish_tables
from churn.workflows.query import query_tables
from churn.workflows.refresh import RefreshResult, build_features, refresh_warehouse
from churn.workflows.score import ScoreResult, score_customers
from churn.workflows.simulate import simulate_campaign
from churn.workflows.train import TrainedModel, promote_model, register_model, train_model, training_rows

if TYPE_CHECKING:
    import polars as pl

    from churn.documents.experiment import ExperimentDocument
    from churn.documents.measurement import MeasurementDocument
    from churn.documents.simulation import SimulationDocument

Request = TypeVar("Request", SimulationRequest, ExperimentFile)
_WHO = "python"  # who the registry names for what was done from Python


class Home:
    """A home folder and the settings that go with it. Made by `churn.open`; holds no connection between calls."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def __repr__(self) -> str:
        return f"churn.open({str(self.path)!r})"

    @property
    def path(self) -> Path:
        """The folder."""
        return self._context.settings.home

    def refresh(self, *, source: str | None = None, full: bool = False) -> RefreshResult:
        """Load what is new of the sources, check it, and build staging; as `churn refresh`.

        Raises ConfigError when no source is declared, ContractBroken when one is not what its table needs.
        """
        return refresh_warehouse(self._context, source=source, full=full)

    def features(self, first: date, last: date | None = None, *, every: str = "1mo") -> pl.DataFrame:
        """Return the point-in-time features of `first`, or of the dates on to `last`; one row per customer and date.

        `every` spaces the dates: `10d`, `2w`, `1mo`. Each date sees only what was known when it began. Raises ConfigError
        for a date of the future, DataError where nobody is a customer on any of them.
        """
        return build_features(self._context, first=first, last=last, every=every)[0]

    def train(
        self,
        *,
        candidates: Sequence[str] | None = None,
        split: str | None = None,
        tune: bool = True,
        promote: bool = False,
        as_of: date | None = None,
        snapshots: int | None = None,
    ) -> TrainedModel:
        """Train, judge and register the candidates; the first version that may serve is promoted, later ones on request.

        Raises NotEnoughData, FutureLeak, ModelError where promotion is asked for a model that may not serve.
        """
        return train_model(
            self._context,
            candidates=list(candidates) if candidates else None,
            split=split,
            tune=tune,
            promote=promote,
            who=_WHO,
            as_of=as_of,
            snapshots=snapshots,
        )

    def training_rows(self) -> pl.DataFrame:
        """Return the labelled rows that `train` learns from and judges on; one per customer and date.

        `has_churned` is the label. `slice` says what our candidates do with a row: learn from `train`, calibrate and choose
        on `calibrate` and `select`, be judged on `test`, each later than the one before; `weight` counts for rows that were
        left out of `train`. A model of your own learns from `train` alone, see `register`.
        """
        return training_rows(self._context)

    def register(
        self, name: str, model: object, *, features: Sequence[str], learnt_until: date, promote: bool = False
    ) -> TrainedModel:
        """Judge a model made elsewhere as one of our own, and register it; it waits as challenger unless `promote` is set.

        `model` is fitted, of scikit-learn, XGBoost, LightGBM or CatBoost, or of a class that an installed package names
        (docs/extending.md); `features` are the columns that it takes, in order; `learnt_until` is the newest
        snapshot_date of the rows it learnt from. Raises ModelError where that is not before the rows that judge it, or for
        a model that only pickle could keep.
        """
        made = MadeElsewhere(name, model, tuple(features), learnt_until)
        return register_model(self._context, made, promote=promote, who=_WHO)

    def promote(self, version: str, *, why: str) -> None:
        """Make `version` the champion from the next scoring on. Raises ConfigError when it is unknown."""
        promote_model(self._context, version, who=_WHO, why=why)
        mirror_if_configured(self._context)

    @overload
    def score(self, rows: date | None = None) -> ScoreResult: ...

    @overload
    def score(self, rows: pl.DataFrame) -> pl.DataFrame: ...

    def score(self, rows: date | pl.DataFrame | None = None) -> ScoreResult | pl.DataFrame:
        """Score a date and publish its list, by default the day after the newest fact; or score a frame of features.

        A frame (n, features) as `features` returns it is scored by the champion and nothing is published: the same rows in
        the same order, with churn_probability, raw_score, risk_band and reasons (a list of structs, strongest first).
        Raises NoChampion before the first training, QualityBlocked where a blocking rule finds defects, ModelError for a
        frame that lacks features.
        """
        if rows is None or isinstance(rows, date):
            return score_customers(self._context, snapshot_date=rows)[0]
        return _scored(self._context, rows)

    def risk_list(self, *, bands: Sequence[str] | None = None, top: int | None = None) -> pl.DataFrame:
        """Return the published list, highest expected profit first; `bands` asks for those bands in place of the listed.

        expected_profit is null where the model failed the calibration gate. Raises DataError before the first list.
        """
        return _with_reasons(listed_frame(self._context, bands=bands, top=top))

    def explain(self, customer_id: str) -> CustomerView:
        """Return all that is known of one customer: risk, its steps from the mean, history, facts, campaigns.

        Raises NotFound for somebody who is not on the current list.
        """
        return customer_view(self._context, customer_id)

    def simulate(self, **terms: float | str | bool | None) -> SimulationDocument:
        """Say what a campaign is worth under `terms`, those of SimulationRequest: budget, threshold, success_rate, ...

        Raises ConfigError for unknown or contradicting terms, NotCalibrated where the gate failed.
        """
        return simulate_campaign(self._context, _request(SimulationRequest, terms))

    def plan(
        self, *campaigns: str, budget: float | None = None, snapshot_date: date | None = None, dry_run: bool = True
    ) -> PlannedCampaigns:
        """Plan `campaigns` together (all if none is named): `document`, and `assignments` as a frame.

        Nothing is kept unless `dry_run` is false. Raises CampaignError, ConfigError, QualityBlocked, NotCalibrated.
        """
        return plan_campaigns(
            self._context,
            PlanRequest(campaigns=campaigns, snapshot_date=snapshot_date, budget=budget, is_dry_run=dry_run),
        )

    def measure(self, campaign: str, *, so_far: bool = False) -> MeasurementDocument:
        """Measure what `campaign` caused, as of now; before every window has closed, a verdict only if `so_far`.

        Raises CampaignError for a campaign that was never planned.
        """
        return measure_campaign(self._context, campaign, so_far=so_far).document

    def sql(self, query: str) -> pl.DataFrame:
        """Answer one select over the published tables, those of docs/tables.md, as `churn sql` does.

        Raises DataError before the first publication (`publish`), ConfigError for SQL that does not run.
        """
        return query_tables(self._context, query).frame

    def publish(self) -> PublishResult:
        """Publish the tables for SQL and BI as of now, as `churn publish`. Raises WarehouseBusy while a job is at work."""
        return publish_tables(self._context)

    def experiment(self, rows: pl.DataFrame | Path | str, **terms: object) -> ExperimentDocument:
        """Analyse a finished experiment in a frame or a file; `terms` are those of ExperimentFile: treatment, outcome, ...

        The finding is kept under `name` and its page is written, as by `churn experiment`. Raises ConfigError for a wrong
        column or term, ContractBroken for rows that cannot be compared.
        """
        if isinstance(rows, Path | str):
            experiment = _request(ExperimentFile, {"path": Path(rows), **terms})
            return analyse_experiment(self._context, experiment).document
        with tempfile.TemporaryDirectory() as folder:
            path = write_frame(Path(folder) / "frame.parquet", rows)
            experiment = _request(ExperimentFile, {"path": path, "shown_as": "frame", **terms})
            return analyse_experiment(self._context, experiment).document


def open(  # noqa: A001  # said as churn.open
    home: Path | str | None = None, *, config: Path | str | None = None, progress: Progress = SILENT
) -> Home:
    """Return the home in folder `home`, by default as the command line finds it; `config` names another churn.toml.

    Raises ConfigError for wrong settings, ResourceError when the folder cannot be written.
    """
    return Home(
        build_context(
            home=Path(home) if home is not None else None,
            config=Path(config) if config is not None else None,
            progress=progress,
        )
    )


def _request(kind: type[Request], terms: Mapping[str, object]) -> Request:
    """Return a request of `kind`; a term that it does not know is refused with the nearest that it does."""
    known = {field.name: field for field in fields(kind)}
    for name in terms:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            raise ConfigError(
                f"no term `{name}`",
                where=kind.__name__,
                remedy=f"Did you mean `{near[0]}`?" if near else f"There are {', '.join(sorted(known))}.",
            )
    for name, field in known.items():
        if field.default is MISSING and field.default_factory is MISSING and name not in terms:
            raise ConfigError(f"`{name}` is missing", where=kind.__name__, remedy=f"Give {name}=...")
    return kind(**terms)  # type: ignore[arg-type]  # each term is checked where it is used, in its own words


def _scored(context: Context, rows: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    _, model = load_champion(context)
    if missing := [name for name in model.feature_names if name not in rows.columns]:
        raise ModelError(
            f"the frame lacks {len(missing)} of the model's features: {', '.join(missing[:5])}",
            where="score",
            remedy="Start from the frame that features() returns.",
        )
    explanation = explain(model, rows)
    bounds = context.settings.risk_bands
    bands = risk_bands(explanation.churn_probability, bounds=(bounds.medium, bounds.high, bounds.critical), margin=0.0)
    return _with_reasons(
        rows.with_columns(
            pl.Series("churn_probability", explanation.churn_probability),
            pl.Series("raw_score", explanation.raw_score),
            pl.Series("risk_band", [BANDS[band] for band in bands], dtype=pl.String),
            reasons_json(explanation, rows, model.features),
        )
    )


def _with_reasons(frame: pl.DataFrame) -> pl.DataFrame:
    """Return `frame` with its reasons, kept as JSON, as lists of structs; a reason's value is told by its text."""
    import polars as pl

    reason = pl.Struct({"feature": pl.String, "text": pl.String, "points": pl.Float64, "is_actionable": pl.Boolean})
    kept = [name for name in ("reasons", "change_reasons") if name in frame.columns]
    return frame.with_columns(pl.col(name).str.json_decode(pl.List(reason)) for name in kept)
