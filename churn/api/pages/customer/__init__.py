"""The page of one customer."""

from churn.api.pages.customer.page import router

__all__ = ["router"]
