"""What churn was in one month."""

from __future__ import annotations

from datetime import date

from churn.documents.document import Document


class ChurnMonth(Document):
    """A whole month: customers as it began, who of them left and why, and monthly revenue with what of it was lost."""

    month: date
    customers: int
    voluntary_churners: int
    involuntary_churners: int
    churn_rate: float
    monthly_revenue: float
    monthly_revenue_lost: float
