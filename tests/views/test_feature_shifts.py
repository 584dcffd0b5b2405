"""How the facts of a model moved, before a night has watched them: with the monitors' own verdict."""

from __future__ import annotations

from churn.bootstrap import build_context
from churn.config import load_settings
from churn.views.feature_shifts import feature_shifts
from churn.views.model import model_view
from tests.company import Company


def test_what_moves_with_the_calendar_alone_is_no_alarm(finished_company: Company) -> None:
    home = finished_company.home
    context = build_context(settings=load_settings(config=home / "churn.toml", home=home, environ={}))
    with context.open_store() as store:
        champion = store.models.champion()
    card = model_view(context).card
    assert champion is not None
    assert card is not None
    shifts = {shift.name: shift for shift in feature_shifts(context, champion, card, None)}
    clock = shifts["days_since_first_payment"]
    assert clock.psi > 1, "everybody is months older than those the model learnt from"
    assert clock.severity == "ok", "it had moved at this pace when the model was tested"
    assert clock.limit > clock.psi
