"""Lets waiting challengers compete with the champion, on outcomes that neither has learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from churn.campaigns.economics import economics_from
from churn.context import Context
from churn.documents.monitoring import ChallengerContest, Finding
from churn.modeling import load_bundle, load_card, load_evaluation
from churn.monitoring.challenge import contest
from churn.snapshots.dataset import build_snapshots
from churn.views.champion import bundle_path
from churn.warehouse.models.sql_models import load_models
from churn.workflows.monitor.looks import ModelLook, learnt_until
from churn.workflows.monitor.observation import Observation
from churn.workflows.monitor.rows import outcomes_of, rows_of, untreated

if TYPE_CHECKING:
    import polars as pl

    from churn.modeling import ServedModel
    from churn.snapshots.policy import SnapshotPolicy
    from churn.store import ModelVersion
    from churn.warehouse.connection import Warehouse


_CHALLENGERS: Final = 2  # the newest ones that compete
_WINDOW: Final = 3  # snapshot dates, the newest with final labels, on which they are compared
_OVERLAP: Final = 0.1  # share of a label window that may overlap with outcomes that a model has learnt


def compete(
    context: Context, observation: Observation, look: ModelLook, versions: Sequence[ModelVersion]
) -> list[ChallengerContest]:
    """Return the contests of the newest challengers with the champion; none where no outcome is new to both."""
    champion = look.model.version
    waiting = [v for v in versions if v.status == "challenger" and v.created_at >= champion.created_at]
    challengers = [version for version in waiting[:_CHALLENGERS] if _is_fit(context, version)]
    days = [cohort.snapshot_date for cohort in look.cohorts.cohorts][-_WINDOW:]
    if not challengers or not days:
        return []
    context.progress.step("Comparing challengers with the champion", 0.9)
    with context.open_warehouse("churn monitor") as warehouse:
        models = load_models(context.settings.home)
        policy = look.model.served.policy
        cards = [load_card(bundle_path(context, challenger)) for challenger in challengers]
        wanted = {*look.model.served.feature_names, *(feature.name for card in cards for feature in card.features)}
        build_snapshots(
            warehouse,
            models,
            policy,
            days,
            data_cutoff=observation.cutoff,
            wanted=sorted(wanted),
            progress=context.progress,
        )
        contests = [
            _contest(context, warehouse, look, challenger, days, len(challengers)) for challenger in challengers
        ]
    return [contest for contest in contests if contest is not None]


def _is_fit(context: Context, version: ModelVersion) -> bool:
    """Only a model that beats the rules of thumb and whose probabilities may be turned into money can be promoted."""
    is_calibrated = version.metrics is not None and version.metrics.is_calibrated
    return is_calibrated and load_card(bundle_path(context, version)).may_serve


def _contest(
    context: Context,
    warehouse: Warehouse,
    look: ModelLook,
    challenger: ModelVersion,
    days: Sequence[date],
    challengers: int,
) -> ChallengerContest | None:
    import polars as pl

    rows = _judged_rows(context, warehouse, look.model.served, challenger, days)
    if rows is None:
        return None
    economics = economics_from(context.settings)
    return contest(
        champion=look.model.version.version,
        challenger=challenger.version,
        dates=tuple(str(day) for day in sorted(rows["snapshot_date"].unique().to_list())),
        customer=(rows["customer_id"].rank("dense").cast(pl.Int64) - 1).to_numpy(),
        y=rows["has_churned"].cast(pl.Float64).to_numpy(),
        value=economics.value_of_save(rows["monthly_margin"].cast(pl.Float64).fill_null(0.0).to_numpy()),
        p_champion=rows["p_champion"].to_numpy(),
        p_challenger=rows["p_challenger"].to_numpy(),
        economics=economics,
        active_customers=look.customers,
        challengers=challengers,
        currency=context.settings.business.currency,
    )


def _judged_rows(
    context: Context, warehouse: Warehouse, champion: ServedModel, version: ModelVersion, days: Sequence[date]
) -> pl.DataFrame | None:
    """Return labelled rows of `days` with the probability of each model; None where none is new to the challenger."""
    import polars as pl

    challenger = load_bundle(bundle_path(context, version))
    labels = outcomes_of(context, warehouse, champion.policy, days)
    parts = []
    for day in days:
        unseen = _unseen(context, version, challenger, day)
        if unseen is False:
            continue
        rows, _ = untreated(labels.filter(pl.col("snapshot_date") == day))
        rows = _judged(rows_of(warehouse, context, champion, day), rows, champion, "p_champion")
        if isinstance(unseen, pl.DataFrame):
            rows = rows.join(unseen, on="customer_id", how="inner", maintain_order="left")
        else:
            rows = _judged(rows_of(warehouse, context, challenger, day), rows, challenger, "p_challenger")
        if rows.height:
            parts.append(rows)
    columns = ("customer_id", "snapshot_date", "has_churned", "monthly_margin", "p_champion", "p_challenger")
    return pl.concat([part.select(columns) for part in parts]) if parts else None


def _judged(frame: pl.DataFrame, rows: pl.DataFrame, model: ServedModel, name: str) -> pl.DataFrame:
    """Add `model`'s probability to labelled `rows` of one date, as column `name`."""
    import polars as pl

    known = frame.join(rows.select("customer_id"), on="customer_id", how="semi", maintain_order="left")
    scored = known.select(
        "customer_id", "monthly_margin", pl.Series(name, model.predict(known).churn_probability, dtype=pl.Float64)
    )
    extra = scored if "monthly_margin" not in rows.columns else scored.drop("monthly_margin")
    return rows.join(extra, on="customer_id", how="inner", maintain_order="left")


def _unseen(context: Context, version: ModelVersion, model: ServedModel, day: date) -> pl.DataFrame | bool:
    """Return whose outcomes at `day` the challenger has not learnt: True for everyone's, False for nobody's.

    Of the dates it learnt from, those of its own test rows, with the probabilities that it gave them before it was
    fitted on all rows (customer_id, p_challenger). Later dates count where their label window reaches by a tenth at
    most into the outcomes it knows.
    """
    import polars as pl

    evaluation = load_evaluation(bundle_path(context, version))
    newest = learnt_until(evaluation)
    if newest is None:
        return False
    if day <= newest:
        held_out = evaluation.filter(pl.col("snapshot_date") == day).select(
            "customer_id", p_challenger="churn_probability"
        )
        return held_out if held_out.height else False
    return day > newest and _is_apart(model.policy, newest, day)


def _is_apart(policy: SnapshotPolicy, learnt: date, day: date) -> bool:
    known_until, opens = policy.label_window(learnt)[1], policy.label_window(day)[0]
    return known_until - opens <= timedelta(days=_OVERLAP * policy.window_days)


def contest_finding(result: ChallengerContest, promoted: str | None) -> Finding:
    """Return what a contest says, and what to do about a winner that was not promoted."""
    is_promoted = result.challenger == promoted
    sentence = result.sentence
    if is_promoted:
        sentence += " It has been promoted; `churn models rollback` takes that back."
    elif result.is_won:
        sentence += f" Promote it with `churn models promote {result.challenger}`."
    waits = result.is_won and not is_promoted
    return Finding(
        monitor="challenger",
        subject=result.challenger,
        severity="watch" if waits else "ok",
        sentence=sentence,
        value=result.gain,
        limit=0.0,
        money_at_risk=max(result.gain_monthly, 0.0) if waits else None,
        run_ids=(result.challenger, result.champion),
    )
