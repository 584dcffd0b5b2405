from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

from churn.bootstrap import build_context
from churn.config import Settings
from churn.context import Company, Context
from churn.views.home import MARKER

NOON = datetime(2026, 9, 1, 12)


def _context(company: Company, moments: list[datetime]) -> Context:
    def closed(*_: object) -> None:
        raise AssertionError

    return Context(
        settings=Settings(),
        clock=lambda: moments[-1],
        open_warehouse=closed,
        open_store=closed,
        company=lambda: company,
    )


def test_a_real_company_lives_in_the_worlds_time() -> None:
    context = _context(Company(), [NOON])
    assert context.in_company_time() is context
    assert context.present(datetime(2026, 7, 1)) == NOON


def test_a_simulated_companys_clock_goes_on_from_the_end_of_its_data() -> None:
    moments = [NOON]
    context = _context(Company(is_simulated=True, data_end=date(2026, 7, 1)), moments)
    clock = context.in_company_time().clock
    assert clock() == datetime(2026, 7, 1)
    moments.append(NOON + timedelta(hours=2))
    assert clock() == datetime(2026, 7, 1, 2)
    assert context.present(datetime(2026, 6, 30)) == datetime(2026, 6, 30)
    assert context.present(None) == moments[-1]


def test_a_simulated_company_whose_data_end_later_than_now_has_no_clock_of_its_own() -> None:
    context = _context(Company(is_simulated=True, data_end=date(2026, 10, 1)), [NOON])
    assert context.in_company_time() is context


def test_the_company_s_clocks_and_utc_say_each_other() -> None:
    settings = Settings.model_validate({"reporting": {"timezone": "America/New_York"}})
    context = replace(_context(Company(), [NOON]), settings=settings)
    assert context.local_now() == context.local_of(NOON) == datetime(2026, 9, 1, 8)
    assert context.utc_of(datetime(2026, 9, 1, 8)) == NOON
    assert context.utc_of(datetime(2026, 12, 1)) == datetime(2026, 12, 1, 5)


def test_bootstrap_sees_a_demo_that_is_made_or_played_forward_later(tmp_path) -> None:
    context = build_context(settings=Settings(home=tmp_path))
    assert context.company() == Company()
    (tmp_path / "churn.toml").write_text(MARKER, encoding="utf-8")
    assert context.company() == Company(is_simulated=True)
    for day in ("2026-06-01", "2026-07-01"):
        (tmp_path / "data" / "state" / day).mkdir(parents=True)
        assert context.company() == Company(is_simulated=True, data_end=date.fromisoformat(day))
