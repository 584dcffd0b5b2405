"""Plays the whole loop on a simulated company."""

from churn.workflows.demo.campaigns import DemoCampaigns
from churn.workflows.demo.play import generate, play_forward
from churn.workflows.demo.programme import PlayedOffer, PlayedProgramme, play_programme
from churn.workflows.demo.run import DemoResult, run_demo

__all__ = [
    "DemoCampaigns",
    "DemoResult",
    "PlayedOffer",
    "PlayedProgramme",
    "generate",
    "play_forward",
    "play_programme",
    "run_demo",
]
