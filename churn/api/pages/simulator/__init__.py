"""The ROI simulator."""

from churn.api.pages.simulator.page import router

__all__ = ["router"]
