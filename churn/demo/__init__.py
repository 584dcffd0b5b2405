"""The simulated subscription company: raw files as a business would deliver them, with known potential outcomes beside."""

from churn.demo.company import CompanyFiles, generate_company, sources_toml
from churn.demo.fates import potential_outcomes
from churn.demo.offers import OFFERS
from churn.demo.play import PlayedMonth, play_month
from churn.demo.scenarios import SCENARIOS, Scenario
from churn.demo.state import CompanyState, load_state

__all__ = [
    "OFFERS",
    "SCENARIOS",
    "CompanyFiles",
    "CompanyState",
    "PlayedMonth",
    "Scenario",
    "generate_company",
    "load_state",
    "play_month",
    "potential_outcomes",
    "sources_toml",
]
