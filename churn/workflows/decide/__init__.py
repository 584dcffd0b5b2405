"""Decides at a moment, such as a click on cancel or a call, whether a customer gets an offer, by the round in force."""

from churn.workflows.decide.decide import Deciders, MomentRequest

__all__ = ["Deciders", "MomentRequest"]
