"""Lets waiting challengers compete with the champion, on outcomes that neither has learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from churn.campaigns.economics import economics_from
from churn.context import Context
from churn.documents.monitoring import ChallengerContest, Finding
from churn.modeling import load_bundle, load_card, load_evaluation, load_unlearnt
from churn.monitoring.challenge import contest
from churn.snapshots.customer_terms import term_means
from churn.views.champion import bundle_path
from churn.warehouse.models.sql_models import load_models
from churn.workflows.monitor.looks import ModelLook, learnt_until
from churn.workflows.monitor.observation import Observation
from churn.workflows.monitor.rows import ScoredDay, outcomes_of, scored_day, untreated

if TYPE_CHECKING:
    import polars as pl

    from churn.modeling import ServedModel
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
    loaded = [_Challenger.load(context, version) for version in waiting[:_CHALLENGERS]]
    challengers = [entry for entry in loaded if entry is not None]
    days = [cohort.snapshot_date for cohort in look.cohorts.cohorts][-_WINDOW:]
    if not challengers or not days:
        return []
    context.progress.step("Comparing challengers with the champion", 0.9)
    with context.open_warehouse("churn monitor") as warehouse:
        models = load_models(context.settings.home)
        policy = look.model.served.policy
        names = {*look.model.served.feature_names}.union(*(entry.model.feature_names for entry in challengers))
        context.engine.build_snapshots(
            warehouse,
            models,
            policy,
            days,
            data_cutoff=observation.cutoff,
            wanted=sorted(names),
            progress=context.progress,
        )
        contests = [_contest(context, warehouse, look, entry, days, len(challengers)) for entry in challengers]
    return [contest for contest in contests if contest is not None]


@dataclass(frozen=True)
class _Challenger:
    """A model that waits, and what it said of rows whose outcomes it knows: `held_out` by models that did not.

    `learnt_until` is the newest snapshot date it knows, `candidates` among how many it was chosen on those rows.
    """

    version: str
    model: ServedModel
    learnt_until: date | None
    held_out: pl.DataFrame
    candidates: int

    @classmethod
    def load(cls, context: Context, version: ModelVersion) -> _Challenger | None:
        """Return it; None unless it beats the rules of thumb and its probabilities may be turned into money."""
        import polars as pl

        folder = bundle_path(context, version)
        card = load_card(folder)
        if version.metrics is None or not version.metrics.is_calibrated or not card.may_serve:
            return None
        evaluation = load_evaluation(folder)
        names = ("customer_id", "snapshot_date", "churn_probability")
        parts = [rows.select(names) for rows in (evaluation, load_unlearnt(folder)) if set(names) <= set(rows.columns)]
        return cls(
            version=version.version,
            model=load_bundle(folder),
            learnt_until=learnt_until(evaluation),
            held_out=pl.concat(parts) if parts else pl.DataFrame(),
            candidates=sum(not candidate.is_baseline for candidate in card.candidates),
        )

    def was_chosen_on(self, days: Sequence[date]) -> bool:
        """Return whether any of `days` is one of its training's: that it looks good there may be the choice's doing."""
        return self.learnt_until is not None and any(day <= self.learnt_until for day in days)

    def unseen(self, day: date) -> pl.DataFrame | bool:
        """Return whose outcomes at `day` it has not learnt: True for everyone's, False for nobody's.

        Of the dates it learnt from, its test rows and the rows it was chosen on, with the probabilities that models gave
        them which had not learnt from these customers (customer_id, p_challenger). Later dates count where their label
        window reaches by a tenth at most into the outcomes it knows.
        """
        import polars as pl

        if self.learnt_until is None:
            return False
        if day <= self.learnt_until:
            rows = self.held_out.filter(pl.col("snapshot_date") == day)
            return rows.select("customer_id", p_challenger="churn_probability") if rows.height else False
        known_until, opens = (
            self.model.policy.label_window(self.learnt_until)[1],
            self.model.policy.label_window(day)[0],
        )
        return known_until - opens <= timedelta(days=_OVERLAP * self.model.policy.window_days)


def _contest(
    context: Context,
    warehouse: Warehouse,
    look: ModelLook,
    challenger: _Challenger,
    days: Sequence[date],
    challengers: int,
) -> ChallengerContest | None:
    import polars as pl

    rows = _judged_rows(context, warehouse, look.model.served, challenger, days)
    if rows is None:
        return None
    settings = context.settings
    economics = economics_from(
        settings, term_means(warehouse, load_models(settings.home), settings.simulation.formulas)
    )
    dates = sorted(rows["snapshot_date"].unique().to_list())
    return contest(
        champion=look.model.version.version,
        challenger=challenger.version,
        dates=tuple(str(day) for day in dates),
        customer=(rows["customer_id"].rank("dense").cast(pl.Int64) - 1).to_numpy(),
        y=rows["has_churned"].cast(pl.Float64).to_numpy(),
        value=economics.value_of_save(rows["monthly_margin"].cast(pl.Float64).fill_null(0.0).to_numpy()),
        p_champion=rows["p_champion"].to_numpy(),
        p_challenger=rows["p_challenger"].to_numpy(),
        economics=economics,
        active_customers=look.customers,
        tries=challengers * (max(challenger.candidates, 1) if challenger.was_chosen_on(dates) else 1),
        currency=context.settings.business.currency,
    )


def _judged_rows(
    context: Context, warehouse: Warehouse, champion: ServedModel, challenger: _Challenger, days: Sequence[date]
) -> pl.DataFrame | None:
    """Return labelled rows of `days` with the probability of each model; None where none is new to the challenger."""
    import polars as pl

    labels = outcomes_of(context, warehouse, champion.policy, days)
    parts = []
    for day in days:
        unseen = challenger.unseen(day)
        if unseen is False:
            continue
        rows, _ = untreated(labels.filter(pl.col("snapshot_date") == day))
        rows = _judged(scored_day(warehouse, context, champion, day), rows, "p_champion")
        if isinstance(unseen, pl.DataFrame):
            rows = rows.join(unseen, on="customer_id", how="inner", maintain_order="left")
        else:
            rows = _judged(scored_day(warehouse, context, challenger.model, day), rows, "p_challenger")
        if rows.height:
            parts.append(rows)
    columns = ("customer_id", "snapshot_date", "has_churned", "monthly_margin", "p_champion", "p_challenger")
    return pl.concat([part.select(columns) for part in parts]) if parts else None


def _judged(scored: ScoredDay, rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """Add the probabilities of a scored date to labelled `rows` of it, as column `name`, and the margins once."""
    extra = scored.customers.rename({"churn_probability": name})
    extra = extra if "monthly_margin" not in rows.columns else extra.drop("monthly_margin")
    return rows.join(extra, on="customer_id", how="inner", maintain_order="left")


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
