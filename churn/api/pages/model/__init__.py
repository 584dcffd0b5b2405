"""The page of the champion: comparison, calibration, drift, history."""

from churn.api.pages.model.page import router

__all__ = ["router"]
