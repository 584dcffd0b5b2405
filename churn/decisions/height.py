"""The height post: is a programme's audience tall enough to learn its offers apart, to prove it, and to pay for it?

A programme gives most customers the offer that is best by what is believed, leaves a share of them alone (the holdout), and
gives a small random slice any offer, or none, by chance. Three things are asked before it starts:

* **Learning.** How much of what knowing the offers' true numbers would add to the static plan does the belief earn by then?
* **Proof.** With what chance does the log show that the programme's choices beat the plain risk rule: the one offer that is
  expected to earn most by one success rate on all churn, to whoever it pays for by risk? The statistic is the doubly robust gain
  of `decisions.off_policy`, choices of a month being judged on that month. Its variance is known beforehand: the sum over
  arms of (pi - pi0)^2 / p times the variance of the outcome, and the spread of the gain over customers.
* **Money.** What does the slice cost a month, and does the programme earn more than the static plan over its months?

All three are averages over companies drawn from the offers' prior ranges; see `decisions.preposterior`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from churn.decisions.choices import Height, HeightReason
from churn.decisions.preposterior import MOST_MONTHS, ForeseenProgramme, MonthAhead, ProgrammeOutlook

TALL, SMALL = 0.8, 0.2  # chances of proof from which on a programme is tall enough, and down from which it is too small
LEARNT: Final = 0.8  # share of what can be learnt from which on offers are told apart
NOTHING: Final = 0.01  # of the static plan's profit: less to learn counts as nothing
_EXPONENTS: Final = (
    -12,
    20,
)  # sizes looked at, in halves of a doubling: from a 64th of the audience to a thousand times it


@dataclass(frozen=True)
class HeightPost:
    """The verdict, what it rests on, and what would be needed; money is a month's unless said otherwise.

    `pays_back`: the programme is expected to earn more than the static plan within `months`; `reason` says why not.
    `height` says whether the proof comes by then, with the chance `chance_to_certify`: 80 % or more, 20 % or less, or open.
    `months_to_learn` and `months_to_certify` are None beyond `MOST_MONTHS`; `customers_to_learn` and `customers_to_certify` are the
    monthly audiences that do it within `months`, at the same budget per customer, None where no size looked at does.
    `gain` is the money over the static plan in those months, `gain_without_slice` that of learning without one.
    `static_profit` and `rule_profit` are those of the static plan and the risk rule, `knowable` what knowing the offers' true
    numbers would add to the static plan.
    """

    pays_back: bool
    reason: HeightReason
    height: Height
    months: int
    customers: float
    chance_to_certify: float
    months_to_learn: int | None
    months_to_certify: int | None
    customers_to_learn: float | None
    customers_to_certify: float | None
    slice_cost: float
    gain: float
    gain_without_slice: float
    static_profit: float
    rule_profit: float
    knowable: float
    ahead: tuple[MonthAhead, ...]


def height_post(outlook: ProgrammeOutlook, *, seed: int = 0) -> HeightPost:
    """Return whether a programme can learn, prove itself and pay back; the same question gives the same answer."""
    outlook = outlook.thinned(seed)
    programme = ForeseenProgramme(outlook, seed)
    ahead = programme.months_ahead(MOST_MONTHS)
    last = ahead[outlook.months - 1]
    without = ForeseenProgramme(replace(outlook, slice_share=0.0), seed).months_ahead(outlook.months)[-1]
    static, knowable = programme.static_profit(), programme.knowable()
    is_blank = knowable <= NOTHING * abs(static)
    sizes = _Sizes(outlook, seed)
    return HeightPost(
        pays_back=not is_blank and last.gain > 0.0,
        reason=_reason(last.gain, without.gain, is_blank=is_blank),
        height=height_of(last.certified),
        months=outlook.months,
        customers=outlook.customers,
        chance_to_certify=last.certified,
        months_to_learn=None if is_blank else _first(ahead, _is_learnt),
        months_to_certify=_first(ahead, _is_certified),
        customers_to_learn=None if is_blank else sizes.smallest(_is_learnt),
        customers_to_certify=sizes.smallest(_is_certified),
        slice_cost=programme.slice_cost(),
        gain=last.gain,
        gain_without_slice=without.gain,
        static_profit=static,
        rule_profit=programme.rule_profit(),
        knowable=knowable,
        ahead=ahead,
    )


def height_of(chance: float) -> Height:
    """Return what a chance of proof comes to."""
    if chance >= TALL:
        return "tall_enough"
    return "too_small" if chance <= SMALL else "open"


def _reason(gain: float, gain_without_slice: float, *, is_blank: bool) -> HeightReason:
    if is_blank:
        return "nothing_to_learn"
    if gain > 0.0:
        return "pays_back"
    return "slice_costs_more" if gain_without_slice > 0.0 else "learns_too_slowly"


def _is_learnt(month: MonthAhead) -> bool:
    return month.learnt is not None and month.learnt >= LEARNT


def _is_certified(month: MonthAhead) -> bool:
    return month.certified >= TALL


def _first(ahead: Sequence[MonthAhead], holds: Callable[[MonthAhead], bool]) -> int | None:
    return next((month.month for month in ahead if holds(month)), None)


class _Sizes:
    """What other audiences would come to by the last month; each size is foreseen once."""

    def __init__(self, outlook: ProgrammeOutlook, seed: int) -> None:
        self._outlook, self._seed = outlook, seed
        self._seen: dict[int, MonthAhead] = {}

    def _last(self, exponent: int) -> MonthAhead:
        if exponent not in self._seen:
            programme = ForeseenProgramme(self._outlook.times(2.0 ** (exponent / 2)), self._seed)
            self._seen[exponent] = programme.months_ahead(self._outlook.months)[-1]
        return self._seen[exponent]

    def smallest(self, holds: Callable[[MonthAhead], bool]) -> float | None:
        """Return the customers a month of the smallest size for which `holds` is true, by bisection; None where none is."""
        low, high = _EXPONENTS
        if not holds(self._last(high)):
            return None
        if holds(self._last(low)):
            return float(self._outlook.customers * 2.0 ** (low / 2))
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if holds(self._last(middle)) else (middle, high)
        return float(self._outlook.customers * 2.0 ** (high / 2))
