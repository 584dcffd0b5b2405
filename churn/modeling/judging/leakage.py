"""Scans features for leakage before training: by name, by date, and by how well one alone predicts the outcome."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from churn.documents.model_card import LeakageFinding
from churn.errors import FutureLeak, ModelError
from churn.modeling.encoding.columns import Floats, categories, kind_of, numbers
from churn.modeling.judging.far import FarRows, far_rows
from churn.modeling.judging.ranking import area_under_roc

_AFTER: Final = re.compile(
    r"(^|_)(next|future|following|coming|after)_\d+_?(d|days?|w|weeks?|m|mo|months?)($|_)"
    r"|^(has_|is_)?churn(ed)?(_?\d+_?(d|days?|m|months?))?$|(^|_)churn(ed)?_(at|date|kind|reason|label|flag)$",
    re.IGNORECASE,
)
_SHARE = 0.02  # of the rows, at least, before a value counts
_EXPECTED = 30.0  # churners, or rows, before a value counts
_STAYERS = 15.0  # expected among rows that all churned, before that is no chance
_ALMOST = 0.02  # of what is expected is almost none; the same share short of all is almost all
_VALUES = 50  # a feature of more values is looked at by its being missing only
_ROWS = 50_000  # what is told by more rows is told by these
_NEAR_AUC = 0.7  # a feature as strong as this on the window, against all who stay, later leavers among them ...
_FAR_AUC = 0.85  # ... and as this on who leaves two windows later, against those who never do ...
_FADES = 0.03  # ... that is hardly weaker there: what is honest fades
JUMP_AUC: Final = 0.9  # a model as good as this ...
_JUMP_SHARE = 0.5  # ... half of whose lead over chance is one feature's
_SINCE_JOINING: Final = frozenset({"is_new_user"})  # made of the day they joined, which leaving does not overwrite
_TERM: Final = "days_to_renewal"  # a term that goes on beyond the window may bind its customers
_REMEDY = (
    "Correct its SQL so that it uses only facts known before the snapshot date, or name it in "
    "training.exclude_features."
)


def scan_leakage(
    frame: pl.DataFrame,
    y: Floats,
    features: Sequence[str],
    *,
    limit: float,
    horizon_days: int,
    lead_days: int = 0,
    trusted: Collection[str] = (),
    history: pl.DataFrame | None = None,
    weight: Floats | None = None,
) -> tuple[LeakageFinding, ...]:
    """Return the five features that predict best alone; raise where one predicts too well.

    `frame` holds training rows, `y` (n,) their outcomes 0/1, `weight` (n,) how many rows each stands for (1 where not
    given: of many rows all churners are drawn and few who stayed), `limit` the AUC above which one feature cannot be honest
    (1 turns the statistical tests off; `trusted` features are let pass), `history` all labelled rows of the same
    customers. The window opens `lead_days` after the date and stays open for `horizon_days`. Raises FutureLeak for names or dates from after the snapshot, ModelError for an AUC above `limit`, a value
    that churners almost never or almost only churners hold, or a feature that tells who leaves long after the window as
    well as who leaves within it: the first such feature with its rows and remedy, and the names of the others.
    """
    findings = []
    refused: list[tuple[str, ModelError]] = []
    for feature in features:
        _refuse_name(feature, horizon_days)
        _refuse_dates(frame, feature)
    step = -(-frame.height // _ROWS) if frame.height else 1
    weight = np.ones(y.size) if weight is None else weight
    frame, y, weight = frame.gather_every(step), y[::step], weight[::step]
    far = None if history is None or limit >= 1.0 else far_rows(frame, history, horizon_days)
    is_free = ~_bound(frame, y, weight, lead_days + horizon_days)
    free = (frame.filter(is_free), y[is_free], weight[is_free])
    for feature in features:
        score = _as_score(frame, feature, y)
        auc = float(max((max(a, 1.0 - a) for a in (area_under_roc(values, y) for values in score)), default=0.5))
        if limit < 1.0 and feature not in trusted:
            try:
                _refuse_what_it_tells(feature, auc, limit, score, y, free, far)
            except ModelError as error:
                refused.append((feature, error))
        findings.append(LeakageFinding(feature=feature, auc=auc, note="strongest alone"))
    if refused:
        (_, first), *others = refused
        if others:
            first.remedy = f"{first.remedy} The scan refuses besides: {', '.join(f'`{name}`' for name, _ in others)}."
        raise first
    findings.sort(key=lambda finding: (-finding.auc, finding.feature))
    return tuple(findings[:5])


def _refuse_what_it_tells(
    feature: str,
    auc: float,
    limit: float,
    score: Sequence[Floats],
    y: Floats,
    free: tuple[pl.DataFrame, Floats, Floats],
    far: FarRows | None,
) -> None:
    """Refuse a feature by what its values tell alone. `free`: rows, outcomes and weights of those whom no term binds."""
    if auc > limit:
        raise ModelError(
            f"feature `{feature}` alone tells churners from stayers with AUC {auc:.3f}, above {limit}: it very "
            "likely knows the outcome",
            where="leakage scan",
            remedy=f"{_REMEDY} If it is honest, name it in training.trusted_features.",
        )
    if feature not in _SINCE_JOINING:  # with contracts of a year nobody leaves in the first months
        _refuse_one_sided(feature, *free)
    if far is not None and auc >= _NEAR_AUC:
        _refuse_far_sighted(feature, score, y, far)


def _refuse_name(feature: str, horizon_days: int) -> None:
    if _AFTER.search(feature):
        raise FutureLeak(
            f"feature `{feature}` is named after the outcome or the days after the snapshot ({horizon_days}-day window)",
            where="leakage scan",
            remedy=_REMEDY,
        )


def _refuse_dates(frame: pl.DataFrame, feature: str) -> None:
    dtype = frame[feature].dtype
    if dtype != pl.Date and not isinstance(dtype, pl.Datetime):
        return
    if "snapshot_date" not in frame.columns or frame["snapshot_date"].null_count() == frame.height:
        return
    moment = frame[feature].cast(pl.Datetime("us"))
    later = int((moment >= frame["snapshot_date"].cast(pl.Datetime("us"))).sum())
    if later:
        raise FutureLeak(
            f"feature `{feature}` holds {later:,} dates on or after the snapshot date",
            where="leakage scan",
            remedy=_REMEDY,
        )


def _as_score(frame: pl.DataFrame, feature: str, y: Floats) -> list[Floats]:
    """Return what could rank customers: the number and its absence, or each category's rate from other rows."""
    if kind_of(frame[feature]) == "number":
        values = numbers(frame, feature)
        missing = np.isnan(values)
        if missing.all():
            return []
        middle = float(np.median(values[~missing]))
        return [np.where(missing, middle, values), *([missing.astype(np.float64)] if missing.any() else [])]
    codes = _category_codes(frame, feature)
    half = np.arange(y.size) % 2 == 0
    score = np.zeros(y.size)
    size = int(codes.max()) + 1
    for held in (half, ~half):
        total = np.bincount(codes[~held], minlength=size)
        churned = np.bincount(codes[~held], weights=y[~held], minlength=size)
        rate = (churned + 5.0 * y.mean()) / (total + 5.0)
        score[held] = rate[codes[held]]
    return [score]


def _category_codes(frame: pl.DataFrame, feature: str) -> NDArray[np.int64]:
    _, codes = np.unique(categories(frame, feature).to_numpy().astype(str), return_inverse=True)
    return codes.astype(np.int64)


def _bound(frame: pl.DataFrame, y: Floats, weight: Floats, days: int) -> NDArray[np.bool_]:
    """Return whom (n,) a term binds beyond the window of `days`: nobody, where some leave before their term ends.

    Whoever has paid for a year is in few plans, at few fees, and long a customer. That none of them leaves within the
    window says nothing of what these features were written from.
    """
    if _TERM not in frame.columns or kind_of(frame[_TERM]) != "number":
        return np.zeros(y.size, dtype=np.bool_)
    is_bound = numbers(frame, _TERM) > days  # false where nobody knows the term
    mass = float(weight[is_bound].sum())
    expected = float(np.average(y, weights=weight)) * mass
    return is_bound if float((weight * y)[is_bound].sum()) <= _ALMOST * expected else np.zeros_like(is_bound)


def _refuse_one_sided(feature: str, frame: pl.DataFrame, y: Floats, weight: Floats) -> None:
    """Refuse a feature with a value that churners hardly ever hold, or that hardly anybody but churners holds.

    The first is an attribute that was overwritten later (`open` while everyone who ever left is `closed`), the second
    one that is filled in on leaving. Being missing, and not being missing, are values too. A chance of the base rate
    cannot make either: a value counts only where 30 churners would be expected (of a number: by the values next to it), or 30 rows are, 15 of them of stayers by
    the base rate. What is filled in, and words, count by their share of the churners: where few leave, a survey of leavers is
    in few rows. Shares are of what the rows stand for, counts are of the rows themselves, which the proof consists of.
    """
    values = frame[feature]
    base = float(np.average(y, weights=weight)) if y.size else 0.0
    a_churner, a_stayer = (float(weight[y == outcome].mean()) if (y == outcome).any() else 1.0 for outcome in (1, 0))
    groups = [
        _Group("is missing", values.is_null().to_numpy(), base),
        _Group("is not missing", values.is_not_null().to_numpy(), base, is_told=True),
    ]
    if values.drop_nulls().n_unique() <= _VALUES:
        known = values.drop_nulls().unique().sort().to_list()
        if kind_of(values) == "number" and len(known) > 2:
            groups += _ordered(numbers(frame, feature), y, weight, base)
        else:
            is_text = values.dtype == pl.String
            groups += [
                _Group(f"is {value!r}", values.eq_missing(value).to_numpy(), base, is_told=is_text) for value in known
            ]
    for group in groups:
        rows, mass = int(group.holds.sum()), float(weight[group.holds].sum())
        if mass < _SHARE * float((weight * y).sum() if group.is_told else weight.sum()) or rows == y.size:
            continue
        churners, expected = int(y[group.holds].sum()), group.rate * mass / a_churner
        if expected >= _EXPECTED and churners <= _ALMOST * expected:
            raise _one_sided(
                feature,
                f"{group.words} for {rows:,} rows, of which {churners:,} churned where {expected:,.0f} would be expected: "
                "it looks like something that is overwritten after people leave",
            )
        churned = float((weight * y)[group.holds].sum())
        if rows >= _EXPECTED and (1.0 - base) * mass / a_stayer >= _STAYERS and churned >= (1.0 - _ALMOST) * mass:
            raise _one_sided(
                feature,
                f"{group.words} for {rows:,} rows, of which {churners:,} churned: "
                "it looks like something filled in on leaving",
            )


@dataclass(frozen=True)
class _Group:
    """Rows (n,) that hold a value, in words, and at which rate they would churn if the value said nothing.

    `is_told`: the value is a word or something filled in, which counts by its share of the churners.
    """

    words: str
    holds: NDArray[np.bool_]
    rate: float
    is_told: bool = False


def _ordered(values: Floats, y: Floats, weight: Floats, base: float) -> list[_Group]:
    """Return a group for each value of a number and for all values from one on, up and down.

    Each is expected to churn by the base rate or like the values next to it, if that is less; where those churn half as
    often as all, nothing is expected. Of those who come every day hardly anybody leaves, and of those who come nearly every
    day few do: what is overwritten falls off at once.
    """
    held = ~np.isnan(values)
    known, codes = np.unique(values[held], return_inverse=True)
    rows = np.bincount(codes, weights=weight[held])
    churned = np.bincount(codes, weights=(weight * y)[held])
    enough = _SHARE * float(weight.sum())

    def beside(first: int, last: int) -> float:
        """Return the highest rate on either side of the values from `first` to `last`, of as many rows as it takes to know one."""
        rates = []
        for places in (range(first - 1, -1, -1), range(last + 1, known.size)):
            seen = left = 0.0
            for place in places:
                seen, left = seen + rows[place], left + churned[place]
                if seen >= enough:
                    break
            if seen:
                rates.append(left / seen)
        highest = max(rates, default=base)
        return min(base, highest) if highest >= base / 2 else 0.0

    groups = []
    for place, value in enumerate(known):
        shown = f"{value:g}"
        groups.append(_Group(f"is {shown}", values == value, beside(place, place)))
        if 0 < place < known.size - 1:
            groups.append(_Group(f"is {shown} or more", held & (values >= value), beside(place, known.size - 1)))
            groups.append(_Group(f"is {shown} or less", held & (values <= value), beside(0, place)))
    return groups


def _refuse_far_sighted(feature: str, score: Sequence[Floats], y: Floats, far: FarRows) -> None:
    """Refuse a feature that tells who leaves long after the window as well as it tells who leaves within.

    What is written after the end (a status, a balance of zero) is written into all of a customer's past rows; what is known
    at the time says less about what is further away.
    """
    for values in score:
        near = area_under_roc(values, y)
        later = area_under_roc(values[far.position], far.left)
        if near < 0.5:
            near, later = 1.0 - near, 1.0 - later
        if near >= _NEAR_AUC and later >= max(_FAR_AUC, near - _FADES):
            raise _one_sided(
                feature,
                f"tells who leaves {far.days} days after the snapshot or later (AUC {later:.3f}, {int(far.left.sum()):,} of "
                f"{far.left.size:,} rows) as well as who leaves within the window ({near:.3f}): it looks like something "
                "that is overwritten after people leave",
            )


def refuse_jump(feature: str, *, auc: float, without: float, rows: int, limit: float, trusted: Collection[str]) -> None:
    """Raise ModelError where a very high AUC on `rows` test rows is due to one feature.

    `auc` is that of a model of all features, `without` that of the same model of all but this one.
    """
    if limit >= 1.0 or feature in trusted or auc < JUMP_AUC or auc - without < _JUMP_SHARE * (auc - 0.5):
        return
    raise _one_sided(
        feature,
        f"lifts the AUC on {rows:,} test rows from {without:.3f}, which all other features reach together, to {auc:.3f}: it "
        "very likely knows the outcome",
    )


def _one_sided(feature: str, finding: str) -> ModelError:
    return ModelError(
        f"feature `{feature}` {finding}",
        where="leakage scan",
        remedy=f"{_REMEDY} If it is honest, name it in training.trusted_features.",
    )
