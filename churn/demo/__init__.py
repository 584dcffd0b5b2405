"""The simulated subscription company: raw files as a business would deliver them, with known potential outcomes beside."""

from churn.demo.company import CompanyFiles, generate_company, sources_toml
from churn.demo.scenarios import SCENARIOS, Scenario

__all__ = ["SCENARIOS", "CompanyFiles", "Scenario", "generate_company", "sources_toml"]
