"""When customers leave: hazards by month and cause, learnt from how long customers of the training snapshots stayed."""

from churn.modeling.lifetime.learn import learn_lifetime
from churn.modeling.lifetime.serving import FILE, Lifetime, LifetimeFigures
from churn.modeling.lifetime.words import lifetime_lines

__all__ = ["FILE", "Lifetime", "LifetimeFigures", "learn_lifetime", "lifetime_lines"]
