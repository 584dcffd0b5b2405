"""Scores known customers again as if some of their features were different, and explains them as they are."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from churn.context import Context
from churn.documents.reason import FeatureValue, RiskReason
from churn.documents.score_summary import UsualValues
from churn.errors import NotFound
from churn.languages.words import N_, tr
from churn.modeling import explain, reasons_json
from churn.views.current_run import current_run
from churn.views.customer import require_features
from churn.views.online_scores import RowScores, score_rows

if TYPE_CHECKING:
    import polars as pl

    from churn.modeling import ServedModel
    from churn.store import ModelVersion


_REASONS = 20
_DIALS = 3


@dataclass(frozen=True)
class Lever:
    """Something that can be made to happen, and every feature that would then be different."""

    name: str
    title: str
    changes: Mapping[str, FeatureValue]


# Features that describe the same thing move together: otherwise the model would be asked about impossible customers.
LEVERS: Final = (
    Lever("settle", N_("The open bill is paid"), {"has_unpaid_bill": False, "open_payment_failures": 0}),
    Lever(
        "solve",
        N_("Every open ticket is solved"),
        {"open_tickets": 0, "open_technical_tickets": 0, "oldest_open_ticket_days": None},
    ),
    Lever(
        "return",
        N_("The customer logs in today"),
        {"days_since_last_login": 0, "inactivity_risk": 0, "silence_against_habit": 0},
    ),
)


def what_if(
    context: Context,
    version: ModelVersion,
    model: ServedModel,
    rows: Sequence[tuple[str, Mapping[str, FeatureValue]]],
    *,
    with_reasons: bool,
) -> RowScores:
    """Score rows of (customer_id, overrides): what the current run saw of each customer, with some features replaced.

    Each score says what the same model says with nothing replaced; `snapshot_date` and `data_cutoff` are the run's.
    Raises NotFound for somebody not on the list.
    """
    with context.open_store() as store:
        run = current_run(store.published.current_run())
    seen = require_features(context, run.run_id, [customer_id for customer_id, _ in rows])
    names = model.feature_names
    known = [{name: row.get(name) for name in names} for row in seen]
    as_is = [(customer_id, features) for (customer_id, _), features in zip(rows, known, strict=True)]
    changed = [
        (customer_id, features | dict(overrides))
        for (customer_id, overrides), features in zip(rows, known, strict=True)
    ]
    before = score_rows(context, version, model, as_is, with_reasons=False)
    after = score_rows(context, version, model, changed, with_reasons=with_reasons)
    scores = [
        replace(
            new,
            probability_before=old.churn_probability,
            band_before=old.risk_band,
            change=new.churn_probability - old.churn_probability,
        )
        for old, new in zip(before.scores, after.scores, strict=True)
    ]
    return replace(after, scores=scores, snapshot_date=run.snapshot_date, data_cutoff=run.data_cutoff)


def explained(
    context: Context, model: ServedModel, customer_id: str, features: Mapping[str, FeatureValue]
) -> tuple[float, list[RiskReason]]:
    """Return the base probability and the strongest reasons of one customer, more of them than the list keeps."""
    frame = _feature_row(context, model, customer_id, features)
    explanation = explain(model, frame)
    rows = json.loads(reasons_json(explanation, frame, model.features, top=_REASONS)[0])
    return explanation.base_probability, [RiskReason.read(row, where="reasons") for row in rows]


def _feature_row(
    context: Context, model: ServedModel, customer_id: str, features: Mapping[str, FeatureValue]
) -> pl.DataFrame:
    """Return one customer's features as a frame that the model takes."""
    import polars as pl

    row = {name: features.get(name) for name in model.feature_names}
    return pl.DataFrame(
        [
            pl.Series("customer_id", [customer_id], dtype=pl.String),
            pl.Series("snapshot_date", [context.today], dtype=pl.Date),
            *(
                pl.Series(name, [value], dtype=pl.String if isinstance(value, str) else pl.Float64, strict=False)
                for name, value in row.items()
            ),
        ]
    )


def levers_of(features: Mapping[str, FeatureValue]) -> list[Lever]:
    """Return the levers that would change something about a customer."""
    return [
        lever
        for lever in LEVERS
        if any(name in features and _differs(features[name], value) for name, value in lever.changes.items())
    ]


@dataclass(frozen=True)
class Dial:
    """A number that can be turned: `low` to `high` spans nine tenths of all customers and this one.

    `value` is the exact one, so that a dial that is not touched changes nothing. `step` is None where any number will do.
    """

    name: str
    words: str
    value: float
    low: float
    high: float
    step: int | None
    usual: float


def dials_of(
    model: ServedModel,
    features: Mapping[str, FeatureValue],
    reasons: Sequence[RiskReason],
    usual: Mapping[str, UsualValues],
) -> list[Dial]:
    """Return the actionable numbers that weigh most for a customer, three at most.

    Counts come before shares and ratios, which say less to people.
    """
    docs = {doc.name: doc for doc in model.features}
    moved_by_levers = {name for lever in levers_of(features) for name in lever.changes}
    dials = []
    for reason in reasons:
        name, value = reason.feature, features.get(reason.feature)
        span = usual.get(name)
        if not reason.is_actionable or span is None or name in moved_by_levers:
            continue
        if not isinstance(value, int | float) or isinstance(value, bool):
            continue
        low, high = min(span.low, float(value)), max(span.high, float(value))
        if high <= low:
            continue
        words = docs[name].description.rstrip(".") if name in docs else name
        if isinstance(value, int):
            dials.append(Dial(name, words, value, int(low), int(high), 1, int(span.middle)))
        else:
            # Ends are rounded outwards: at an end of many digits browsers call the value itself out of range.
            ends = math.floor(low * 1000) / 1000, math.ceil(high * 1000) / 1000
            dials.append(Dial(name, words, value, *ends, None, round(span.middle, 3)))
    return sorted(dials, key=lambda dial: dial.step is None)[:_DIALS]


def score_mixed(
    context: Context,
    version: ModelVersion,
    model: ServedModel,
    rows: Sequence[tuple[str, Mapping[str, FeatureValue] | None, Mapping[str, FeatureValue] | None]],
    *,
    with_reasons: bool,
) -> RowScores:
    """Score rows of (customer_id, features, overrides), of which each has one of the two, in the order given.

    Where every row is of a known customer, `snapshot_date` and `data_cutoff` are those of the current run; else now.
    Raises NotFound for a known customer who is not on the list.
    """
    plain = [
        (customer_id, features)
        for customer_id, features, overrides in rows
        if overrides is None and features is not None
    ]
    known = [(customer_id, overrides) for customer_id, _, overrides in rows if overrides is not None]
    parts = [score_rows(context, version, model, plain, with_reasons=with_reasons)] if plain else []
    if known:
        parts.append(what_if(context, version, model, known, with_reasons=with_reasons))
    of_plain = iter(parts[0].scores if plain else ())
    of_known = iter(parts[-1].scores if known else ())
    return replace(
        parts[0],
        scores=[next(of_plain if overrides is None else of_known) for _, _, overrides in rows],
        unknown_features=sorted({name for part in parts for name in part.unknown_features}),
    )


def overrides_of(
    features: Mapping[str, FeatureValue], levers: Sequence[str], dials: Mapping[str, str]
) -> dict[str, FeatureValue]:
    """Return the overrides that a form asks for: levers by name, dials by feature and number.

    Raises NotFound for a lever or a feature there is not; a number that is none leaves its feature as it is.
    """
    overrides: dict[str, FeatureValue] = {}
    for name, text in dials.items():
        if name not in features:
            raise NotFound(tr("there is no such feature"), where=name[:80])
        try:
            overrides[name] = float(text)
        except ValueError:
            continue
    for chosen in levers:
        lever = next((lever for lever in LEVERS if lever.name == chosen), None)
        if lever is None:
            raise NotFound(tr("there is nothing of this name to change"), where=chosen[:80])
        overrides |= {name: value for name, value in lever.changes.items() if name in features}
    return {name: value for name, value in overrides.items() if _differs(features[name], value)}


def _differs(value: FeatureValue, other: FeatureValue) -> bool:
    if value is None or other is None or isinstance(value, str) or isinstance(other, str):
        return value != other
    return abs(float(value) - float(other)) > 1e-9
