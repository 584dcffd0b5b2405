"""Prices a campaign before it runs: who to contact, what it costs, what it brings, how sure that is, what it assumes."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from churn.decisions.audit import Finding, audit, audit_case_study, by_severity
from churn.decisions.profit import Economics, ProfitModel, value_of_save
from churn.decisions.simulation import Mode, SimulationResult, simulate, simulate_counts
from churn.errors import ConfigError, DataError, NoChampion
from churn.workflows.context import Context
from churn.workflows.economics import economics_from
from churn.workflows.judge_model import Judgement, judge_model
from churn.workflows.simulation_document import Origin, build_document
from churn.workflows.simulation_files import write

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CASE_MARGIN = 25.0
CASE_ECONOMICS = Economics(value_months=1)


@dataclass(frozen=True)
class SimulationRequest:
    """What to simulate; what is None comes from the settings. At most one of threshold, budget and contacts.

    `value` is the money that a save is worth, for every customer; without it each customer's margin over `months`.
    `on`: the published scores, whose outcomes are not known yet, or the champion's evaluation set, whose are.
    """

    threshold: float | None = None
    budget: float | None = None
    contacts: int | None = None
    contact_cost: float | None = None
    incentive_cost: float | None = None
    success_rate: float | None = None
    value: float | None = None
    months: int | None = None
    profit_model: ProfitModel | None = None
    preset: Literal["case-study"] | None = None
    on: Literal["scores", "evaluation"] = "scores"
    allow_uncalibrated: bool = False
    save: str | None = None
    name: str | None = None
    seed: int = 7


@dataclass(frozen=True)
class SimulatedCampaign:
    """What was asked and the answer as one document, whose keys are the same for every simulation."""

    request: SimulationRequest
    document: dict[str, Any]


@dataclass(frozen=True)
class _Population:
    """The customers to choose from: arrays of shape (n,); outcomes where they are known."""

    probability: NDArray[np.float64]
    margin: NDArray[np.float64]
    outcome: NDArray[np.bool_] | None
    origin: Origin
    judgement: Judgement


def simulate_campaign(context: Context, request: SimulationRequest) -> SimulatedCampaign:
    """Simulate `request` on the published scores, the evaluation set, or the numbers of a preset; save it if named.

    Raises ConfigError for a request that contradicts itself, DataError when nothing has been published, NotCalibrated
    when the probabilities fail the gate and the request does not allow that.
    """
    _refuse_endless(request)
    mode, amount = _mode(request)
    if request.value is not None and request.months is not None:
        raise ConfigError(
            "a value of a save already covers all its months", where="--value", remedy="Give --value or --months."
        )
    if request.preset is not None:
        campaign = SimulatedCampaign(request, _case_study(context, request, mode))
    else:
        campaign = SimulatedCampaign(request, _on_population(context, request, mode, amount))
    if request.save:
        with context.open_store() as store:
            inputs = {k: v for k, v in asdict(request).items() if v is not None}
            store.simulations.save(request.save, inputs, campaign.document, context.clock())
    return campaign


def _refuse_endless(request: SimulationRequest) -> None:
    for name in ("threshold", "budget", "contact_cost", "incentive_cost", "success_rate", "value"):
        asked = getattr(request, name)
        if asked is not None and not math.isfinite(asked):
            raise ConfigError(f"{asked} is not an amount", where=f"--{name.replace('_', '-')}", remedy="Give a number.")


def _mode(request: SimulationRequest) -> tuple[Mode, float | None]:
    asked: list[tuple[Mode, float | None]] = [
        ("threshold", request.threshold),
        ("budget", request.budget),
        ("contacts", request.contacts),
    ]
    given = [(mode, amount) for mode, amount in asked if amount is not None]
    if len(given) > 1:
        names = " and ".join(f"--{mode}" for mode, _ in given)
        raise ConfigError(f"{names} exclude one another", where="churn simulate", remedy="Give one of them.")
    return given[0] if given else ("optimum", None)


def _economics(base: Economics, request: SimulationRequest) -> Economics:
    """Lay the request over the settings; a success rate takes its range along in proportion."""
    changes: dict[str, Any] = {
        name: getattr(request, name)
        for name in ("contact_cost", "incentive_cost", "profit_model")
        if getattr(request, name) is not None
    }
    if request.months is not None:
        changes["value_months"] = request.months
    if request.success_rate is not None:
        rate, ratio = request.success_rate, request.success_rate / base.success_rate if base.success_rate > 0 else 1.0
        changes["success_rate"] = rate
        changes["success_rate_low"] = min(rate, base.success_rate_low * ratio)
        changes["success_rate_high"] = max(rate, min(1.0, base.success_rate_high * ratio))
    return replace(base, **changes)


def _case_study(context: Context, request: SimulationRequest, mode: Mode) -> dict[str, Any]:
    if request.preset != "case-study":
        raise ConfigError(f"no preset `{request.preset}`", where="--preset", remedy="There is `case-study`.")
    if mode != "optimum" or request.on != "scores":
        raise ConfigError(
            "the case study is known at its one threshold only", where="--preset", remedy="Leave out where to cut."
        )
    economics = _economics(CASE_ECONOMICS, request)
    value = request.value
    if value is None:
        value = float(value_of_save(CASE_MARGIN, months=economics.value_months, hazard=economics.hazard_after_save))
    result = simulate_counts(
        customers=120_000,
        churners=9_600,
        contacts=11_000,
        true_positives=6_800,
        threshold=0.65,
        value=value,
        economics=economics,
        draws=context.settings.simulation.draws,
        seed=request.seed,
    )
    findings = audit_case_study(result, economics, margin=CASE_MARGIN, currency="USD")
    origin = Origin(basis="case_study", currency="USD", name=request.name or request.preset)
    return build_document(result, economics, findings, origin, None, is_overridden=False)


def _on_population(context: Context, request: SimulationRequest, mode: Mode, amount: float | None) -> dict[str, Any]:
    economics = _economics(economics_from(context.settings), request)
    population = _evaluation_set(context) if request.on == "evaluation" else _published_scores(context)
    population.judgement.require(allow_uncalibrated=request.allow_uncalibrated)
    gate = population.judgement.gate
    value: Any = request.value
    if value is None:
        value = value_of_save(
            population.margin,
            months=economics.value_months,
            hazard=economics.hazard_after_save,
            discount_rate=economics.discount_rate,
        )
    context.progress.step(f"Simulating {population.probability.size:,} customers")
    result = simulate(
        population.probability,
        population.outcome,
        value,
        economics,
        mode=mode,
        amount=amount,
        draws=context.settings.simulation.draws,
        seed=request.seed,
    )
    currency = context.settings.business.currency
    findings = audit(result, economics, currency=currency, value_is_given=request.value is not None)
    findings = by_severity([*_about_the_data(population, result), *findings])
    origin = replace(population.origin, currency=currency, name=request.name or request.save)
    return build_document(result, economics, findings, origin, gate, is_overridden=not gate.is_passed)


def _about_the_data(population: _Population, result: SimulationResult) -> list[Finding]:
    found = []
    gate = population.judgement.gate
    if not gate.is_passed:
        reasons = "; ".join(gate.reasons)
        sentence = f"The probabilities failed the calibration gate and were used on request: {reasons}."
        found.append(Finding("uncalibrated", "wrong", sentence, {"slope": gate.slope}))
    if population.origin.stale_reason:
        sentence = f"The scores are stale: {population.origin.stale_reason}."
        found.append(Finding("scores_are_stale", "caution", sentence, {}))
    if result.outcomes == "known":
        sentence = "Priced on past customers whose outcomes are known, not on those who can be contacted now."
        found.append(Finding("past_customers", "note", sentence, {"customers": float(result.customers)}))
    return found


def _published_scores(context: Context) -> _Population:
    with context.open_store() as store:
        page = store.scores.page(limit=None, columns=["churn_probability", "monthly_margin"])
    run, frame = page.run, page.frame
    if run is None:
        raise DataError("no scores have been published yet", where="scores", remedy="Run `churn score` first.")
    return _Population(
        probability=frame["churn_probability"].to_numpy(),
        margin=frame["monthly_margin"].to_numpy(),
        outcome=None,
        judgement=judge_model(context, run.model_version),
        origin=Origin(
            basis="scores",
            model_version=run.model_version,
            snapshot_date=run.snapshot_date,
            scored_at=run.scored_at,
            data_cutoff=run.data_cutoff,
            stale_reason=(run.stale_reason or "not said why") if run.is_stale else None,
        ),
    )


def _evaluation_set(context: Context) -> _Population:
    with context.open_store() as store:
        champion = store.models.champion()
    if champion is None:
        raise NoChampion(
            "no model has been promoted yet",
            where="registry",
            remedy="Run `churn train`, or promote a version of `churn models list`.",
        )
    judgement = judge_model(context, champion.version)
    frame = judgement.frame
    dates = frame["snapshot_date"].to_list()
    return _Population(
        probability=frame["churn_probability"].to_numpy(),
        margin=frame["monthly_margin"].to_numpy(),
        outcome=frame["has_churned"].to_numpy().astype(bool),
        judgement=judgement,
        origin=Origin(basis="evaluation", model_version=champion.version, snapshot_date=max(dates, default=None)),
    )


def write_simulation(context: Context, simulation: SimulatedCampaign, path: Path) -> Path:
    """Write a simulation to `path` as .csv (the curve), .json (everything) or .html (a page to read and print)."""
    return write(simulation.document, path, home=context.settings.home)
