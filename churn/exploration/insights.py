"""Finds who leaves more than others: searched on earlier dates, tested on later ones, pruned, and ranked by money."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from churn.decisions.experiment import holm, wilson_interval
from churn.exploration.conditions import Condition
from churn.exploration.cuts import LEAST_SHARE, MOST_SHARE, Cut, best_cuts, chi_square
from churn.exploration.encoding import Encoded
from churn.exploration.redundancy import ADDS, SAME, Said, Topics, phi
from churn.exploration.table import ExplorationTable

Bools = NDArray[np.bool_]
Rows = NDArray[np.int64]

MOST_SINGLES: Final = 20
MOST_PAIRS: Final = 8
_INSIDE: Final = 8  # findings within which a second condition is looked for
_ALPHA: Final = 0.05
_LEAST_TESTED_LIFT: Final = 1.2
_PAIR_LIFT: Final = 1.4  # what the second condition must add to the first, and the first to the second
_MOST_SEARCHED: Final = 300_000  # rows that redundancy and pairs are looked for in; the test is made on all
_Z: Final = 1.959963984540054
_SAME_TOPIC_ADDS: Final = 2.0  # what a second finding about the same thing must add to the first
_STAND_IN: Final = 0.8  # weight of a column in a pair, where an earlier insight is about the same subject
_SUSPECT: Final = 10.83  # chi-square with p = .001: weaker ones are not worth a test

# Where several columns find the same customers, the best known one is shown: the company's own key figures before
# other counts, flags and categories, those before quotients, and last what nobody can picture.
KEY_FIGURES: Final = frozenset(
    [
        "days_since_last_login",
        "number_of_payment_failures_60d",
        "support_tickets_90d",
        "customer_time_in_months",
        "is_new_user",
        "average_weekly_usage",
        "monthly_fee",
        "plan",
    ]
)
_ABSTRACT: Final = re.compile(r"\b(sine|cosine|of 1|times|fitted|ratio|slope|expected|habit)\b|_(ratio|slope|change)\b")


@dataclass(frozen=True)
class Insight:
    """One finding; rates, lift and intervals are those of the rows tested, share and money those of today's customers."""

    conditions: tuple[Condition, ...]
    churn_rate: float
    interval: tuple[float, float]
    rest_rate: float
    lift: float
    lift_interval: tuple[float, float]
    searched_rate: float
    tested_rows: int
    tested_churned: int
    share: float
    customers: int
    monthly_fees: float
    involuntary_share: float
    p_value: float
    p_adjusted: float

    @property
    def sql(self) -> str:
        """The condition over features."""
        return " and ".join(condition.sql for condition in self.conditions)

    @property
    def words(self) -> str:
        """The condition in words, in small letters."""
        return " and ".join(condition.words for condition in self.conditions)

    @property
    def money_at_risk(self) -> float:
        """Monthly fees of today's customers in the group, times its churn rate."""
        return self.monthly_fees * self.churn_rate


@dataclass(frozen=True)
class Findings:
    """The insights, those of most money at risk first; and how many conditions were looked at, tested, and confirmed."""

    insights: tuple[Insight, ...]
    looked_at: int
    tested: int

    @property
    def confirmed(self) -> int:
        """How many stood the test."""
        return len(self.insights)


def find_insights(table: ExplorationTable, counts: Mapping[str, NDArray[np.int64]]) -> Findings:
    """Return what is found in `table`; `counts` as Table.counts returns them, by column.

    Conditions are chosen on the rows searched only. Each is then tested once on the rows tested, against everyone else
    there, a second condition also against the first alone; p-values are corrected by Holm's method over all tested.
    """
    step = max(1, int(table.bounds[2]) // _MOST_SEARCHED)
    rows = np.arange(0, int(table.bounds[2]), step)  # those who stayed come first
    middle = int(np.searchsorted(rows, table.bounds[1]))
    groups_so_far, topics = Said(rows >= table.bounds[1]), Topics(table)
    singles = _singles(table, counts, groups_so_far, topics, rows)
    pairs = _pairs(table, [cut.condition for cut in singles], groups_so_far, topics, rows, middle)
    chosen = [(cut.condition,) for cut in singles] + pairs
    measured = [insight for conditions in chosen if (insight := _measured(table, conditions)) is not None]
    adjusted = holm([insight.p_value for insight in measured]) if measured else np.empty(0)
    insights = [
        replace(insight, p_adjusted=float(p))
        for insight, p in zip(measured, adjusted, strict=True)
        if p < _ALPHA and insight.lift >= _LEAST_TESTED_LIFT
    ]
    insights.sort(key=lambda insight: (-insight.money_at_risk, insight.sql))
    looked = sum(_considered(column) for column in table.columns) * (1 + min(_INSIDE, len(singles)))
    return Findings(tuple(insights), looked, len(measured))


def is_abstract(column: Encoded) -> bool:
    """Say whether a column is a quotient or an angle, which people find hard to picture."""
    return bool(_ABSTRACT.search(column.doc.phrase or "") or _ABSTRACT.search(column.name))


def weight(column: Encoded) -> float:
    """Return how readily people understand a column, 0 to 1.3: what its strength counts for among columns of one kind."""
    if column.name in KEY_FIGURES:
        return 1.3
    if is_abstract(column):
        return 0.25
    return 1.0 if column.is_integer else 0.8


def _singles(
    table: ExplorationTable, counts: Mapping[str, NDArray[np.int64]], groups_so_far: Said, topics: Topics, rows: Rows
) -> list[Cut]:
    cuts = [cut for column in table.columns for cut in best_cuts(column, counts[column.name][0])]
    cuts = [cut for cut in cuts if cut.chi_square / table.parts.overlap > _SUSPECT and not _is_odd(cut.condition)]
    cuts.sort(key=_precedence)
    kept: list[Cut] = []
    for cut in cuts:
        if len(kept) == MOST_SINGLES:
            break
        column = cut.condition.column
        is_known = topics.of(column) is not column
        if is_known and is_abstract(column):
            continue
        covered = cut.condition.covers(rows)
        if not groups_so_far.has_said(covered, least=_SAME_TOPIC_ADDS if is_known else ADDS):
            groups_so_far.say(covered)
            topics.add(column)
            kept.append(cut)
    return kept


def _precedence(cut: Cut) -> tuple[bool, float, str]:
    """Order cuts: the key figures first, so that others come in where they add to them; then by strength."""
    column = cut.condition.column
    return (column.name not in KEY_FIGURES, -cut.chi_square * _weight(cut.condition), column.name)


def _weight(condition: Condition) -> float:
    return weight(condition.column) * (0.9 if condition.low is not None and condition.high is not None else 1.0)


def _is_odd(condition: Condition) -> bool:
    """Say whether a condition sets a bound below zero on a difference, which is hard to understand."""
    return is_abstract(condition.column) and any(v < 0 for v in (condition.low, condition.high) if v is not None)


def _pairs(
    table: ExplorationTable, singles: list[Condition], groups_so_far: Said, topics: Topics, rows: Rows, middle: int
) -> list[tuple[Condition, ...]]:
    """Return pairs of conditions whose second part divides the first anew, the strongest first."""
    candidates: list[tuple[float, Condition, Condition]] = []
    inside = {first.sql: first.covers(rows) for first in singles[:_INSIDE]}
    for first in singles[:_INSIDE]:
        within = rows[inside[first.sql]]
        split = int(np.searchsorted(within, rows[middle])) if middle < rows.size else within.size
        for column in table.columns:
            topic = topics.of(column)
            if topic is topics.of(first.column) or (topic is not column and is_abstract(column)):
                continue
            codes = column.codes[within]
            sides = (codes[:split], codes[split:])
            counts = np.stack([np.bincount(side, minlength=column.size) for side in sides], axis=1)
            candidates += [
                (
                    cut.chi_square * _weight(cut.condition) * (1.0 if topic is column else _STAND_IN),
                    first,
                    cut.condition,
                )
                for cut in best_cuts(column, counts)
                if not _is_odd(cut.condition)
                and cut.lift >= _PAIR_LIFT
                and cut.chi_square / table.parts.overlap > _SUSPECT
            ]
    candidates.sort(key=lambda pair: (-pair[0], pair[1].sql, pair[2].sql))
    # The pair leaves more than either of its parts, as was checked; it must also add to the other pairs.
    pairs = Said(np.arange(rows.size) >= middle)
    kept: list[tuple[Condition, ...]] = []
    about: set[frozenset[str]] = set()
    for _, first, second in candidates:
        subject = frozenset(topics.of(condition.column).name for condition in (first, second))
        if subject in about or len(kept) == MOST_PAIRS:
            continue
        alone = second.covers(rows)
        both = inside[first.sql] & alone
        is_single = any(phi(both, group) >= SAME for group in groups_so_far.groups)
        if not is_single and _adds_to_both(both, alone, middle) and not pairs.has_said(both):
            pairs.say(both)
            kept.append((first, second))
            about.add(subject)
    return kept


def _adds_to_both(both: Bools, second: Bools, middle: int) -> bool:
    """Say whether the pair is large enough, and leaves clearly more than the second condition does without the first."""
    rows, alone = int(np.count_nonzero(both)), second & ~both
    if not LEAST_SHARE <= rows / both.size <= MOST_SHARE:
        return False
    others = int(np.count_nonzero(alone))
    rate = np.count_nonzero(both[middle:]) / rows
    return others == 0 or bool(rate >= _PAIR_LIFT * np.count_nonzero(alone[middle:]) / others)


def _measured(table: ExplorationTable, conditions: tuple[Condition, ...]) -> Insight | None:
    """Return what a finding is on the rows tested and on today's customers; None where nobody is left to test it on.

    Its p-value is not adjusted yet.
    """
    first, middle, last = (int(b) for b in table.bounds[2:5])
    tested = slice(first, last)
    inside = [condition.covers(tested) for condition in conditions]
    covered = np.logical_and.reduce(inside)
    left, rows = int(np.count_nonzero(covered[middle - first :])), int(np.count_nonzero(covered))
    all_left, all_rows = last - middle, last - first
    if rows in (0, all_rows) or all_left in {0, all_rows}:
        return None
    overlap = table.parts.overlap
    p_value = _p_value(left, rows, all_left, all_rows, overlap)
    if len(conditions) > 1:
        alone_left, alone = int(np.count_nonzero(inside[0][middle - first :])), int(np.count_nonzero(inside[0]))
        p_value = max(p_value, _p_value(left, rows, alone_left, alone, overlap))
    rate, rest = left / rows, (all_left - left) / (all_rows - rows)
    low, high = wilson_interval(np.array([rate]), np.array([rows / overlap]), _Z)
    searched = np.logical_and.reduce([condition.covers(slice(0, first)) for condition in conditions])
    searched_left = int(np.count_nonzero(searched[int(table.bounds[1]) :]))
    now = np.logical_and.reduce([condition.covers(table.current) for condition in conditions])
    lost_rows = np.flatnonzero(covered[middle - first :]) + middle
    involuntary = table.involuntary[lost_rows]
    return Insight(
        conditions=conditions,
        churn_rate=rate,
        interval=(float(low[0]), float(high[0])),
        rest_rate=rest,
        lift=rate / rest if rest > 0 else math.inf,
        lift_interval=lift_interval(left, rows, all_left - left, all_rows - rows, overlap),
        searched_rate=searched_left / max(1, int(np.count_nonzero(searched))),
        tested_rows=rows,
        tested_churned=left,
        share=float(np.mean(now)) if now.size else 0.0,
        customers=int(np.count_nonzero(now)),
        monthly_fees=float(table.fee[now].sum()),
        involuntary_share=float(np.mean(involuntary)) if involuntary.size else 0.0,
        p_value=p_value,
        p_adjusted=p_value,
    )


def _p_value(left: int, rows: int, all_left: int, all_rows: int, overlap: float) -> float:
    """Return the p-value that a group leaves more than the rest: one-sided, pooled score test (its square: chi-square)."""
    from scipy import special

    if rows in {0, all_rows} or all_left in {0, all_rows}:
        return 1.0
    strength = float(chi_square(np.array([left]), np.array([rows]), all_left, all_rows)[0]) / overlap
    z = math.copysign(math.sqrt(strength), left / rows - (all_left - left) / (all_rows - rows))
    return float(special.ndtr(-z))


def lift_interval(left: int, rows: int, other_left: int, others: int, overlap: float) -> tuple[float, float]:
    """Return the 95 % interval of a ratio of two shares (Katz 1978), half a case added where one has none."""
    a, b = (left, other_left) if left and other_left else (left + 0.5, other_left + 0.5)
    ratio = math.log((a / rows) / (b / others))
    error = math.sqrt(max(0.0, overlap * (1 / a - 1 / rows + 1 / b - 1 / others)))
    return math.exp(ratio - _Z * error), math.exp(ratio + _Z * error)


def _considered(column: Encoded) -> int:
    """Return how many conditions on a column are looked at."""
    if column.kind == "text":
        return len(column.levels)
    edges = len(column.edges)
    return 2 if column.kind == "flag" else 2 * edges + edges * (edges - 1) // 2
