"""Gathers, for each campaign, whom every rule of eligibility would leave out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from churn.campaigns.customer_list import load_customer_list, on_list
from churn.campaigns.facts import unreadable_consents
from churn.campaigns.plan_words import CONSENT_UNKNOWN, list_words
from churn.campaigns.reading import campaign_files, line_of
from churn.context import Context
from churn.documents.definition import CampaignDefinition
from churn.errors import CampaignError, ConfigError, DataError, QualityBlocked
from churn.snapshots.conditions import build_day, known_features, matching
from churn.snapshots.dates import data_cutoff
from churn.snapshots.sources_needed import undeclared
from churn.warehouse.models.filters import Filter, audience_filter
from churn.warehouse.models.sql_models import load_models
from churn.workflows.plan.rules import ContactRules, left_out_by, read_facts, read_history

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from churn.config import ChurnSettings, Settings
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
    *,
    is_round: bool = False,
) -> CampaignFacts:
    """Read audience, consent, objections, contacts, tickets and earlier assignments for the customers of `scores`.

    In a round of a programme nobody is assigned before: only campaigns whose windows run keep customers out.

    Raises ConfigError for a filter that cannot be asked, CampaignError when nobody is in any audience, or an outcome
    window has closed already.
    """
    import numpy as np
    import polars as pl

    ids = scores.frame["customer_id"]
    settings, now = context.settings, context.clock()
    reached = data_cutoff(warehouse)
    for definition in definitions:
        _require_open_window(definition, scores, settings.churn, reached.date())
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
    days = max(settings.campaigns.recent_contact_days, *(d.limits.cooldown_days for d in definitions))
    facts = read_facts(context, warehouse, ids, scores.snapshot_date, now, reached=reached, days=days)
    history = read_history(context, scores.snapshot_date)
    with context.open_store() as store:
        before = [store.assignments.of("" if is_round else d.name) for d in definitions]
    left_out = {}
    for definition, mine in zip(definitions, before, strict=True):
        rules = replace(ContactRules.of(definition), campaign=None if is_round else definition.name)
        left_out[definition.name] = {
            "assigned_before": np.asarray(ids.is_in(mine["customer_id"].implode()).to_numpy(), dtype=np.bool_),
            "not_in_audience": ~audience[definition.name],
            **left_out_by(rules, settings, ids, scores.snapshot_date, facts, history),
        }
    notes = [] if facts.has_agreed is not None else [CONSENT_UNKNOWN]
    notes += [note for d in definitions if (note := _list_note(settings.home, d, ids)) is not None]
    return CampaignFacts(left_out, pl.concat(before), tuple(notes))


def _list_note(home: Path, definition: CampaignDefinition, ids: pl.Series) -> str | None:
    """Say how many of a campaign's list have scores; None where its audience names no list, or all have."""
    name = definition.audience.customer_list
    if name is None:
        return None
    listed, scored = len(load_customer_list(home, name).ids), int(on_list(home, name, ids).sum())
    return None if listed == scored else list_words(definition.name, name, listed, scored)


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
            context.engine,
            warehouse,
            models,
            context.settings,
            scores.snapshot_date,
            features=features,
            progress=context.progress,
        )
        context.progress.step("Asking who is in the audience")
        matched = _ask(context.settings, warehouse, models, scores.snapshot_date, filters)
        joined = scores.frame.select("customer_id").join(matched, on="customer_id", how="left", maintain_order="left")
    p = scores.frame["churn_probability"].to_numpy()
    by_campaign = {}
    for definition in definitions:
        rule = definition.audience
        inside = scores.frame["risk_band"].is_in(list(rule.bands)).to_numpy()
        inside = inside & (p >= rule.min_probability) & (p <= rule.max_probability)
        if definition.name in filters:
            inside = inside & joined[definition.name].fill_null(value=False).to_numpy()
        if rule.customer_list is not None:
            inside = inside & on_list(context.settings.home, rule.customer_list, scores.frame["customer_id"])
        by_campaign[definition.name] = inside
    return by_campaign


def _ask(
    settings: Settings,
    warehouse: Warehouse,
    models: Mapping[str, SqlModel],
    day: date,
    filters: Mapping[str, Filter],
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
                what = f"the filter cannot be asked: {error.what}"
                remedy = "Compare numbers with numbers, and texts with texts in quotes."
                lack = undeclared(settings, models, sorted(condition.features))
                what, remedy = lack or (what, remedy)
                raise ConfigError(what, where=condition.where, remedy=remedy) from error
        raise
