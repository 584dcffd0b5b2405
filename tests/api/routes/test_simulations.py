"""Saved simulations by the API: kept under a name, compared two at a time."""

from __future__ import annotations

from tests.api.conftest import Service


def test_two_saved_simulations_are_compared(service: Service) -> None:
    key = service.key("simulate")
    for name, cost in (("cheap", 1.0), ("dear", 5.0)):
        asked = {"contacts": 200, "contact_cost": cost, "success_rate_low": 0.2, "margin": 20, "name": name}
        assert service.client.post("/v1/simulations", json=asked, headers=key).status_code == 200
    found = service.client.get("/v1/simulations/compare?first=cheap&second=dear", headers=key).json()
    assert found["different_terms"] == {"contact_cost": [1, 5]}
    assert found["differences"]["cost"] == 800
    assert found["differences"]["net_profit"] == -800
    assert found["is_same_list"]
    missing = service.client.get("/v1/simulations/compare?first=cheap&second=none", headers=key)
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


def test_the_pages_answers_come_from_the_list_that_is_current(service: Service) -> None:
    from churn.decisions.simulation_request import SimulationRequest

    simulator = service.app.churn.simulator
    first = simulator.answer(SimulationRequest(contacts=100))
    with service.context.open_store() as store:
        assert first.run_id == store.published.current_run().run_id
    assert simulator.prepared() is simulator.prepared()
    assert first.document.contacts == 100
