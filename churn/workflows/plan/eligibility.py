"""Gathers, for each campaign, whom every rule of eligibility would leave out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from churn.campaigns.assignment import global_holdout
from churn.campaigns.facts import read_consent, read_contacts, read_left, read_waiting, unreadable_consents
from churn.campaigns.plan_words import CONSENT_UNKNOWN
from churn.campaigns.reading import campaign_files, line_of
from churn.context import Context
from churn.documents.definition import CampaignDefinition
from churn.errors import CampaignError, ConfigError, DataError, QualityBlocked
from churn.snapshots.conditions import build_day, known_features, matching
from churn.snapshots.dates import data_cutoff
from churn.warehouse.models.filters import Filter, audience_filter
from churn.warehouse.models.sql_models import load_models

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from churn.config import ChurnSettings
    from churn.warehouse import SqlModel
    from churn.warehouse.connection import Warehouse
    from churn.workflows.plan.scores import ScoreList


@dataclass(frozen=True)
class CampaignFacts:
    """By campaign and rule, whom it would leave out (n,), in the order of the scores; and notes about it."""

    left_out: Mapping[str, dict[str, NDArray[np.bool_]]]
    assigned: pl.DataFrame  # every assignment of the campaigns planned, with all columns
    notes: tuple[str, ...]


def gather_facts(
    context: Context,
    warehouse: Warehouse,
    definitions: Sequence[CampaignDefinition],
    scores: ScoreList,
) -> CampaignFacts:
    """Read audience, consent, objections, contacts, tickets and earlier assignments for the customers of `scores`.

    Raises ConfigError for a filter that cannot be asked, CampaignError when nobody is in any audience, or an outcome
    window has closed already.
    """
    import numpy as np
    import polars as pl

    ids = scores.frame["customer_id"]
    settings, now = context.settings, context.clock()
    reached = data_cutoff(warehouse).date()
    for definition in definitions:
        _require_open_window(definition, scores, settings.churn, reached)
    audience = _audience(context, warehouse, definitions, scores)
    if not any(inside.any() for inside in audience.values()):
        names = ", ".join(f"`{d.name}`" for d in definitions)
        raise CampaignError(
            f"nobody of {ids.len():,} customers is in the audience of {names} on {scores.snapshot_date}",
            where=f"campaigns/{definitions[0].name}.toml [audience]",
            remedy="Widen bands, min_probability or filter; `churn campaigns show NAME` says what they are.",
        )
    context.progress.step("Reading consent, contacts and tickets")
    _refuse_unreadable_consent(context, warehouse, definitions)
    shared, notes = _shared(context, warehouse, ids, now)
    others = _running(context, scores.snapshot_date)
    contacted = _contacts(context, warehouse, definitions, scores.snapshot_date, others)
    with context.open_store() as store:
        before = [store.assignments.of(d.name) for d in definitions]
    left_out = {}
    for definition, mine in zip(definitions, before, strict=True):
        days = max(definition.limits.cooldown_days, settings.campaigns.recent_contact_days)
        since = scores.snapshot_date - timedelta(days=days)
        recent = contacted.filter(pl.col("contacted_at") >= since)["customer_id"]
        elsewhere = others.filter(pl.col("campaign") != definition.name)["customer_id"]
        rules = {
            "assigned_before": ids.is_in(mine["customer_id"].implode()).to_numpy(),
            "not_in_audience": ~audience[definition.name],
            "contacted_recently": ids.is_in(recent.implode()).to_numpy(),
            "in_another_campaign": ids.is_in(elsewhere.implode()).to_numpy(),
        } | {rule: hits for rule, hits in shared.items() if _applies(definition, rule)}
        left_out[definition.name] = {rule: np.asarray(hits, dtype=np.bool_) for rule, hits in rules.items()}
    return CampaignFacts(left_out, pl.concat(before), notes)


def _refuse_unreadable_consent(
    context: Context, warehouse: Warehouse, definitions: Sequence[CampaignDefinition]
) -> None:
    """Raise QualityBlocked where consent has values that no rule reads."""
    if context.settings.campaigns.unreadable_consent_is_no or not any(d.audience.requires_consent for d in definitions):
        return
    words = unreadable_consents(warehouse)
    if not words:
        return
    shown = ", ".join(f"`{word}` ({rows:,} customers)" for word, rows in list(words.items())[:5])
    example = next(iter(words))
    raise QualityBlocked(
        f"consent holds words that cannot be read: {shown}; they count as no consent",
        where="[sources.customers] marketing_consent",
        remedy=f"Say what they mean: codes = {{ marketing_consent = {{ {example!r} = true }} }}, or false; or set"
        " [campaigns] unreadable_consent_is_no = true.",
    )


def _require_open_window(
    definition: CampaignDefinition, scores: ScoreList, churn: ChurnSettings, reached: date
) -> None:
    """Refuse scores so old that the outcome window is over: nothing done now could change the outcome."""
    days = definition.window(churn)
    if scores.snapshot_date + timedelta(days=days) <= scores.newest_date:
        raise CampaignError(
            f"the {days} days in which its outcome is counted ended before {scores.newest_date}, the day of the newest scores",
            where=f"campaign {definition.name}, --date {scores.snapshot_date}",
            remedy="Plan on the newest scores: leave --date out.",
        )
    if scores.snapshot_date + timedelta(days=days) <= reached:
        raise CampaignError(
            f"the {days} days in which its outcome is counted are over: the scores are of {scores.snapshot_date}, the "
            f"data reach {reached}",
            where=f"campaign {definition.name}",
            remedy="Run `churn score` first.",
        )


def _applies(definition: CampaignDefinition, rule: str) -> bool:
    if rule == "no_consent":
        return definition.audience.requires_consent
    return rule != "open_ticket" or definition.audience.skip_open_tickets


def check_filters(
    warehouse: Warehouse, models: Mapping[str, SqlModel], definitions: Sequence[CampaignDefinition], home: Path
) -> dict[str, Filter]:
    """Return the checked filter of each campaign that has one. Raises ConfigError naming file and line."""
    asking = [definition for definition in definitions if definition.audience.filter is not None]
    known = known_features(models, warehouse) if asking else frozenset()
    files = campaign_files(home)
    filters = {}
    for definition in asking:
        path = files[definition.name]
        line = line_of(path.read_text(encoding="utf-8-sig"), ("audience", "filter"))
        filters[definition.name] = audience_filter(str(definition.audience.filter), known, where=f"{path}:{line}")
    return filters


def _audience(
    context: Context, warehouse: Warehouse, definitions: Sequence[CampaignDefinition], scores: ScoreList
) -> dict[str, NDArray[np.bool_]]:
    models = load_models(context.settings.home)
    filters = check_filters(warehouse, models, definitions, context.settings.home)
    features = frozenset().union(*(condition.features for condition in filters.values()))
    if filters:
        build_day(
            warehouse, models, context.settings, scores.snapshot_date, features=features, progress=context.progress
        )
        context.progress.step("Asking who is in the audience")
        matched = _ask(warehouse, models, scores.snapshot_date, filters)
        joined = scores.frame.select("customer_id").join(matched, on="customer_id", how="left", maintain_order="left")
    p = scores.frame["churn_probability"].to_numpy()
    by_campaign = {}
    for definition in definitions:
        rule = definition.audience
        inside = scores.frame["risk_band"].is_in(list(rule.bands)).to_numpy()
        inside = inside & (p >= rule.min_probability) & (p <= rule.max_probability)
        if definition.name in filters:
            inside = inside & joined[definition.name].fill_null(value=False).to_numpy()
        by_campaign[definition.name] = inside
    return by_campaign


def _ask(
    warehouse: Warehouse, models: Mapping[str, SqlModel], day: date, filters: Mapping[str, Filter]
) -> pl.DataFrame:
    """Evaluate all filters at once; if that fails, one by one, to name the file of the faulty one."""
    features = frozenset().union(*(condition.features for condition in filters.values()))
    try:
        return matching(warehouse, models, day, {name: condition.sql for name, condition in filters.items()}, features)
    except (ConfigError, DataError):
        for name, condition in filters.items():
            try:
                matching(warehouse, models, day, {name: condition.sql}, condition.features)
            except (ConfigError, DataError) as error:
                remedy = "Compare numbers with numbers, and texts with texts in quotes."
                raise ConfigError(
                    f"the filter cannot be asked: {error.what}", where=condition.where, remedy=remedy
                ) from error
        raise


def _shared(
    context: Context, warehouse: Warehouse, ids: pl.Series, now: datetime
) -> tuple[dict[str, NDArray[np.bool_]], tuple[str, ...]]:
    """What holds for every campaign alike."""
    settings, notes = context.settings, []
    consent, is_known = read_consent(warehouse)
    if not is_known:
        notes.append(CONSENT_UNKNOWN)
    agreed = consent.filter(consent["has_consent"])["customer_id"]
    objected = set(consent.filter(consent["has_objected"])["customer_id"])
    with context.open_store() as store:
        objected |= set(store.outcomes.recent(kind="unsubscribed")["customer_id"]) | set(store.privacy.objected())
    is_decision = settings.churn.dated_by == "decision"
    left = ids.clear() if settings.churn.definition == "inactivity" else None
    if left is None:
        left = read_left(
            warehouse,
            now,
            reached=data_cutoff(warehouse),
            grace_days=settings.churn.grace_days,
            counts_decisions=is_decision,
            told_by=settings.churn.told_by,
        )
    rules = settings.campaigns
    left_out = {
        "not_active": ids.is_in(left.implode()).to_numpy(),
        "objected": ids.is_in(list(objected)).to_numpy(),
        "global_holdout": global_holdout(
            ids.to_list(), share=rules.global_holdout_share, seed=rules.global_holdout_seed
        ),
        "open_ticket": ids.is_in(read_waiting(warehouse).implode()).to_numpy(),
    }
    if is_known:
        left_out["no_consent"] = ~ids.is_in(agreed.implode()).to_numpy()
    return left_out, tuple(notes)


def _contacts(
    context: Context, warehouse: Warehouse, definitions: Sequence[CampaignDefinition], day: date, running: pl.DataFrame
) -> pl.DataFrame:
    """Every contact that may still be recent: from deliveries, from CRMs, and of plans whose windows have closed."""
    import polars as pl

    days = max(context.settings.campaigns.recent_contact_days, *(d.limits.cooldown_days for d in definitions))
    kind: dict[str, pl.DataType] = {"customer_id": pl.String(), "contacted_at": pl.Datetime("us")}
    parts = [read_contacts(warehouse, day, days=days)]
    with context.open_store() as store:
        recent = [store.outcomes.recent(kind=kind) for kind in ("contacted", "delivered")]
        planned = store.assignments.customers(arm="treatment")
    parts += [events.select("customer_id", contacted_at="occurred_at") for events in recent]
    closed = planned.join(running, on=["campaign", "customer_id"], how="anti")  # open windows have a rule of their own
    parts.append(closed.select("customer_id", contacted_at="snapshot_date"))
    return pl.concat([part.select(pl.col(n).cast(k) for n, k in kind.items()) for part in parts])


def _running(context: Context, day: date) -> pl.DataFrame:
    """Return campaign and customer_id of those, in either arm, whose outcome window has not closed on `day`.

    Where a campaign's plans have windows of several lengths the longest holds for all of its customers.
    """
    import polars as pl

    with context.open_store() as store:
        assigned = store.assignments.customers()
        names = assigned["campaign"].unique().to_list()
        plans = {name: store.plans.list(name) for name in names}
    windows = {name: max(plan.window_days for plan in made) for name, made in plans.items()}
    if not windows:
        return assigned.select("campaign", "customer_id")
    days = pl.col("campaign").replace_strict(windows, return_dtype=pl.Int64)
    return assigned.filter(pl.col("snapshot_date") + pl.duration(days=days) > day).select("campaign", "customer_id")
