"""Champion against challenger: what each would have earned on outcomes that neither has learnt from, in pairs."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from churn.decisions.checks import Floats
from churn.decisions.profit import Economics, expected_profit
from churn.documents.monitoring import ChallengerContest
from churn.wording import money, percent

LEVEL: Final = 0.95
LEAST_CUSTOMERS: Final = 500


def contest(
    *,
    champion: str,
    challenger: str,
    dates: tuple[str, ...],
    customer: NDArray[np.int64],
    y: Floats,
    value: Floats,
    p_champion: Floats,
    p_challenger: Floats,
    economics: Economics,
    active_customers: int,
    tries: int = 1,
    currency: str = "USD",
) -> ChallengerContest:
    """Compare by what contacting everybody with a positive expected profit would have earned, rows (n,) in pairs.

    The sum of differences has the variance of its customers' sums (rows of one customer are not independent); the 95 %
    interval is widened for the number of models tried (Bonferroni), those among which a challenger was chosen on these
    rows too. Won where all of it lies above zero.
    """
    from scipy.special import ndtri

    earned = expected_profit(y, value, economics)
    chosen = [(expected_profit(p, value, economics) > 0.0).astype(np.float64) for p in (p_champion, p_challenger)]
    per_customer = np.bincount(customer, weights=(chosen[1] - chosen[0]) * earned)
    people = int(np.unique(customer).size)
    held = np.bincount(customer) > 0
    sums = per_customer[held]
    gain = float(sums.sum())
    error = float(sums.std(ddof=1)) * math.sqrt(people) if people > 1 else math.inf
    reach = float(ndtri(1.0 - (1.0 - LEVEL) / (2.0 * tries)))
    low, high = gain - reach * error, gain + reach * error
    is_enough = people >= LEAST_CUSTOMERS
    churners = max(float(y.sum()), 1.0)
    recalls = [float(c @ y) / churners for c in chosen]
    months = max(len(dates), 1)
    per_month = gain / max(y.size, 1) * active_customers
    is_won = is_enough and low > 0.0
    span = f"95 % interval {money(low, currency)} to {money(high, currency)}"
    comparison = (
        f"on {y.size:,} outcomes of {months} snapshot date{'s' * (months > 1)} that neither has learnt from, {challenger} would have "
        f"earned {money(abs(gain), currency)} {'more' if gain >= 0 else 'less'} than {champion} ({span}); it would have "
        f"reached {percent(recalls[1])} of those who left, the champion {percent(recalls[0])}"
    )
    verdict = (
        "The challenger wins" if is_won else "Not enough outcomes to decide" if not is_enough else "Nothing is proven"
    )
    return ChallengerContest(
        challenger=challenger,
        champion=champion,
        dates=dates,
        rows=y.size,
        customers=people,
        gain=gain,
        low=low,
        high=high,
        gain_monthly=per_month,
        recall_champion=recalls[0],
        recall_challenger=recalls[1],
        is_won=is_won,
        sentence=f"{verdict}: {comparison}.",
    )
