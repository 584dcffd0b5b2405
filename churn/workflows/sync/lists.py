"""Makes the list that a push brings a CRM in step with: who is on it now, what each record shall say, in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from churn.campaigns.archive import archived_programmes
from churn.campaigns.facts import read_consent
from churn.campaigns.own_terms import profit_on_terms
from churn.context import Context
from churn.errors import CampaignError, QualityBlocked
from churn.views.current_run import current_run
from churn.views.formula_values import FormulaValues, own_terms_of
from churn.views.next_offers import running_offers
from churn.views.offer_evidence import taught_of_offers
from churn.views.risk_list import plain_reasons

if TYPE_CHECKING:
    import polars as pl

    from churn.decisions.checks import Floats
    from churn.documents.definition import CampaignDefinition
    from churn.store import ScoreRun, Store


_AHEAD = ("churn_within_90d", "churn_within_180d", "churn_within_360d", "months_kept")
_SCORES = ("customer_id", "churn_probability", "risk_band", "percentile", "reasons", *_AHEAD)


@dataclass(frozen=True)
class PushList:
    """One row per customer in the order of sending, with every field of ours; and how many were left out, by why.

    `forbidden` are those whom nobody may contact, on a list or not. `constants` are the texts that are the same in every row.
    """

    frame: pl.DataFrame
    run: ScoreRun
    constants: Mapping[str, str]
    left_out: dict[str, int] = field(default_factory=dict)
    forbidden: frozenset[str] = frozenset()


def fresh_scores(context: Context, store: Store, *, max_age_days: int | None, is_forced: bool) -> ScoreRun:
    """Return the current score run. Raises QualityBlocked when it is stale or old, unless forced."""
    run = current_run(store.scores.current_run())
    if is_forced:
        return run
    if run.is_stale:
        raise QualityBlocked(
            f"the scores of {run.snapshot_date} are stale: {run.stale_reason}",
            where="churn sync",
            remedy="Mend what the rule found and score again; --force pushes them all the same.",
        )
    if max_age_days is not None and context.clock() - run.scored_at > timedelta(days=max_age_days):
        raise QualityBlocked(
            f"the scores were made on {run.scored_at:%Y-%m-%d}, more than {max_age_days} days ago",
            where="churn sync",
            remedy="Run `churn refresh` and `churn score`; --force pushes them all the same.",
        )
    return run


def campaign_list(
    context: Context, store: Store, definition: CampaignDefinition, run: ScoreRun, run_id: str
) -> PushList:
    """Return whom a campaign contacts: those assigned to it who may still be contacted, never its holdout.

    Risk is that of the current scores; the expected profit, by which they are ordered, is by the terms that the campaign's
    file has now, or the plan's where only that can be told. Consent and objections are read as they are known now. Whoever has been assigned to a later campaign since belongs to that one: if
    held out there, nothing may name the offer of this one any more. Raises CampaignError when nobody was ever assigned.
    """
    import polars as pl

    assigned = store.assignments.of(definition.name)
    if assigned.is_empty():
        raise CampaignError(
            "nobody is assigned to it",
            where=f"campaign {definition.name}",
            remedy=f"Run `churn plan {definition.name}` first.",
        )
    treated = assigned.filter(pl.col("arm") == "treatment")
    left_out = {"in the holdout": assigned.height - treated.height}
    forbidden = _forbidden(context, store, requires_consent=definition.audience.requires_consent)
    for why, customers in forbidden.items():
        kept = treated.join(customers, on="customer_id", how="anti")
        left_out[why], treated = treated.height - kept.height, kept
    later = _assigned_later(store, assigned, definition.name)
    kept = treated.join(later, on="customer_id", how="anti")
    left_out["in a later campaign"], treated = treated.height - kept.height, kept
    forbidden["held out of a later campaign"] = later.filter(pl.col("arm") == "holdout")
    now = _scores(store, treated["customer_id"])
    treated = _on_newest_terms(context, store, definition, treated, run.run_id)
    frame = (
        treated.select("customer_id", "expected_profit", *(pl.col(n).alias(f"{n}_then") for n in _SCORES[1:4]))
        .join(now, on="customer_id", how="left", maintain_order="left")
        .with_columns(pl.coalesce(name, f"{name}_then").alias(name) for name in _SCORES[1:4])
        .drop(f"{name}_then" for name in _SCORES[1:4])
        .sort(["expected_profit", "customer_id"], descending=[True, False])
    )
    frame = _without_money(frame, store, run)
    constants = {"recommended_action": definition.title, "campaign": definition.name}
    if (running := running_offers(store, ()).get(definition.name)) is not None:
        constants["next_best_offer"] = running.offer
    return replace(_finished(frame, run, constants, run_id, left_out), forbidden=_names(forbidden))


def _assigned_later(store: Store, assigned: pl.DataFrame, campaign: str) -> pl.DataFrame:
    """Return customer_id and arm of those of `assigned` whom another campaign took in at a later date."""
    import polars as pl

    others = store.assignments.customers().filter(pl.col("campaign") != campaign)
    mine = assigned.select("customer_id", since="snapshot_date")
    both = others.join(mine, on="customer_id").filter(pl.col("snapshot_date") > pl.col("since"))
    return both.select("customer_id", "arm")


def risk_list(context: Context, store: Store, bands: Sequence[str], run: ScoreRun, run_id: str) -> PushList:
    """Return everybody in some risk bands, holdouts as everybody else, without a word about any campaign."""
    import polars as pl

    frame = store.scores.current(bands=bands, columns=(*_SCORES, "expected_profit"))
    left_out = {}
    forbidden = _forbidden(context, store, requires_consent=False)
    for why, customers in forbidden.items():
        kept = frame.join(customers, on="customer_id", how="anti", maintain_order="left")
        left_out[why], frame = frame.height - kept.height, kept
    frame = frame.with_columns(plain_reasons(pl.col("reasons")), reason_codes(pl.col("reasons")))
    frame = _with_next_offers(context, store, _without_money(frame, store, run))
    return replace(_finished(frame, run, {}, run_id, left_out), forbidden=_names(forbidden))


def _with_next_offers(context: Context, store: Store, frame: pl.DataFrame) -> pl.DataFrame:
    """Add what a running round of a programme offers each customer: nothing to its holdout, nor to whom it left alone."""
    import polars as pl

    today = context.in_company_time().today
    offers = running_offers(store, archived_programmes(context.settings.home))
    running = {name: offer.offer for name, offer in offers.items() if offer.ends > today}
    treated = store.assignments.customers(sorted(running), arm="treatment").select(
        "customer_id", pl.col("campaign").replace_strict(running, return_dtype=pl.String).alias("next_best_offer")
    )
    newest = treated.unique("customer_id", keep="last", maintain_order=True)
    return frame.join(newest, on="customer_id", how="left", maintain_order="left")


def _on_newest_terms(
    context: Context, store: Store, definition: CampaignDefinition, treated: pl.DataFrame, run_id: str
) -> pl.DataFrame:
    """Return the treated with the profit expected of their current score on the file's terms.

    The plan's stays where it went by measured uplift, where its terms are SQL that was not published with the scores, and for
    whoever has no score any more.
    """
    import polars as pl

    plan = store.plans.latest(definition.name)
    if plan is None or plan.profit_model == "uplift":
        return treated
    columns = (
        "customer_id",
        "churn_probability",
        "involuntary_probability",
        "monthly_margin",
        "value_of_save",
        "months_after_save",
    )
    now = store.scores.current(columns=columns, order="churn_probability")
    now = now.join(treated.select("customer_id"), on="customer_id", how="semi")

    formulas = FormulaValues.read(context.settings.home, run_id)

    def known(name: str) -> Floats | None:
        return None if now[name].null_count() else now[name].to_numpy()

    profit = profit_on_terms(
        definition,
        context.settings,
        now["churn_probability"].to_numpy(),
        involuntary=known("involuntary_probability"),
        margin=now["monthly_margin"].to_numpy(),
        published_value=now["value_of_save"].to_numpy(),
        months=known("months_after_save"),
        taught=taught_of_offers(store, [definition.name])[definition.name],
        own=own_terms_of(formulas, definition, now["customer_id"].to_list()),
    )
    if profit is None:
        return treated
    newest = now.select("customer_id").with_columns(pl.Series("newest", profit).fill_nan(None))
    return (
        treated.join(newest, on="customer_id", how="left", maintain_order="left")
        .with_columns(pl.coalesce("newest", "expected_profit").alias("expected_profit"))
        .drop("newest")
    )


def _without_money(frame: pl.DataFrame, store: Store, run: ScoreRun) -> pl.DataFrame:
    """Empty the expected profit where the model failed the calibration gate: no CRM is told amounts that hold nothing."""
    import polars as pl

    if store.published.tells_money(run):
        return frame
    return frame.with_columns(pl.lit(None, dtype=pl.Float64).alias("expected_profit"))


def _names(forbidden: Mapping[str, pl.DataFrame]) -> frozenset[str]:
    return frozenset(name for customers in forbidden.values() for name in customers["customer_id"])


def empty_list(run: ScoreRun, run_id: str) -> PushList:
    """Return the list of nobody: what a withdrawal leaves."""
    import polars as pl

    kinds = {
        name: pl.Float64 if name in {"churn_probability", "percentile", *_AHEAD} else pl.String for name in _SCORES
    }
    frame = pl.DataFrame(schema={**kinds, "reason_codes": pl.String, "expected_profit": pl.Float64})
    return _finished(frame, run, {}, run_id, {})


def reason_codes(column: pl.Expr) -> pl.Expr:
    """Return the features behind the reasons, joined by commas: what a rule of the CRM can look for."""
    import polars as pl

    kind = pl.List(pl.Struct({"feature": pl.String}))
    texts = column.str.json_decode(kind).list.eval(pl.element().struct.field("feature"))
    return texts.list.join(",").alias("reason_codes")


def _scores(store: Store, customers: pl.Series) -> pl.DataFrame:
    import polars as pl

    scores = store.scores.current(columns=_SCORES).filter(pl.col("customer_id").is_in(customers.implode()))
    return scores.with_columns(plain_reasons(pl.col("reasons")), reason_codes(pl.col("reasons")))


def _forbidden(context: Context, store: Store, *, requires_consent: bool) -> dict[str, pl.DataFrame]:
    """Return whom nobody may contact any more, by why: what is known now counts, whatever the plan knew."""
    import polars as pl

    with context.open_warehouse("churn sync") as warehouse:
        consent, is_known = read_consent(warehouse)
    objected = consent.filter(consent["has_objected"].fill_null(value=False))["customer_id"]
    noted = pl.Series("customer_id", store.privacy.objected(), dtype=pl.String)
    forbidden = {
        "objected": pl.concat([objected.cast(pl.String), noted]).unique().to_frame(),
        "unsubscribed": store.outcomes.recent(kind="unsubscribed").select("customer_id").unique(),
    }
    if requires_consent and is_known:
        agreed = consent.filter(consent["has_consent"].fill_null(value=False)).select("customer_id")
        forbidden["without consent"] = consent.select("customer_id").join(agreed, on="customer_id", how="anti")
    return forbidden


def _finished(
    frame: pl.DataFrame,
    run: ScoreRun,
    constants: Mapping[str, str],
    run_id: str,
    left_out: dict[str, int],
) -> PushList:
    import polars as pl

    texts = {"recommended_action": None, "campaign": None, **constants}
    if "next_best_offer" not in frame.columns:
        texts = {"next_best_offer": None, **texts}
    texts |= {"model_version": run.model_version, "run_id": run_id}
    frame = frame.with_columns(
        *(pl.lit(text, dtype=pl.String).alias(name) for name, text in texts.items()),
        pl.lit(run.scored_at).alias("scored_at"),
        pl.lit(run.snapshot_date).alias("snapshot_date"),
    )
    return PushList(frame, run, constants, {why: count for why, count in left_out.items() if count})
