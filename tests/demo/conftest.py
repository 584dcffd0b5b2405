"""One simulated company of moderate size, made once and measured by many tests."""

from __future__ import annotations

import pytest

from churn.demo import CompanyFiles, generate_company
from tests.demo.measures import Facts, Snapshots, load_facts, observe


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> CompanyFiles:
    return generate_company(tmp_path_factory.mktemp("company"), customers=12_000, months=12, seed=3)


@pytest.fixture(scope="session")
def facts(company: CompanyFiles) -> Facts:
    return load_facts(company)


@pytest.fixture(scope="session")
def snapshots(company: CompanyFiles, facts: Facts) -> Snapshots:
    return observe(company, facts, first_month=3)
